"""The weight matrices of a language model's blocks: of linear layers and of stacked experts."""

import re
from typing import NamedTuple

import torch
from torch.nn import Module
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from mugi.errors import InputError
from mugi.llm.blocks import language_model, layers_of

# classes with stacks of matrices, (stack, …, …), that do not say it: whether inputs come first
_INPUTS_FIRST = {
    "Llama4TextExperts": True,
    "JetMoeParallelExperts": False,
    "RecurrentGemmaRglru": True,  # block-diagonal gates
    "ZambaMambaMixer": False,  # projections by head
}
_ROUTER = re.compile(r"Router|TopKGating")
_ROUTER_NAMES = {"gate", "router", "shared_expert_gate"}
_CONSTANTS = {"A_log", "D"}  # of state spaces, no matrices that inputs multiply
_PLAIN = {torch.float32, torch.float16, torch.bfloat16, torch.float64}
_PACKED = {"qweight", "weight_packed"}  # buffers of GPTQ, AWQ and compressed-tensors


class Matrix(NamedTuple):
    """A weight matrix, or a stack of them: parameter `name` of `module`; its inputs run along the
    last axis, or along the last but one if `inputs_first`."""

    module: Module
    name: str
    inputs_first: bool

    @property
    def parameter(self) -> torch.nn.Parameter:
        return getattr(self.module, self.name)


def blocks_of(model: PreTrainedModel) -> torch.nn.ModuleList:
    """Return the blocks of a decoder-only model, of its language model if it is multi-modal;
    InputError for other models."""
    decoder = decoder_of(model)
    layers = layers_of(decoder).count
    lists = [part for part in decoder.modules() if isinstance(part, torch.nn.ModuleList)]
    lists = [part for part in lists if len(part) == layers]
    if not lists:
        raise InputError(f"woq: no list of {layers} blocks in {type(model).__name__}")
    return max(lists, key=lambda part: sum(p.numel() for p in part.parameters()))


def decoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """Return the language model of a decoder-only model; InputError for other models."""
    if not model.can_generate() or model.config.is_encoder_decoder:
        raise InputError(
            f"woq and kvq: {type(model).__name__} is no decoder-only model; "
            "allowed: causal language models"
        )
    return language_model(model)


def matrices_of(model: PreTrainedModel) -> list[Matrix]:
    """Return the matrices of the blocks, each once: of linear layers and of experts; the routers
    of experts, which choose, are left out.

    Raises InputError if the blocks hold other matrices, of which nothing is known, or matrices that
    are stored quantised, whose codes are no numbers to round.
    """
    blocks = blocks_of(model)
    if stored := [path for path, module in blocks.named_modules() if _is_quantised(module)]:
        raise InputError(
            f"woq: {len(stored)} layers of this model are stored quantised, for example {stored[0]}"
            "; allowed: plain weights"
        )
    experts = expert_counts(model)
    matrices, seen, unknown = [], set(), []
    for path, module in blocks.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            matrix = parameter.numel() > parameter.shape[-1] if parameter.ndim > 1 else False
            if not matrix or id(parameter) in seen or name.endswith("bias"):
                continue
            seen.add(id(parameter))
            if _is_router(path, module, parameter, experts) or _is_kernel(module, name):
                continue
            inputs_first = _inputs_first(module, parameter)
            if inputs_first is None:
                unknown.append(f"{path}.{name}")
            else:
                matrices.append(Matrix(module, name, inputs_first))
    if unknown:
        raise InputError(
            f"woq: {len(unknown)} matrices of this model's blocks are neither of linear layers nor "
            f"of experts, for example {unknown[0]}"
        )
    if not matrices:
        raise InputError(f"woq: no linear layers in the {len(blocks)} blocks of this model")
    return matrices


def _is_quantised(module: Module) -> bool:
    """Tell whether a module holds codes instead of numbers."""
    matrices = [p for p in module.parameters(recurse=False) if p.ndim > 1]
    buffers = {name for name, _ in module.named_buffers(recurse=False)}
    return any(matrix.dtype not in _PLAIN for matrix in matrices) or bool(_PACKED & buffers)


def expert_counts(model: PreTrainedModel) -> set[int]:
    """Return the numbers of experts in a configuration: of the outputs of its routers."""
    config = language_model(model).config.to_dict()
    return {count for key, count in config.items() if "expert" in key and type(count) is int}


def _is_router(path: str, module: Module, parameter: torch.Tensor, experts: set[int]) -> bool:
    """Tell whether a module chooses experts, or how much a shared one matters."""
    named = path.rpartition(".")[2] in _ROUTER_NAMES and parameter.shape[0] in {1, *experts}
    return named or bool(_ROUTER.search(type(module).__name__))


def _is_kernel(module: Module, name: str) -> bool:
    """Tell whether a parameter is a convolution along the sequence or a state space's constant."""
    return isinstance(module, torch.nn.Conv1d) or name in _CONSTANTS


def _inputs_first(module: Module, parameter: torch.nn.Parameter) -> bool | None:
    """Tell on which axis of a matrix its inputs run; None for one of which nothing is known."""
    if isinstance(module, torch.nn.Linear | Conv1D):
        return isinstance(module, Conv1D)
    if parameter.ndim == 3:
        named = _INPUTS_FIRST.get(type(module).__name__)
        return getattr(module, "is_transposed", None) if named is None else named
    return None
