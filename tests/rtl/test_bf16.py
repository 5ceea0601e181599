"""Adder, multiplier and divider of the array, against exact arithmetic rounded once."""

from fractions import Fraction

import numpy as np
import pytest

from mugi.bf16 import NAN_CODE, from_bf16, to_bf16
from tests.bf16_oracle import nearest_code, value_of
from tests.rtl.operands import pairs
from tests.rtl.simulation import simulate

UNITS = {
    "bf16_adder": ("sum", np.add),
    "bf16_multiplier": ("product", np.multiply),
    "bf16_divider": ("quotient", np.divide),
}


def computed(unit: str, left: np.ndarray, right: np.ndarray, folder, **options) -> np.ndarray:
    ports, output = {"a": (16, left), "b": (16, right)}, UNITS[unit][0]
    return simulate(unit, ports, {output: (16, 1)}, folder, **options)[output]


def expected(unit: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """In float64, whose rounding of sums, products and quotients never changes that to BF16."""
    with np.errstate(all="ignore"):
        value = UNITS[unit][1](from_bf16(left), from_bf16(right))
    return np.where(np.isnan(value), NAN_CODE, to_bf16(value))


def check(unit: str, count: int, folder, **options) -> None:
    left, right = pairs(count)
    found = computed(unit, left, right, folder, **options)
    assert np.array_equal(found, expected(unit, left, right))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_units_round_once(unit, count, tmp_path):
    check(unit, count, tmp_path)


@pytest.mark.parametrize("unit", UNITS)
def test_units_agree_with_fractions(unit, tmp_path):
    left, right = pairs(300, seed=1)
    finite = ((left & 0x7F80) < 0x7F80) & ((right & 0x7F80) < 0x7F80) & ((right & 0x7FFF) > 0)
    left, right = left[finite], right[finite]
    found = computed(unit, left, right, tmp_path)
    for a, b, code in zip(left.tolist(), right.tolist(), found.tolist(), strict=True):
        x, y = (Fraction(value_of(operand)) for operand in (a, b))
        exact = {"sum": x + y, "product": x * y}.get(UNITS[unit][0])
        exact = x / y if exact is None else exact
        negative = (a ^ b) >> 15 if unit != "bf16_adder" else (a & b) >> 15
        negative = exact < 0 if exact else negative
        assert code == nearest_code(abs(exact)) | negative << 15, (hex(a), hex(b))


def test_a_multiplier_without_subnormals(tmp_path):
    left, right = pairs(20_000)
    ports = {"a": (16, left), "b": (16, right)}
    found = simulate("bf16_multiplier", ports, {"product": (16, 1)}, tmp_path, SUBNORMALS=0)
    assert np.array_equal(found["product"], flushed_product(left, right))


def flushed_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return products of 8 bits, those that are then below the smallest normal number as zeros."""
    x, y = (np.where(codes & 0x7F80, codes, codes & 0x8000) for codes in (left, right))
    with np.errstate(all="ignore"):
        exact = from_bf16(x).astype(float) * from_bf16(y)
        mantissa, exponent = np.frexp(exact)
        rounded = np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8)
        kept = np.where(np.abs(rounded) < 2.0**-126, np.copysign(0, exact), rounded)
    return np.where(np.isnan(exact), NAN_CODE, to_bf16(kept))
