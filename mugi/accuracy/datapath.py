"""`mugi datapath`: INT4 layers of a real model on the simulated array, and as `woq` emulates them.

The array multiplies BF16 inputs by INT4 codes and accumulates in BF16, one group of inputs after
the other; the vector array multiplies each group's sums by their scales and adds them up, every
step in BF16. The emulation of `woq` multiplies by dequantised BF16 weights instead, with the sums
of torch. Both are compared with the product of the same inputs and quantised weights in float64.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.accuracy import subject
from mugi.array.converter import Array
from mugi.array.gemm import add, gemm
from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError
from mugi.files import check_writable, write_table
from mugi.int4 import Quantised, quantise
from mugi.llm import texts as corpus
from mugi.methods import parse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi datapath`."""
    subject.add_arguments(parser)
    parser.add_argument("--tokens", type=int, default=8, help="last tokens of a text that enter")
    parser.add_argument("--text", type=int, default=256, help="tokens of that text")
    parser.add_argument("--woq", default="int4:group=64", help="how the weights are quantised")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tidy CSV")


def run(args: argparse.Namespace) -> None:
    """Multiply on the array and by torch; write the errors of both, a row a linear layer."""
    method = parse(args.woq, "weights")
    if method.scheme != "symmetric":
        raise InputError(f"--woq {args.woq}: the array takes -7 to 7; allowed: scheme=symmetric")
    if not 1 <= args.tokens <= args.text:
        raise InputError(f"--tokens {args.tokens}: must be 1 to {args.text} (the text)")
    check_writable(args.output)
    subject.check(args)
    documents = corpus.text("prose").documents
    model, tokenizer = subject.load(args)
    tokens = subject.tokens(model, tokenizer, documents, args.text, args.text)
    layers = _captured(model, tokens, args.tokens)
    rows = [
        {"model": args.name, "woq": str(method)} | place | compare(inputs, weights, method)
        for place, inputs, weights in layers
    ]
    write_table(pd.DataFrame(rows), args.output)


def _captured(model, tokens, last: int) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """Yield place, inputs (tokens, K) and weights (N, K) of the linear layers of the first, the
    middle and the last block, float64 values of BF16 numbers."""
    import torch

    from mugi.llm.quantise import blocks_of

    blocks, seen = blocks_of(model), {}
    linear = {
        (index, name): part
        for index in sorted({0, len(blocks) // 2, len(blocks) - 1})
        for name, part in blocks[index].named_modules()
        if isinstance(part, torch.nn.Linear)
    }
    if not linear:
        raise InputError("this model's blocks have no torch linear layers")
    hooks = [
        part.register_forward_pre_hook(
            lambda _, given, place=place: seen.update({place: given[0][0, -last:]})
        )
        for place, part in linear.items()
    ]
    try:
        with torch.inference_mode():
            model(tokens[None], use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    for (index, name), part in linear.items():
        yield {"block": index, "layer": name}, _bf16(seen[index, name]), _bf16(part.weight)


def _bf16(values) -> np.ndarray:
    return values.detach().bfloat16().double().cpu().numpy()


def compare(inputs: np.ndarray, weights: np.ndarray, method) -> dict:
    """Return relative RMS errors for inputs (tokens, K) and weights (N, K).

    `int4_error` is what quantising itself does to the product; `array_error` and `torch_error` are
    the rounding of the array and of the emulation; `emulation_difference` is between both.
    """
    import torch

    quantised = quantise(weights, method.group, method.scheme)
    exact = inputs @ quantised.values().T
    array = from_bf16(multiply(to_bf16(inputs), quantised))
    dequantised = torch.from_numpy(quantised.values()).bfloat16()
    emulated = torch.nn.functional.linear(torch.from_numpy(inputs).bfloat16(), dequantised)
    emulated = emulated.double().numpy()
    return {
        "inputs": weights.shape[1],
        "outputs": weights.shape[0],
        "tokens": len(inputs),
        "int4_error": _distance(exact, inputs @ weights.T),
        "array_error": _distance(array, exact),
        "torch_error": _distance(emulated, exact),
        "emulation_difference": _distance(emulated, array),
    }


def _distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


def multiply(inputs: np.ndarray, weights: Quantised, array: Array | None = None) -> np.ndarray:
    """Return inputs · weights on the array, BF16 codes uint16 (M, N).

    inputs: BF16 codes (M, K); weights: codes (N, K). Each group's sums are multiplied by its BF16
    scales and added to those of the groups before, rounded to BF16 at each step.
    """
    array = array or Array()
    total = np.zeros((len(inputs), len(weights.codes)), dtype=np.uint16)
    for number, start in enumerate(range(0, inputs.shape[1], weights.group)):
        part = slice(start, start + weights.group)
        sums = gemm(array, inputs[:, part], weights.codes[:, part].T).outputs
        scaled = from_bf16(sums) * from_bf16(weights.scales[:, number])
        total = add(total, to_bf16(scaled))
    return total
