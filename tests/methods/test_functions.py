"""Exact functions: every table entry against mpmath."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from mpmath import mp

from mugi.bf16 import CODES, from_bf16
from mugi.methods import parse
from mugi.methods.functions import exact_table as table
from tests.bf16_oracle import INF, nearest_code, value_of

FUNCTIONS = ["exp", "silu", "gelu", "gelu_tanh", "quick_gelu", "relu", "relu2"]
MINUS_ZERO, MINUS_INF = 0x8000, 0xFF80
ORACLES = {
    "exp": mp.exp,
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    # (1 + tanh z) / 2 is the sigmoid of 2z
    "gelu_tanh": lambda x: (
        x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))
    ),
    "quick_gelu": lambda x: x / (1 + mp.exp(-mp.mpf("1.702") * x)),
    "relu": lambda x: max(x, mp.mpf(0)),
    "relu2": lambda x: max(x, mp.mpf(0)) ** 2,
}


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
    # beyond ±1024 every function is at its limit; mpmath need not go there, but for squares
    last = INF if function == "relu2" else 0x4480
    for code in range(1, last):
        for signed in (code, code | MINUS_ZERO):
            assert found[signed] == correctly_rounded(function, signed), hex(signed)
    large = CODES[(last <= CODES & 0x7FFF) & (CODES & 0x7FFF < INF)]
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
        ("quick_gelu", [0, MINUS_ZERO, INF, MINUS_ZERO]),
        ("relu", [0, MINUS_ZERO, INF, MINUS_ZERO]),
        ("relu2", [0, MINUS_ZERO, INF, MINUS_ZERO]),
    ],
)
@pytest.mark.parametrize("method", ["exact", "vlp:lut=4,max_exp=1", "vlp:lut=12,min_exp=-8"])
def test_zeros_infinities_and_nan(method, function, expected):
    for tables in parse(method).stack(function).tables:
        assert tables[[0, MINUS_ZERO, INF, MINUS_INF]].tolist() == expected
        assert np.isnan(from_bf16(tables[np.isnan(from_bf16(CODES))])).all()
