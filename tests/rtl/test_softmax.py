"""Softmax in Verilog: exponentials and sums on the array, scaled in the vector unit."""

import numpy as np
import pytest

from mugi.array.converter import Array
from mugi.array.nonlinear import SIGN_BIT
from mugi.array.softmax import MASKED_CODE, softmax
from mugi.bf16 import from_bf16, rounded, to_bf16
from mugi.methods import parse
from tests.rtl import nonlinear
from tests.rtl.operands import pairs
from tests.rtl.simulation import simulate


def scores(rows: int, keys: int) -> np.ndarray:
    """Return scores of a causal mask; some keys lie far below the maximum, row 0 has no key."""
    random = np.random.default_rng(rows + keys)
    values = random.normal(size=(rows, keys)) * np.exp2(random.integers(-6, 6, (1, keys)))
    codes = to_bf16(values - values.max(axis=1, keepdims=True))
    codes[np.arange(keys) > np.arange(rows)[:, None] + keys // 2] = MASKED_CODE
    codes[0] = MASKED_CODE
    return codes


def scaled(values: np.ndarray, factors: np.ndarray, is_sum: bool, folder, **parameters):
    """Return (keys, H) values, scaled in the vector unit by factors (H,)."""
    keys, height = values.shape
    lanes = height // 8
    cycles = height + 8 * keys + 1  # factors, an eighth of a key's values a cycle, the last result
    row = np.minimum(np.arange(cycles), height - 1)
    key, eighth = np.divmod(np.arange(8 * keys), 8)
    of_lanes = np.zeros((cycles, lanes), np.uint16)
    of_lanes[height:-1] = values.reshape(keys, 8, lanes)[key, eighth]
    results = simulate(
        "vector_unit",
        {
            "load": (1, np.arange(cycles) < height),
            "load_eighth": (3, row // lanes),
            "load_lane": (1, row[:, None] % lanes == np.arange(lanes)),
            "is_sum": (1, np.full(cycles, is_sum)),
            "factor": (16, factors[row]),
            "eighth": (3, np.concatenate([np.zeros(height, int), eighth, [0]])),
            "values": (16, of_lanes),
        },
        {"results": (16, lanes)},
        folder,
        LANES=lanes,
        **parameters,
    )["results"]
    return results[height + 1 :].reshape(keys, height)


def check(height: int, keys: int, folder, **options) -> None:
    array, codes = Array(height), scores(height, keys)
    for normalize in ("divide", "reciprocal"):
        method = parse(f"vlp:lut=12,max_exp=3,group={height},normalize={normalize}")
        expected = softmax(array, method, codes)
        mappings, valid = codes.T | SIGN_BIT, (codes != MASKED_CODE).T
        run = nonlinear.run(array, method, "exp", mappings, valid, folder / "array", **options)
        assert np.array_equal(run.sums, expected.sums)
        divide = int(normalize == "divide")
        where = folder / normalize
        found = scaled(run.outputs, run.sums, True, where, DIVIDE=divide, **options)
        assert np.array_equal(found.T, expected.probabilities)


@pytest.mark.parametrize("size", [(8, 7), pytest.param((16, 60), marks=pytest.mark.slow)], ids=str)
def test_softmax_is_that_of_the_simulator(size, tmp_path):
    check(*size, tmp_path)


@pytest.mark.slow
def test_outputs_of_a_gemm_are_scaled(tmp_path):
    codes, _ = pairs(800)
    values = codes[: len(codes) // 16 * 16].reshape(-1, 16)
    scales = to_bf16(np.random.default_rng(0).normal(size=16))
    with np.errstate(all="ignore"):
        expected = rounded(from_bf16(values) * from_bf16(scales))
    found = from_bf16(scaled(values, scales, False, tmp_path))
    assert np.array_equal(found, expected, equal_nan=True)
