"""VLP tables from their definition, number by number, with arithmetic on fractions."""

import functools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings

from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.methods import parse
from mugi.methods.functions import exact_table as table
from mugi.methods.vlp import VLP
from tests.bf16_oracle import INF, nearest_code, rounded_fields
from tests.methods.strategies import vlp_methods

FUNCTIONS = ["exp", "silu", "gelu", "gelu_tanh"]
MINUS_ZERO, MINUS_INF = 0x8000, 0xFF80
SAME = -1  # in place of an output code: the input itself
NUMBERS = np.array([*range(1, INF), *range(MINUS_ZERO + 1, MINUS_INF)])
exact_table = functools.cache(lambda function: table(function).tolist())


@functools.cache
def fields_of_numbers(bits: int) -> tuple[list[tuple[bool, int, int]], np.ndarray]:
    """The different (sign, mantissa, exponent) of all numbers, and which of them each has."""
    every = [rounded_fields(code, bits) for code in NUMBERS.tolist()]
    different = list(dict.fromkeys(every))
    index = {fields: number for number, fields in enumerate(different)}
    return different, np.array([index[fields] for fields in every])


def windows_by_hand(method: VLP, function: str) -> list[tuple[int, int, int, int]]:
    """Lowest and highest exponent of the sliding window and of the LUT, for every table."""
    d, reach = method.lut, method.sliding_window - 1
    if method.build == "published" and function != "exp":
        u = 4 - (d - 1)
        found = []
        for smallest in range(u - 1, 5):  # exponent of the group; below u all are alike
            low = smallest if smallest >= u else method.min_exp
            high = low + reach
            found.append((low, method.min_exp + d - 1 if high > 4 else high, u, 4))
        return found
    if method.min_exp is not None:
        bottoms = [method.min_exp]
    else:
        bottoms = [method.max_exp - moved - (d - 1) for moved in range(method.adapt, -1, -1)]
    highest = bottoms[-1] + d - 1
    return [
        (low, low + reach, bottom, highest)
        for bottom in bottoms
        for low in range(bottom, bottom + d)
        if low + reach <= bottom + d - 1
    ]


def vlp_oracle(method: VLP, function: str, window, fields: tuple[bool, int, int]) -> int:
    """Output code for a number other than zero, or SAME."""
    negative, m, e = fields
    low, high, lut_low, lut_high = window
    sign = MINUS_ZERO if negative else 0
    if e > lut_high and method.overflow == "flush":
        if function == "exp":
            return 0 if negative else INF
        return MINUS_ZERO if negative else SAME
    below_an_activation_lut = e < lut_low and function != "exp"
    if below_an_activation_lut or (e < low and method.underflow == "zero"):
        return exact_table(function)[sign]
    published_activation = method.underflow == "keep" and method.overflow == "flush"
    if e > high and not published_activation:
        m = 2**method.mantissa - 1
    if e < low and method.underflow == "clamp":
        m = 0
    e = min(max(e, low), high)  # a published window may end below its start: the end holds
    return exact_table(function)[sign | argument_code(method.mantissa, m, e)]


@functools.cache
def argument_code(bits: int, m: int, e: int) -> int:
    return nearest_code(Fraction(2**bits + m, 2**bits) * Fraction(2) ** e)


def check_against_oracle(method: VLP) -> None:
    """Compare every number at every position of the sliding window."""
    different, which = fields_of_numbers(method.mantissa)
    for function in FUNCTIONS:
        windows = windows_by_hand(method, function)
        stack = method.stack(function)
        assert stack.tables.shape == (len(windows), 1 << 16)
        assert stack.tables.dtype == np.uint16
        for window, found in zip(windows, stack.tables, strict=True):
            outputs = [vlp_oracle(method, function, window, fields) for fields in different]
            expected = np.array(outputs)[which]
            expected = np.where(expected == SAME, NUMBERS, expected)
            np.testing.assert_array_equal(found[NUMBERS], expected, f"{method} {function}")


@pytest.mark.parametrize("underflow", ["clamp", "keep", "zero"])
@pytest.mark.parametrize("overflow", ["flush", "saturate"])
@pytest.mark.parametrize("size", ["lut=8,max_exp=3", "lut=10,max_exp=4", "lut=11,min_exp=-7"])
def test_vlp_gives_the_defined_output_for_every_number(size, overflow, underflow):
    check_against_oracle(parse(f"vlp:{size},overflow={overflow},underflow={underflow}"))


@pytest.mark.parametrize(
    "size",
    [
        "lut=4,max_exp=-2,mantissa=1",
        "lut=6,window=2,min_exp=1,mantissa=2",
        "lut=12,window=11,max_exp=0,mantissa=4",
        "lut=6,window=5,max_exp=2,mantissa=5",
        "lut=16,window=16,min_exp=-10,mantissa=6",
        "lut=5,max_exp=1,mantissa=7",
        "lut=32,window=16,max_exp=6",
        "lut=8,max_exp=3,adapt=5",
        "lut=12,max_exp=2,adapt=2,underflow=zero",
        "lut=8,min_exp=-8,build=published,underflow=keep",
        "lut=12,min_exp=-3,build=published,underflow=keep",
    ],
)
def test_vlp_of_other_sizes_gives_the_defined_output_for_every_number(size):
    check_against_oracle(parse(f"vlp:{size}"))


@settings(max_examples=12, deadline=None)
@given(vlp_methods(largest_lut=12, widest_mantissa=4))
def test_any_vlp_gives_the_defined_output_for_every_number(method):
    check_against_oracle(method)


def test_seven_bits_inside_the_lut_are_exact():
    """Nothing is rounded, so that a window as wide as the LUT holds the exact table."""
    stack = parse("vlp:lut=16,window=16,max_exp=6,mantissa=7").stack("exp")
    inside = CODES[(np.abs(from_bf16(CODES)) >= 2.0**-9) & (np.abs(from_bf16(CODES)) < 2.0**7)]
    np.testing.assert_array_equal(stack.tables[0, inside], table("exp")[inside])


@given(vlp_methods())
@settings(max_examples=20, deadline=None)
def test_exp_never_grows_as_its_argument_falls(method):
    """Down from -0 to -inf; `keep` scales small inputs up with their mantissa and may not."""
    assume(method.underflow != "keep")
    for outputs in method.stack("exp").tables[:, MINUS_ZERO : MINUS_INF + 1]:
        assert (np.diff(outputs.astype(int)) <= 0).all()


def test_keep_is_not_monotone():
    outputs = parse("vlp:lut=8,max_exp=3,underflow=keep").stack("exp").tables[0]
    lower, upper = to_bf16(np.array([-1.875 * 2.0**-6, -1.125 * 2.0**-5]))
    assert from_bf16(outputs[lower]) < from_bf16(outputs[upper])


@given(vlp_methods())
@settings(max_examples=12, deadline=None)
def test_the_extreme_exponent_places_the_window(method):
    stack = method.stack("exp")
    last = method.lut - method.sliding_window
    for lut, positions in enumerate(np.atleast_2d(stack.positions)):
        for code in range(1, INF, 37):
            _, _, exponent = rounded_fields(code, method.mantissa)
            if method.max_exp is not None:
                lut_low = method.max_exp - method.adapt + lut - method.lut + 1
                slide = min(max(exponent - lut_low - method.sliding_window + 1, 0), last)
            else:
                slide = min(max(exponent - method.min_exp, 0), last)
            assert positions[code] == lut * (last + 1) + slide
        # an empty group, and one of infinities and NaN
        assert set(positions[[0, *range(INF, 1 << 15)]]) == {lut * (last + 1)}


@pytest.mark.parametrize("lut, lowest", [(8, -8), (12, -3), (10, 2)])
def test_the_published_build_places_activations_by_a_fixed_lut(lut, lowest):
    """U = 4 - (lut - 1): a smallest exponent from U on starts the window, whatever min_exp."""
    method = parse(f"vlp:lut={lut},min_exp={lowest},build=published")
    u = 4 - (lut - 1)
    for function in ("silu", "gelu"):
        positions = method.stack(function).positions
        for code in range(1, INF, 37):
            _, _, exponent = rounded_fields(code, 3)
            low = method.windows(function)[positions[code]].low
            if exponent <= 4:
                assert low == (exponent if exponent >= u else lowest)
        assert positions[0] == 0
    repaired = method.model_copy(update={"build": "repaired"})
    np.testing.assert_array_equal(method.stack("exp").tables, repaired.stack("exp").tables)
    assert (method.stack("silu").tables[0] != repaired.stack("silu").tables[0]).any()
