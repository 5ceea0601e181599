"""Piecewise linear, Taylor and partial approximations, against torch's BF16 arithmetic."""

import math

import numpy as np
import pytest
import torch

from mugi.approximations import parse, parse_operations
from mugi.approximations.exact import FUNCTIONS
from mugi.errors import InputError
from mugi.numerics import CODES, from_bf16

X = from_bf16(CODES)
FINITE = np.isfinite(X)
TORCH = {
    "exp": torch.exp,
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
}


def table(text: str, function: str) -> np.ndarray:
    return from_bf16(parse(text).stack(function).tables[0])


def published_pwl(function: str, x: torch.Tensor, low: float, high: float, segments: int):
    """The published recipe in torch: break-points and chords recomputed for each element."""
    step = np.float32((high - low) / segments).item()

    def f(x):
        return TORCH[function](x.double()).bfloat16()

    index = ((x - low) / step).floor().clamp(0, segments).float()
    left = (low + index * step).bfloat16()
    right = (low + (index + 1) * step).bfloat16()
    slope = (f(right) - f(left)) / step
    return slope * x + (f(left) - slope * left)


@pytest.mark.parametrize(
    ("function", "segments", "reach"),
    [("exp", 22, 16), ("exp", 25, 20), ("silu", 22, 5), ("silu", 21, 10), ("gelu", 23, 7)],
)
def test_published_pwl_is_chords_in_bf16(function, segments, reach):
    low, high = -reach, 0 if function == "exp" else reach
    inside = (low <= X) & (high >= X)
    x = torch.from_numpy(X[inside]).bfloat16()
    expected = published_pwl(function, x, float(low), float(high), segments).double().numpy()
    found = table(f"pwl:segments={segments},range={reach}", function)
    assert np.array_equal(found[inside], expected)
    assert (found[FINITE & (low > X)] == 0).all()
    if function != "exp":
        assert np.array_equal(found[FINITE & (high < X)], X[FINITE & (high < X)])


@pytest.mark.parametrize("function", ["exp", "silu", "gelu", "gelu_tanh"])
def test_more_care_means_less_error(function):
    reach = 12 if function == "exp" else 6
    inside = (-reach <= X) & ((0 if function == "exp" else reach) >= X)
    exact = FUNCTIONS[function](X[inside])

    def worst(policies):
        found = table(f"pwl:segments=22,range={reach}{policies}", function)[inside]
        return np.abs(found - exact).max()

    chords = worst(",coefficients=fp32")
    assert chords <= worst("") + 2**-8
    assert worst(",coefficients=fp32,spacing=minimax") <= chords


def test_equal_error_segments_reach_the_known_optimum_of_exp():
    # n segments of a centred chord on [-r, 0]: error about (integral of sqrt(exp))² / (16 n²)
    inside = (X >= -8) & (X <= 0)
    found = table("pwl:segments=32,range=8,coefficients=fp32,spacing=minimax", "exp")[inside]
    optimum = (2 * (1 - math.exp(-4))) ** 2 / (16 * 32**2)
    bf16_rounding = 2**-9
    assert np.abs(found - np.exp(X[inside])).max() < 1.02 * optimum + bf16_rounding


# lowest input that the published search keeps, centres -9 to 2 (recomputed from the published code)
CUT_OFFS = {
    5: [-7, -7, -7, -7, -6.75, -5.75, -4.75, -4, -0.25, -0.25, 0, 0],
    6: [-7, -7, -7, -7, -6.75, -6.25, -5.25, -4.25, -0.25, -0.25, -0.25, -0.25],
    7: [-7, -7, -7, -7, -7.5, -6.5, -5.5, -4.5, -0.25, -0.25, 0, 0],
    8: [-7, -7, -7, -7, -7, -6.5, -5.75, -5, -0.25, -0.25, -0.25, -0.25],
    9: [-7, -7, -7, -7, -7, -7, -6, -5, -0.25, -0.25, 0, 0],
    10: [-7, -7, -7, -7, -7, -7, -6.25, -5.5, -0.25, -0.25, -0.25, -0.25],
}


@pytest.mark.parametrize("degree", CUT_OFFS)
def test_published_taylor_cuts_off_where_its_search_stops(degree):
    found = [parse(f"taylor:degree={degree},center={c}").cut_off() for c in range(-9, 3)]
    assert found == CUT_OFFS[degree]


@pytest.mark.parametrize(("degree", "center"), [(9, -4), (6, -5), (10, -3)])
def test_published_taylor_sums_powers_in_bf16(degree, center):
    method = parse(f"taylor:degree={degree},center={center}")
    inside = (method.cut_off() <= X) & (X <= 0)
    distance = torch.from_numpy(X[inside]).bfloat16() - center
    total = torch.zeros_like(distance)
    for power in range(degree + 1):
        total += distance**power * math.exp(-math.lgamma(power + 1))
    expected = (total * math.exp(center)).double().numpy()
    found = from_bf16(method.stack("exp").tables[0])
    assert np.mean(found[inside] != expected) < 0.03  # torch rounds within its small powers
    np.testing.assert_allclose(found[inside], expected, rtol=0.02, atol=2**-7)
    assert (found[FINITE & (method.cut_off() > X)] == 0).all()


def test_taylor_done_right_is_never_worse_than_flushing():
    found = table("taylor:degree=9,center=-4,evaluation=horner,cutoff=error", "exp")
    inside = FINITE & (X <= 0)
    exact = np.exp(X[inside])
    assert (np.abs(found[inside] - exact) <= exact * (1 + 2**-8)).all()
    near = (X >= -6) & (X <= -2)
    np.testing.assert_allclose(found[near], np.exp(X[near]), rtol=2**-8)


@pytest.mark.parametrize(("function", "slope"), [("silu", 1.0), ("gelu", 1.702)])
def test_partial_is_hard_swish(function, slope):
    x = torch.from_numpy(X[FINITE]).bfloat16()
    expected = x * (slope * x + 3).clamp(0, 6) / 6
    assert np.array_equal(table("partial", function)[FINITE], expected.double().numpy())


def test_hard_swish_is_the_one_of_torch():
    x = torch.linspace(-5, 5, 257).bfloat16()
    codes = x.view(torch.int16).numpy().view(np.uint16)
    expected = torch.nn.functional.hardswish(x.double()).numpy()
    np.testing.assert_allclose(table("partial", "silu")[codes], expected, atol=0.02)


@pytest.mark.parametrize(
    "text",
    ["pwl:segments=22,range=16", "taylor:degree=9,center=-4", "pwl:segments=9,range=8.5"],
)
def test_specials_are_those_of_exp(text):
    found = dict(zip(CODES.tolist(), table(text, "exp"), strict=True))
    assert found[0xFF80] == 0
    assert math.isinf(found[0x7F80])
    assert math.isnan(found[0x7FC0])
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("softmax=partial", "partial cannot compute exp; allowed: exact, vlp, pwl, taylor"),
        ("activation=taylor:degree=9,center=-4", "taylor cannot compute silu; allowed: exact"),
        ("softmax=pwl:segments=22,range=16,spacing=minimax", "needs coefficients=fp32"),
        ("softmax=pwl:segments=0,range=16", "segments: must be greater than or equal to 1"),
        ("softmax=pwl:segments=22,range=-16", "range: must be greater than 0"),
        ("softmax=taylor:degree=99,center=0", "degree: must be less than or equal to 20"),
    ],
)
def test_mistakes_are_told_in_a_line(text, expected):
    with pytest.raises(InputError) as error:
        parse_operations(text)
    (line,) = str(error.value).splitlines()
    assert expected in line
