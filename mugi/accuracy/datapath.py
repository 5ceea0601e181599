"""INT4 layers of a real model on the simulated array, and as `woq` emulates them.

The array multiplies BF16 inputs by INT4 codes and accumulates in BF16, one group of inputs after
the other; the vector array multiplies each group's sums by their scales and adds them up, every
step in BF16. The emulation of `woq` multiplies by dequantised BF16 weights instead, with the sums
of torch. Both are compared with the product of the same inputs and quantised weights in float64.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mugi.array.converter import Array
from mugi.array.gemm import add, gemm
from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError, Mistake
from mugi.int4 import Quantised, quantise
from mugi.llm import texts
from mugi.llm.settings import ModelSettings
from mugi.methods import Int4, Quantiser


def multiply_layers(
    *, model: ModelSettings, weights: Quantiser, tokens: int = 8, text_tokens: int = 256
) -> pd.DataFrame:
    """Return the errors of the array and of torch, a row a linear layer, see `compare`.

    weights: how they are quantised; tokens: the last ones of a text of `text_tokens`, which enter
    the layers. Raises InputError for numbers that the array cannot multiply, and where inputs or
    errors are not finite.
    """
    if not isinstance(weights, Int4) or weights.scheme != "symmetric":
        what = "the array takes -7 to 7; allowed: int4 with scheme=symmetric"
        raise InputError(Mistake(what, where=f"woq {weights}"))
    if not 1 <= tokens <= text_tokens:
        raise InputError(Mistake(f"must be 1 to {text_tokens} (the text)", f"tokens {tokens}"))
    model.check()

    from mugi.accuracy.finite import check_finite, stopped
    from mugi.llm.load import load  # not before the settings are checked: it takes seconds

    loaded, tokenizer = load(model)
    documents = texts.prose_documents()
    ids = texts.first_tokens(loaded, tokenizer, documents, text_tokens, text_tokens)
    rows = []
    for place, inputs, matrix in _captured(loaded, ids, tokens):
        where = f"block {place['block']}, {place['layer']}"
        with stopped(loaded, f"woq={weights}"):
            check_finite(inputs, "inputs", where)
            check_finite(matrix, "weights", where)
            errors = compare(inputs, matrix, weights)
            check_finite(list(errors.values()), "errors", where)
        rows.append({"model": model.name, "woq": str(weights)} | place | errors)
    return pd.DataFrame(rows)


def _captured(model, tokens, last: int) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """Yield place, inputs (tokens, K) and weights (N, K) of the linear layers of the first, the
    middle and the last block, float64 values of BF16 numbers."""
    import torch

    from mugi.llm.matrices import blocks_of

    blocks, seen = blocks_of(model), {}
    linear = {
        (index, name): layer
        for index in sorted({0, len(blocks) // 2, len(blocks) - 1})
        for name, layer in blocks[index].named_modules()
        if isinstance(layer, torch.nn.Linear)
    }
    if not linear:
        raise InputError("this model's blocks have no torch linear layers")
    hooks = [
        layer.register_forward_pre_hook(
            lambda layer, given, place=place: seen.update({place: given[0].flatten(0, -2)[-last:]})
        )
        for place, layer in linear.items()
    ]
    try:
        with torch.inference_mode():
            model(tokens[None], use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    for (index, name), layer in linear.items():
        yield {"block": index, "layer": name}, _bf16(seen[index, name]), _bf16(layer.weight)


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


def _distance(values: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(np.mean((values - expected) ** 2) / np.mean(expected**2)))


def multiply(inputs: np.ndarray, weights: Quantised, array: Array | None = None) -> np.ndarray:
    """Return inputs · weights on the array, BF16 codes uint16 (M, N).

    inputs: BF16 codes (M, K); weights: codes (N, K). Each group's sums are multiplied by its BF16
    scales and added to those of the groups before, rounded to BF16 at each step.
    """
    array = array or Array()
    total = np.zeros((len(inputs), len(weights.codes)), dtype=np.uint16)
    for number, start in enumerate(range(0, inputs.shape[1], weights.group)):
        group = slice(start, start + weights.group)
        sums = gemm(array, inputs[:, group], weights.codes[:, group].T).outputs
        scaled = from_bf16(sums) * from_bf16(weights.scales[:, number])
        total = add(total, to_bf16(scaled))
    return total
