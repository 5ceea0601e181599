"""The adaptive LUT window of VLP."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.bf16 import from_bf16, split, to_bf16
from mugi.methods import parse
from mugi.methods.functions import FUNCTIONS as FUNCTION_OF
from mugi.methods.tables import look_up, pick_positions


def lut_tops(text: str, exponents: list[int]) -> list[int]:
    """Highest LUT exponent for groups of one exp input each, one key after the other."""
    method = parse(text)
    stack = method.stack("exp")
    codes = to_bf16(-(2.0 ** np.array(exponents)))[None]
    positions = pick_positions(stack, codes, np.ones(codes.shape, dtype=bool))[0]
    return [method.windows("exp")[position].lut_low + method.lut - 1 for position in positions]


def test_the_lut_window_rises_at_once_and_falls_slowly():
    text = "vlp:lut=8,max_exp=3,adapt=6,leak=2"
    assert lut_tops(text, [0, 0, 2, -3, -3, -3, -3, 1, -9, 5, 0]) == [
        *[0, 0, 2],
        *[2, 1, 1, 0, 1],  # a step every two groups, and up again
        *[1, 3, 3],  # never beyond max_exp
    ]
    assert lut_tops("vlp:lut=8,max_exp=3,adapt=2,leak=1", [-5, -5]) == [1, 1]  # nor below
    assert lut_tops("vlp:lut=8,max_exp=3", [-5, 0, 9]) == [3, 3, 3]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 1024), st.integers(0, 16))
def test_an_adaptive_window_never_overflows_before_max_exp(seed, leak, adapt):
    """Inputs up to max_exp stay within the window of their group."""
    method = parse(f"vlp:lut=8,max_exp=3,adapt={adapt},leak={leak},group=4")
    random = np.random.default_rng(seed)
    codes = to_bf16(random.normal(size=(12, 30)) * np.exp2(random.integers(-9, 2, (1, 30))))
    for function in ("exp", "silu"):
        picked = pick_positions(method.stack(function), codes, np.ones(codes.shape, dtype=bool))
        highs = np.array([window.high for window in method.windows(function)])[picked]
        exponent = split(codes, 3).exponent
        assert (exponent[exponent <= 3] <= highs[exponent <= 3]).all()


def test_tokens_and_tiles_of_queries_adapt_on_their_own():
    """So that padding, batch size and order change nothing."""
    method = parse("vlp:lut=8,max_exp=3,adapt=8,leak=4,group=4")
    codes = to_bf16(np.random.default_rng(0).normal(size=(12, 20)) * np.exp2(np.arange(20) - 12))
    silu, exp = method.stack("silu"), method.stack("exp")
    order = np.random.default_rng(1).permutation(20)
    np.testing.assert_array_equal(look_up(silu, codes)[:, order], look_up(silu, codes[:, order]))
    np.testing.assert_array_equal(look_up(exp, codes)[4:8], look_up(exp, codes[4:8]))
    assert (look_up(exp, codes)[:, order] != look_up(exp, codes[:, order])).any()


def relative_error(function: str, text: str, inputs: np.ndarray) -> float:
    """Sum of absolute errors over the sum of absolute values."""
    codes = to_bf16(inputs)
    exact = FUNCTION_OF[function](from_bf16(codes))
    found = from_bf16(look_up(parse(text).stack(function), codes))
    return np.abs(found - exact).sum() / np.abs(exact).sum()


@pytest.mark.parametrize("shift", range(-4, 5))
def test_an_adaptive_window_is_as_good_as_the_fixed_one_made_for_the_scale(shift):
    """SiLU of normal inputs times 2**shift; what the window fitted at shift 0 loses, this keeps."""
    inputs = np.random.default_rng(0).normal(size=(1024, 8))

    def error(text: str, shift: int) -> float:
        return relative_error("silu", f"vlp:lut=6,{text}", inputs * 2.0**shift)

    anchors = [f"max_exp={exponent}" for exponent in range(-4, 5)]
    best = min(error(anchor, shift) for anchor in anchors)
    kept = min(anchors, key=lambda anchor: error(anchor, 0))
    adaptive = error(f"{kept},adapt=8", shift)
    assert adaptive < 1.05 * best
    if shift <= -2:
        assert adaptive < error(kept, shift) / 2
