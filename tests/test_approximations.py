"""Approximations: exact tables against mpmath, VLP against its definition, names and errors."""

import functools
import itertools
import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp

from mugi.bf16 import CODES, from_bf16, split, to_bf16
from mugi.cli import main
from mugi.errors import InputError
from mugi.methods import NATIVE, Approximation, parse, parse_operations
from mugi.methods.exact import Exact
from mugi.methods.functions import FUNCTIONS as FUNCTION_OF
from mugi.methods.functions import exact_table as table
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.tables import TableStack, look_up, pick_alone, pick_positions
from mugi.methods.taylor import Taylor
from mugi.methods.vlp import VLP
from tests.bf16_oracle import INF, nearest_code, rounded_fields, value_of

FUNCTIONS = ["exp", "silu", "gelu", "gelu_tanh"]
MINUS_ZERO, MINUS_INF = 0x8000, 0xFF80
ORACLES = {
    "exp": mp.exp,
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    # (1 + tanh z) / 2 is the sigmoid of 2z
    "gelu_tanh": lambda x: (
        x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))
    ),
}


# --- exact tables -------------------------------------------------------------------------------


def correctly_rounded(function: str, code: int) -> int:
    """BF16 code of `function` at a finite code other than zero, from high-precision arithmetic."""
    x = value_of(code)
    with mp.workprec(420 if abs(x) < Fraction(1, 1 << 40) else 120):
        y = ORACLES[function](mpmath.mpf(x.numerator) / x.denominator)
        sign = MINUS_ZERO if function != "exp" and x < 0 else 0
        if abs(y) >= mp.mpf(2) ** 128:
            return sign | INF
        if abs(y) < mp.mpf(2) ** -134:
            return sign
        numerator, denominator = mpmath.libmp.to_rational(abs(y)._mpf_)
        return sign | nearest_code(Fraction(int(numerator), int(denominator)))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_exact_table_is_correctly_rounded_on_every_number(function):
    found = table(function)
    # beyond ±1024 every function is at its limit; mpmath need not go there
    for code in range(1, 0x4480):
        for signed in (code, code | MINUS_ZERO):
            assert found[signed] == correctly_rounded(function, signed), hex(signed)
    large = CODES[(CODES & 0x7FFF >= 0x4480) & (CODES & 0x7FFF < INF)]
    positive = large < MINUS_ZERO
    if function == "exp":
        expected = np.where(positive, INF, 0)
    else:
        expected = np.where(positive, large, MINUS_ZERO)
    np.testing.assert_array_equal(found[large], expected)


@pytest.mark.parametrize(
    "function, expected",  # at +0, -0, +inf, -inf
    [
        ("exp", [0x3F80, 0x3F80, INF, 0]),
        ("silu", [0, MINUS_ZERO, INF, MINUS_ZERO]),
        ("gelu", [0, MINUS_ZERO, INF, MINUS_ZERO]),
        ("gelu_tanh", [0, MINUS_ZERO, INF, MINUS_ZERO]),
    ],
)
@pytest.mark.parametrize("method", ["exact", "vlp:lut=4,max_exp=1", "vlp:lut=12,min_exp=-8"])
def test_zeros_infinities_and_nan(method, function, expected):
    for tables in parse(method).stack(function).tables:
        assert tables[[0, MINUS_ZERO, INF, MINUS_INF]].tolist() == expected
        assert np.isnan(from_bf16(tables[np.isnan(from_bf16(CODES))])).all()


# --- VLP tables: a slow oracle from the definition ----------------------------------------------


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


@st.composite
def vlp_methods(draw, largest_lut=32, widest_mantissa=7) -> VLP:
    lut = draw(st.integers(1, largest_lut))
    window = draw(st.none() | st.integers(1, lut))
    anchor = draw(st.sampled_from(["max_exp", "min_exp"]))
    if anchor == "max_exp":
        own = {"adapt": draw(st.sampled_from([0, 0, 1, 3])), "leak": draw(st.integers(1, 5))}
    else:
        own = {"build": draw(st.sampled_from(["repaired", "published"]))}
    return VLP(
        lut=lut,
        window=window,
        **{anchor: draw(st.integers(-40, 40))},
        **own,
        mantissa=draw(st.integers(1, widest_mantissa)),
        group=draw(st.integers(1, 1000)),
        grouping=draw(st.sampled_from(["rows", "strided"])),
        zeros=draw(st.sampled_from(["skip", "count"])),
        overflow=draw(st.sampled_from(["flush", "saturate"])),
        underflow=draw(st.sampled_from(["clamp", "keep", "zero"])),
        normalize=draw(st.sampled_from(["divide", "reciprocal"])),
    )


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


# --- window positions ---------------------------------------------------------------------------


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


def extremes_by_hand(stack: TableStack, codes, valid) -> list[list[int]]:
    """Extreme magnitude code of every group, (groups, columns), one group at a time."""
    found = []
    for number, group in enumerate(groups_by_hand(stack, len(codes))):
        found.append([])
        for column in range(codes.shape[1]):
            extremes = []
            for row in group:
                magnitude = int(codes[row, column]) % 0x8000
                if valid[row, column] and 0 < magnitude < INF:
                    extremes.append(magnitude)
                elif stack.zeros == "count":
                    extremes.append(0x3F80)  # 1.0
            extreme = (max if stack.extreme == "max" else min)(extremes, default=0)
            if stack.grouping == "front" and number == 0 and len(codes) % stack.group:
                extreme = 0x7F7F if stack.extreme == "max" else 1
            found[-1].append(extreme)
    return found


def groups_by_hand(stack: TableStack, rows: int) -> list[range | list[int]]:
    """Rows of every group."""
    if stack.grouping == "strided":  # padded at the end, shaped (group, apart), first axis reduced
        apart = math.ceil(rows / stack.group)
        return [[row for row in range(rows) if row % apart == start] for start in range(apart)]
    short = rows % stack.group
    first = range(short) if stack.grouping == "front" and short else range(0)
    starts = range(len(first), rows, stack.group)
    return [*([first] if first else []), *(range(rows)[at : at + stack.group] for at in starts)]


def picked_by_hand(stack: TableStack, codes, valid) -> list[list[int]]:
    """Window positions of a (rows, columns) array, group after group."""
    extremes = extremes_by_hand(stack, codes, valid)
    groups = groups_by_hand(stack, len(codes))
    result = [[None] * codes.shape[1] for _ in codes]
    registers = {}
    for number, column in itertools.product(range(len(groups)), range(codes.shape[1])):
        extreme = extremes[number][column]
        if stack.adaption:
            along, leak = stack.adaption.along, stack.adaption.leak
            sequence = number if along == "columns" else column
            need = int(stack.adaption.needed[extreme]) * leak
            registers[sequence] = max(registers.get(sequence, 0) - 1, need)
            position = stack.positions[math.ceil(registers[sequence] / leak)][extreme]
        else:
            position = stack.positions[extreme]
        for row in groups[number]:
            result[row][column] = int(position)
    return result


@st.composite
def inputs(draw):
    rows, columns = draw(st.integers(1, 14)), draw(st.integers(1, 3))
    near_one = st.integers(0x3B00, 0x4200) | st.integers(0xBB00, 0xC200)
    code = near_one | st.sampled_from([0, MINUS_ZERO]) | st.integers(0, 0xFFFF)
    codes = draw(st.lists(code, min_size=rows * columns, max_size=rows * columns))
    seen = draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    shape = (rows, columns)
    return np.array(codes, dtype=np.uint16).reshape(shape), np.array(seen).reshape(shape)


@functools.cache
def sliding_stack(text: str, function: str) -> TableStack:
    return parse(f"vlp:lut=12,window=3,{text}").stack(function)


@settings(max_examples=150, deadline=None)
@given(
    inputs(),
    st.sampled_from(
        [
            "max_exp=2",
            "min_exp=-9",
            "min_exp=-9,build=published",
            "max_exp=2,adapt=6,leak=2",
            "max_exp=2,adapt=16,leak=1024",
        ]
    ),
    st.sampled_from(["exp", "silu"]),
    st.integers(1, 6),
    st.sampled_from(["rows", "strided", "front"]),
    st.sampled_from(["skip", "count"]),
)
def test_groups_share_the_window_of_their_extreme(given_inputs, text, function, group, how, zeros):
    codes, valid = given_inputs
    stack = replace(sliding_stack(text, function), group=group, grouping=how, zeros=zeros)
    expected = picked_by_hand(stack, codes, valid)
    assert pick_positions(stack, codes, valid).tolist() == expected
    outputs = [
        [stack.tables[position, code] for position, code in zip(*row, strict=True)]
        for row in zip(expected, codes, strict=True)
    ]
    np.testing.assert_array_equal(look_up(stack, codes, valid), outputs)


@pytest.mark.parametrize("text", ["max_exp=2", "min_exp=-9", "max_exp=2,adapt=6"])
@pytest.mark.parametrize("function", ["exp", "silu"])
def test_an_input_alone_has_a_group_of_its_own(text, function):
    stack = replace(sliding_stack(text, function), group=1)
    alone = pick_alone(stack, CODES)
    for code in range(0, 1 << 16, 97):
        one = CODES[code : code + 1, None]
        assert alone[code] == pick_positions(stack, one, np.ones((1, 1), dtype=bool))


def test_strided_softmax_and_activations_group_as_published():
    method = parse("vlp:lut=12,max_exp=3,grouping=strided")
    assert method.stack("exp").grouping == "strided"
    assert method.stack("silu").grouping == "front"


# --- adaptive LUT window ------------------------------------------------------------------------


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


def test_an_exact_method_needs_no_groups():
    codes = CODES.reshape(256, 256)
    np.testing.assert_array_equal(look_up(parse("exact").stack("exp"), codes), table("exp")[codes])


@pytest.mark.parametrize(
    "codes, valid, message",
    [
        (np.zeros((3, 2)), None, r"codes: float64 of shape \(3, 2\); allowed: uint16"),
        (CODES, None, r"codes: uint16 of shape \(65536,\); .* \(rows, columns\)"),
        (CODES[:0, None], None, "at least one row"),
        (CODES[:6].reshape(3, 2), np.ones((3, 1), bool), r"valid: bool of shape \(3, 1\); .*3, 2"),
        (CODES[:6].reshape(3, 2), np.ones((3, 2)), r"valid: float64 of shape \(3, 2\)"),
    ],
)
def test_look_up_refuses(codes, valid, message):
    with pytest.raises(InputError, match=message):
        look_up(parse("exact").stack("exp"), codes, valid)


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


# --- names --------------------------------------------------------------------------------------


exact_methods = st.builds(Exact, normalize=st.sampled_from(["divide", "reciprocal"]))
pwl_methods = st.builds(
    PWL,
    segments=st.integers(1, 256),
    range=st.floats(0, 128, exclude_min=True),
    coefficients=st.sampled_from(["bf16", "fp32"]),
)
taylor_methods = st.builds(Taylor, degree=st.integers(1, 20), center=st.floats(-64, 8))
softmax_methods = vlp_methods() | exact_methods | pwl_methods | taylor_methods
activation_methods = vlp_methods() | exact_methods | pwl_methods | st.builds(Partial)


@given(softmax_methods | activation_methods)
def test_a_method_is_read_back_from_its_text(method):
    assert parse(str(method)) == method


@given(st.none() | softmax_methods, st.none() | activation_methods)
def test_an_approximation_is_read_back_from_its_text(softmax, activation):
    approximation = Approximation(softmax, activation)
    assert parse_operations(str(approximation)) == approximation


def test_text_names_only_what_differs_from_the_default():
    assert str(parse(" vlp: max_exp=3 , lut=8, group=256, zeros=skip")) == "vlp:lut=8,max_exp=3"
    assert str(parse("exact")) == "exact"
    assert str(parse("pwl:segments=22,range=16.0")) == "pwl:segments=22,range=16"
    assert str(parse_operations("activation=exact")) == "activation=exact"
    assert parse_operations(f" {NATIVE} ") == Approximation()


@pytest.mark.parametrize(
    "text, parts",
    [
        ("vpl:lut=8", ["unknown method 'vpl'", "did you mean 'vlp'?", "exact, vlp,"]),
        ("vlp:lut=8,maxexp=3", ["parameter 'maxexp'", "did you mean 'max_exp'?", "mantissa"]),
        ("exact:lut=8", ["unknown parameter 'lut'", "one of: normalize"]),
        ("vlp:lut=8,max_exp=3,name=exact", ["unknown parameter 'name'"]),
        ("vlp:lut=8,max_exp", ["'max_exp' is not parameter=value"]),
        ("vlp:lut=8,max_exp=", ["'max_exp=' is not parameter=value"]),
        ("vlp:lut=8,lut=9,max_exp=3", ["parameter lut is given twice"]),
        ("vlp:lut=40,max_exp=3", ["lut: must be less than or equal to 32 (got '40')"]),
        ("vlp:lut=0,max_exp=3", ["lut: must be greater than or equal to 1 (got '0')"]),
        ("vlp:lut=8,max_exp=99", ["max_exp: must be less than or equal to 40 (got '99')"]),
        ("vlp:lut=8,max_exp=3,mantissa=8", ["mantissa: must be less than or equal to 7"]),
        ("vlp:lut=8,max_exp=3,group=0", ["group: must be greater than or equal to 1 (got '0')"]),
        ("vlp:lut=8,max_exp=x", ["max_exp: must be a valid integer", "(got 'x')"]),
        (
            "vlp:lut=8,max_exp=3,overflow=wrap",
            ["overflow: 'wrap' is not allowed; one of: flush, saturate"],
        ),
        (
            "vlp:lut=8,max_exp=3,window=9",
            ["window=9 is wider than the LUT (lut=8); allowed: 1 to 8"],
        ),
        ("vlp:lut=8", ["give either max_exp or min_exp"]),
        ("vlp:lut=8,max_exp=3,build=published", ["build=published needs min_exp"]),
        (
            "vlp:lut=8,min_exp=3,build=broken",
            ["build: 'broken' is not allowed; one of: repaired, published"],
        ),
        ("vlp:lut=8,min_exp=3,adapt=4", ["adapt=4 needs max_exp"]),
        ("vlp:lut=8,max_exp=3,adapt=17", ["adapt: must be less than or equal to 16 (got '17')"]),
        ("vlp:lut=8,max_exp=3,leak=0", ["leak: must be greater than or equal to 1 (got '0')"]),
        ("vlp:lut=8,max_exp=3,min_exp=0", ["give either max_exp or min_exp"]),
        ("vlp:max_exp=3", ["lut: missing"]),
    ],
)
def test_a_wrong_method_gets_one_line(text, parts):
    with pytest.raises(InputError) as error:
        parse(text)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_parameter_has_no_value_to_tell():
    with pytest.raises(InputError, match=r"'vlp:max_exp=3': lut: missing$"):
        parse("vlp:max_exp=3")


def test_every_wrong_value_gets_its_line():
    with pytest.raises(InputError) as error:
        parse_operations("softmax=vlp:lut=40,max_exp=x;activation=exakt;sofmax=exact")
    lines = str(error.value).splitlines()
    parts = ["lut", "max_exp", "did you mean 'exact'?", "did you mean 'softmax'?"]
    for line, part in zip(lines, parts, strict=True):
        assert part in line


@pytest.mark.parametrize("text", ["", "softmax", "softmax=", "softmax=exact;softmax=exact"])
def test_wrong_operations(text):
    with pytest.raises(InputError):
        parse_operations(text)


# --- mugi approximate ---------------------------------------------------------------------------


def test_error_table(tmp_path):
    output = tmp_path / "exp.csv"
    arguments = ["approximate", "exp", "-2", "0", "--method", "exact", "--method"]
    vlp = "vlp:lut=12,max_exp=3"
    assert main([*arguments, vlp, "--smallest", "0", "-o", str(output)]) == 0
    rows = pd.read_csv(output)
    every_code = 0x4000 + 2  # from -2 to -0, and +0
    assert rows["method"].value_counts().to_dict() == {"exact": every_code, vlp: every_code}
    exact = rows[rows["method"] == "exact"]
    assert exact["relative_error_percent"].abs().max() <= 100 * 2**-8
    np.testing.assert_allclose(exact["exact"], np.exp(exact["x"]), rtol=1e-12)
    # -1.0 and -1.125 are in the LUT and need no rounding
    rows = rows[rows["method"] != "exact"].set_index("x")
    for x in (-1.0, -1.125):
        assert rows.loc[x, "approximate"] == from_bf16(correctly_rounded("exp", int(to_bf16(x))))
    error = 100 * (rows["approximate"] - rows["exact"]) / rows["exact"]
    np.testing.assert_allclose(rows["relative_error_percent"], error, atol=1e-9)


@pytest.mark.parametrize("low, high", [("1", "0"), ("0", "0"), ("nan", "1"), ("1e-30", "2e-30")])
def test_a_wrong_range_writes_nothing(low, high, tmp_path, capsys):
    output = tmp_path / "exp.csv"
    assert main(["approximate", "exp", low, high, "--method", "exact", "-o", str(output)]) == 2
    assert f"range {low} to {high}" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("smallest", ["nan", "-1"])
def test_a_wrong_smallest_writes_nothing(smallest, tmp_path, capsys):
    output = tmp_path / "exp.csv"
    arguments = ["--method", "exact", f"--smallest={smallest}", "-o", str(output)]
    assert main(["approximate", "exp", "-1", "0", *arguments]) == 2
    assert f"--smallest is {smallest}; allowed: 0 or more" in capsys.readouterr().err
    assert not output.exists()
