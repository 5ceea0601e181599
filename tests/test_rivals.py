"""Piecewise linear, Taylor and partial approximations: how good they are, and their mistakes.

test_methods.py compares their tables with references."""

import math

import numpy as np
import pytest
import torch

from mugi.bf16 import CODES, from_bf16
from mugi.errors import InputError
from mugi.methods import parse, parse_operations
from mugi.methods.functions import FUNCTIONS

X = from_bf16(CODES)
FINITE = np.isfinite(X)


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


def test_taylor_done_right_is_never_worse_than_flushing():
    found = table("taylor:degree=9,center=-4,evaluation=horner,cutoff=error", "exp")
    inside = FINITE & (X <= 0)
    exact = np.exp(X[inside])
    assert (np.abs(found[inside] - exact) <= exact * (1 + 2**-8)).all()
    near = (X >= -6) & (X <= -2)
    np.testing.assert_allclose(found[near], np.exp(X[near]), rtol=2**-8)


def test_hard_swish_is_the_one_of_torch():
    x = torch.linspace(-5, 5, 257).bfloat16()
    codes = x.view(torch.int16).numpy().view(np.uint16)
    expected = torch.nn.functional.hardswish(x.double()).numpy()
    np.testing.assert_allclose(table("partial", "silu")[codes], expected, atol=0.02)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("softmax=partial", "partial cannot compute exp; one of: exact, vlp, pwl, taylor"),
        ("activation=taylor:degree=9,center=-4", "taylor cannot compute silu; one of: exact"),
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
