"""Approximations of a model by their text, and mistakes in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugi.errors import InputError
from mugi.methods import Approximation, parse_operations
from tests.methods.strategies import activation_methods, softmax_methods


@given(st.none() | softmax_methods, st.none() | activation_methods)
def test_an_approximation_is_read_back_from_its_text(softmax, activation):
    approximation = Approximation(softmax, activation)
    assert parse_operations(str(approximation)) == approximation


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
