"""Every VLP that is named anywhere: all 65,536 codes, against integer arithmetic on their bits."""

import numpy as np
import pytest

from mugi.bf16 import CODES
from mugi.methods import parse
from mugi.methods.functions import FUNCTIONS, exact_table
from mugi.methods.vlp import VLP
from tests.methods.repository import FINITE, MAGNITUDE, NEGATIVE, named, of_kind
from tests.methods.symmetry import check_symmetry, integer_fields


def test_methods_are_found_in_the_repository():
    found = {str(method) for method in named()}
    assert {"exact", "partial", "vlp:lut=8,max_exp=3", "pwl:segments=22,range=16"} <= found
    assert len(found) > 50


def integer_code(mantissa: np.ndarray, exponent: np.ndarray, bits: int) -> np.ndarray:
    """Magnitude code of (1 + mantissa / 2^bits) · 2^exponent; ties of subnormals to even."""
    significand = ((1 << bits) + mantissa) << (7 - bits)
    shift = np.clip(-126 - exponent, 0, 60)
    kept, rest = significand >> shift, significand & ((1 << shift) - 1)
    half = (1 << shift) >> 1
    kept = kept + ((shift > 0) & ((rest > half) | ((rest == half) & (kept % 2 == 1))))
    normal = ((exponent + 127) << 7) + significand - 128
    return np.minimum(np.where(exponent >= -126, normal, kept), 0x7F80)


def vlp_reference(method: VLP, function: str, window) -> np.ndarray:
    """The table of one window: (lowest and highest exponent, of the sliding window and the LUT)."""
    low, high, lut_low, lut_high = window
    mantissa, exponent = integer_fields(method.mantissa)
    sign = CODES.astype(np.int64) & 0x8000
    table = exact_table(function)
    keeps = method.underflow == "keep" and method.overflow == "flush"
    inside = np.where((exponent > high) & (not keeps), (1 << method.mantissa) - 1, mantissa)
    inside = np.where((exponent < low) & (method.underflow == "clamp"), 0, inside)
    within = np.minimum(np.maximum(exponent, low), high)
    found = table[integer_code(inside, within, method.mantissa) | sign].astype(np.int64)
    lost = exponent < (low if method.underflow == "zero" else -1000)
    lost |= (exponent < lut_low) & (function != "exp")
    found = np.where(lost, table[sign], found)
    if method.overflow == "flush":
        if function == "exp":
            limit = np.where(NEGATIVE, 0, 0x7F80)
        else:
            limit = table if function == "relu2" else CODES  # ReLU² tends to its square
            limit = np.where(NEGATIVE, 0x8000, limit)
        found = np.where(exponent > lut_high, limit, found)
    return np.where(FINITE & (MAGNITUDE > 0), found, table)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_vlp_tables(function):
    for method in of_kind(VLP, function):
        stack, windows = method.stack(function), method.windows(function)
        assert len(stack.tables) == len(windows) == stack.positions.max() + 1
        for window, found in zip(windows, stack.tables, strict=True):
            expected = vlp_reference(method, function, window)
            assert np.array_equal(found, expected), (str(method), window)
            if function != "exp":
                check_symmetry(found, function, method, window)
        if method.underflow != "keep":  # which scales small inputs up
            check_monotone(stack.tables, function)


def check_monotone(tables: np.ndarray, function: str) -> None:
    """exp of negative inputs and activations of positive ones never fall as the input rises."""
    order = CODES[0xFF80:0x7FFF:-1] if function == "exp" else CODES[:0x7F81]
    outputs = tables[:, order].astype(np.int32)  # none is negative: codes are in order
    assert (outputs < 0x8000).all()
    assert (outputs[:, 1:] >= outputs[:, :-1]).all()


@pytest.mark.parametrize("function", ["silu", "gelu", "gelu_tanh"])
@pytest.mark.parametrize("text", ["exact", "partial"])
def test_activations_of_opposite_inputs_differ_by_the_input(function, text):
    (table,) = parse(text).stack(function).tables
    check_symmetry(table, function, parse(text))
