"""exp and activations on the array: the bits of the tables."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.array.converter import Array
from mugi.array.nonlinear import BOTH_SIGNS, NEGATIVE, decode, nonlinear, post_process, subscribe
from mugi.bf16 import CODES, to_bf16
from mugi.methods import FUNCTIONS, parse
from mugi.methods.tables import look_up
from mugi.methods.vlp import VLP

METHODS = [
    "vlp:lut=12,max_exp=3",
    "vlp:lut=12,min_exp=-7,underflow=keep,zeros=count",
    "vlp:lut=10,max_exp=2,overflow=saturate,underflow=zero",
    "vlp:lut=9,min_exp=-4,overflow=saturate,mantissa=2,window=5",
    "vlp:lut=8,max_exp=4,underflow=keep,mantissa=1",
    "vlp:lut=6,window=5,max_exp=3,adapt=2,leak=3,mantissa=4",
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("text", METHODS)
def test_every_input_at_every_window_position_is_the_tables_entry(text, function):
    method = parse(text)
    codes = CODES.reshape(256, 256)
    used = np.ones(codes.shape, dtype=bool)
    windows = method.windows(function)
    for window, table in zip(windows, method.stack(function).tables, strict=True):
        lows = np.repeat([[window.low], [window.lut_low]], len(codes), axis=1)
        mapped = decode(method, codes, used, lows)
        selected, _ = subscribe(method, function, mapped, BOTH_SIGNS)
        found = post_process(method, function, mapped, selected)
        np.testing.assert_array_equal(found, table[codes], f"{window}")


@st.composite
def methods(draw, height) -> VLP:
    lut = draw(st.integers(1, 14))
    anchor = draw(st.sampled_from(["max_exp", "min_exp"]))
    return VLP(
        lut=lut,
        window=draw(st.integers(1, min(lut, 8))),
        **{anchor: draw(st.integers(-12, 12))},
        adapt=draw(st.sampled_from([0, 1, 16])) if anchor == "max_exp" else 0,
        leak=draw(st.sampled_from([1, 2, 7, 1024])),
        mantissa=draw(st.integers(1, 7)),
        group=height,
        zeros=draw(st.sampled_from(["skip", "count"])),
        overflow=draw(st.sampled_from(["flush", "saturate"])),
        underflow=draw(st.sampled_from(["clamp", "keep", "zero"])),
    )


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from([8, 16, 64]), st.sampled_from(sorted(FUNCTIONS)))
def test_random_groups_are_looked_up(data, height, function):
    method = data.draw(methods(height))
    shape = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 9))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes = to_bf16(random.normal(size=shape) * np.exp2(random.integers(-12, 12, (1, shape[1]))))
    codes[random.random(shape) < 0.1] = 0
    odd = random.random(shape) < data.draw(st.sampled_from([0, 0.02]))
    codes[odd] = random.integers(0, 1 << 16, odd.sum())  # infinities, NaN, huge, tiny
    valid = random.random(shape) < 0.9
    run = nonlinear(Array(height), method, function, codes, valid)
    expected = look_up(method.stack(function), codes, valid)
    np.testing.assert_array_equal(run.outputs, expected)
    assert run.mappings == shape[1] * -(-shape[0] // height)
    assert run.activations["temporal_register"] == method.sliding_window * codes.size


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("text", METHODS)
def test_groups_place_the_window_at_their_extreme_exponent(text, function):
    method = parse(text).model_copy(update={"group": 16})
    random = np.random.default_rng(7)
    codes = to_bf16(random.normal(size=(90, 40)) * np.exp2(random.integers(-12, 7, (1, 40))))
    codes[random.random(codes.shape) < 0.1] = 0
    codes[:, 0] = 0
    valid = random.random(codes.shape) < 0.9
    valid[:40, 1] = False  # groups without a valid input, and one half of them
    run = nonlinear(Array(16), method, function, codes, valid)
    np.testing.assert_array_equal(run.outputs, look_up(method.stack(function), codes, valid))


@pytest.mark.parametrize("mantissa, cycles", [(1, 8), (3, 8), (4, 16), (7, 128)])
def test_a_sweep_takes_a_cycle_for_each_mantissa(mantissa, cycles):
    """Shorter mantissas leave cycles of the 3-bit counter idle."""
    method = parse(f"vlp:lut=8,max_exp=3,group=8,mantissa={mantissa}")
    largest = to_bf16(np.array(-8 * (2 - 2.0**-mantissa)))
    codes = np.full((8, 5), largest, dtype=np.uint16)
    run = nonlinear(Array(8), method, "exp", codes, signs=NEGATIVE)
    assert run.mappings == 5
    assert run.cycles == cycles * 4 + 2**mantissa + 7  # the last count, in the last column
    assert run.activations["counter"] == cycles * 5


def test_loads_of_an_adaptive_lut_are_counted_in_exponents():
    method = parse("vlp:lut=8,max_exp=3,adapt=6,leak=1,group=8")
    codes = np.tile(to_bf16(-(2.0 ** np.array([1, 0, -1, 3, 3, -2]))), (16, 1))
    run = nonlinear(Array(8), method, "exp", codes, signs=NEGATIVE)
    assert run.lut_loads == 2 * (1 + 1 + 4 + 0 + 1)  # of two tiles; a fall of one at a time
    fixed = nonlinear(Array(8), method.model_copy(update={"adapt": 0}), "exp", codes)
    assert fixed.lut_loads == 0
