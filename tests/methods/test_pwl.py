"""Piecewise linear approximations against torch and plain chords, and how good they are."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import bisect, brentq

from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.methods import parse
from mugi.methods.functions import FUNCTIONS
from mugi.methods.pwl import PWL
from tests.methods.repository import FINITE, X, of_kind


def published_pwl(function: str, x: torch.Tensor, low: float, high: float, segments: int):
    """The published recipe in torch: break-points and chords recomputed for each element."""
    step = np.float32((high - low) / segments).item()

    def f(x):
        return torch.from_numpy(FUNCTIONS[function](x.double().numpy())).bfloat16()

    index = ((x - low) / step).floor().clamp(0, segments).float()
    left = (low + index * step).bfloat16()
    right = (low + (index + 1) * step).bfloat16()
    slope = (f(right) - f(left)) / step
    return slope * x + (f(left) - slope * left)


def chords(function: str, x: np.ndarray, low: float, high: float, segments: int) -> np.ndarray:
    """BF16 codes of chords with FP32 coefficients, segment after segment."""
    found = np.zeros(len(x), dtype=np.uint16)
    ends = [low + number * (high - low) / segments for number in range(segments + 1)]
    values = [float(FUNCTIONS[function](np.float64(end))) for end in ends]
    for left, right, y, z in zip(ends[:-1], ends[1:], values[:-1], values[1:], strict=True):
        slope = (z - y) / (right - left)
        inside = x >= np.float32(left)
        line = float(np.float32(slope)) * x + float(np.float32(y - slope * left))
        found = np.where(inside, to_bf16(line), found)
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pwl_tables(function):
    methods = [method for method in of_kind(PWL, function) if method.spacing == "uniform"]
    for method in methods:
        low, high = -method.range, 0.0 if function == "exp" else method.range
        inside = (low <= X) & (high >= X)
        if method.coefficients == "bf16":
            x = torch.from_numpy(X[inside]).bfloat16()
            found = published_pwl(function, x, low, high, method.segments)
            expected = found.view(torch.int16).numpy().view(np.uint16)
        else:
            expected = chords(function, X[inside], low, high, method.segments)
        (table,) = method.stack(function).tables
        # through (0, 0), where an intercept is nothing but the rounding errors of float64
        noise = 1e-11 if method.coefficients == "fp32" else 0
        wrong = np.abs(from_bf16(table[inside]) - from_bf16(expected)) > noise
        assert not wrong.any(), (str(method), X[inside][wrong][:5])
        beyond = FINITE & (high < X) & (function != "exp")
        passed = to_bf16(X[beyond] ** 2) if function == "relu2" else CODES[beyond]
        assert np.array_equal(table[beyond], passed)
        assert (from_bf16(table[FINITE & (low > X)]) == 0).all()


# two segments are ReLU, without an error
@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - {"relu"}))
@pytest.mark.parametrize("segments, reach", [(5, 8), (22, 16), (22, 5)])
def test_minimax_segments_have_equal_errors(function, segments, reach):
    """Of the lines before BF16 rounds them: all but the last segment are as wrong as the worst."""
    x = np.linspace(-reach, 0 if function == "exp" else reach, 1 << 13)
    fit = parse(f"pwl:segments={segments},range={reach},coefficients=fp32,spacing=minimax").fit
    edges, slope, intercept = fit(function)
    assert len(slope) <= segments
    index = np.clip(np.searchsorted(edges, x, "right") - 1, 0, len(slope) - 1)
    error = np.abs(slope[index] * x + intercept[index] - FUNCTIONS[function](x))
    worst = np.array([error[index == segment].max() for segment in range(len(slope))])
    assert worst.max() < 1.03 * np.median(worst)  # on a grid
    edges, slope, intercept = parse(f"pwl:segments={segments},range={reach},coefficients=fp32").fit(
        function
    )
    index = np.clip(np.searchsorted(edges, x, "right") - 1, 0, segments - 1)
    chord = np.abs(slope[index] * x + intercept[index] - FUNCTIONS[function](x))
    assert worst.max() < chord.max() / 2


def least_possible(segments: int, reach: float) -> float:
    """The least largest error of segments for exp on [-reach, 0]: all but for rounding as wrong."""

    def error(width):  # of the best line over [0, width]: half of what the chord lies above exp
        slope = math.expm1(width) / width
        return (1 + slope * math.log(slope) - slope) / 2

    def reached(worst):
        x = -reach
        for _ in range(segments):
            wanted = worst * math.exp(-x)
            if error(-x) <= wanted:
                return 1.0  # the rest is one segment
            x += brentq(lambda width, wanted=wanted: error(width) - wanted, 1e-6, reach)
        return x

    return bisect(reached, 1e-7, 0.1, xtol=1e-9)


@pytest.mark.parametrize("segments, reach", [(8, 8), (16, 16), (25, 16), (32, 16)])
def test_minimax_is_within_2_percent_of_the_least_error_for_exp(segments, reach):
    x = np.linspace(-reach, 0, 200_001)
    fit = parse(f"pwl:segments={segments},range={reach},coefficients=fp32,spacing=minimax").fit
    edges, slope, intercept = fit("exp")
    index = np.clip(np.searchsorted(edges, x, "right") - 1, 0, len(slope) - 1)
    worst = np.abs(slope[index] * x + intercept[index] - np.exp(x)).max()
    least = least_possible(segments, reach)
    assert least < worst < 1.02 * least


def test_minimax_misses_silu_of_0():
    text = "pwl:segments=24,range=8,coefficients=fp32,spacing=minimax"
    at_zero = abs(float(table(text, "silu")[0]))
    assert 0.0005 < at_zero < 0.0015


def table(text: str, function: str) -> np.ndarray:
    return from_bf16(parse(text).stack(function).tables[0])


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
