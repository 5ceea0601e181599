"""What activations of opposite inputs share."""

from functools import cache

import numpy as np

from mugi.bf16 import CODES, from_bf16
from mugi.methods.method import Method
from tests.methods.repository import FINITE, MAGNITUDE, NEGATIVE, X


@cache
def integer_fields(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Mantissa of `bits` bits and exponent of every finite code other than zero."""
    field, low = MAGNITUDE >> 7, MAGNITUDE & 0x7F
    significand = np.where(field > 0, 128 + low, low)
    exponent = np.maximum(field, 1) - 127
    for _ in range(7):  # subnormals: up to 7 leading zeros
        small = (significand < 128) & (significand > 0)
        significand = np.where(small, 2 * significand, significand)
        exponent = exponent - small
    cut = 7 - bits
    kept, rest, half = significand >> cut, significand & ((1 << cut) - 1), (1 << cut) >> 1
    up = (rest > half) | ((rest == half) & (kept % 2 == 1)) if cut else np.zeros(1 << 16, bool)
    kept = kept + up
    carried = kept == 2 << bits
    return np.where(carried, 0, kept - (1 << bits)), exponent + carried


def check_symmetry(table: np.ndarray, function: str, method: Method, window=None) -> None:
    """f(a) - f(-a) = a, or a² for ReLU²: both signs share mantissa, exponent and window."""
    held, argument = (MAGNITUDE >= 0x80) & FINITE & ~NEGATIVE, X
    if window:
        mantissa, exponent = integer_fields(method.mantissa)
        held &= exponent >= max(window.low, window.lut_low)
        held &= exponent <= min(window.high, window.lut_high)
        argument = np.ldexp(1 + mantissa / 2**method.mantissa, exponent)
    codes = CODES[held]
    above, below = from_bf16(table[codes]), from_bf16(table[codes | 0x8000])
    argument = argument**2 if function == "relu2" else argument
    steps = 6 if method.name == "partial" else 1  # roundings on the way
    bound = steps * 2.0**-8 * (np.abs(above) + np.abs(below)) + 2.0**-133
    assert (np.abs(above - below - argument[held]) <= bound).all(), (str(method), window)
