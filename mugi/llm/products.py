"""Matrix products of linear layers on a CPU, a fixed number of rows at a time.

Libraries choose how they add products up by the number of rows, so that a row's last bit would
depend on what else is in the batch and on the length of the text. Blocks of one size are always
treated alike. In BF16 they go to AMX where the processor has it. Elsewhere they are multiplied in
FP32, which holds products of BF16 values exactly, and rounded once: without AMX that is 1.5 times
as fast as with BF16 instructions, and 8 times as fast as where there are none.
"""

import torch
from transformers.pytorch_utils import Conv1D

from mugi.accuracy.cells import bf16_products

BLOCK = 256  # rows


def in_blocks(model: torch.nn.Module) -> torch.nn.Module:
    """Let the linear layers of a model, in place, multiply block by block; return it."""
    for module in model.modules():
        module.__class__ = _KINDS.get(type(module), type(module))
    return model


def product(inputs: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return inputs (..., K) times a matrix (N, K), plus a bias (N,): (..., N)."""
    rows = inputs.reshape(-1, inputs.shape[-1])
    if rows.dtype == torch.bfloat16 and bf16_products() != "amx":
        rows, matrix = rows.float(), matrix.float()
        bias = None if bias is None else bias.float()
    out = rows.new_empty(len(rows), len(matrix))
    for part, found in zip(rows.split(BLOCK), out.split(BLOCK), strict=True):
        if len(part) == BLOCK:
            _multiply(part, matrix, bias, found)
        else:
            padded = torch.nn.functional.pad(part, (0, 0, 0, BLOCK - len(part)))
            whole = _multiply(padded, matrix, bias, out.new_empty(BLOCK, len(matrix)))
            found.copy_(whole[: len(part)])
    return out.to(inputs.dtype).view(*inputs.shape[:-1], len(matrix))


def _multiply(rows: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor | None, out):
    if bias is None:
        return torch.mm(rows, matrix.T, out=out)
    return torch.addmm(bias, rows, matrix.T, out=out)


class _Blocks:
    """What a linear layer's class is given in front of its own."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        generating = inputs.dim() > 2 and inputs.shape[-2] == 1  # a token a sequence
        if inputs.device.type != "cpu" or torch.is_grad_enabled() or generating:
            return super().forward(inputs)
        turned = isinstance(self, Conv1D)
        return product(inputs, self.weight.T if turned else self.weight, self.bias)


class BlockLinear(_Blocks, torch.nn.Linear):
    """A linear layer that multiplies block by block."""


class BlockConv1D(_Blocks, Conv1D):
    """The linear layer of GPT-2, block by block."""


_KINDS = {torch.nn.Linear: BlockLinear, Conv1D: BlockConv1D}
