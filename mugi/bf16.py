"""BF16 bit fields in numpy: the reference for every number format of the project.

A BF16 value is a `uint16` code: 1 sign bit, 8 exponent bits, 7 mantissa bits. The array works on
the fields of a code with the mantissa rounded to a few bits (3 in the paper, section 3.1):
value = ±(1 + mantissa / 2**mantissa_bits) · 2**exponent.
"""

from typing import NamedTuple

import numpy as np

CODES = np.arange(1 << 16, dtype=np.uint16)
INF_CODE = 0x7F80
NAN_CODE = 0x7FC0
ZERO_EXPONENT = -(1 << 14)
"""Exponent of a zero: below every finite exponent."""
SPECIAL_EXPONENT = 1 << 14
"""Exponent of infinities and NaN: above every finite exponent."""


class Fields(NamedTuple):
    """Sign, rounded mantissa and exponent of BF16 codes, arrays of the codes' shape.

    `sign` is a bool (True for negative); `mantissa` an int in [0, 2**mantissa_bits); `exponent`
    the exponent after the rounding carry. Subnormals are normalised (exponent down to -133), the
    carry of the largest values reaches exponent 128. Zeros have mantissa 0 and `ZERO_EXPONENT`;
    infinities and NaN have mantissa 0 and 1 and `SPECIAL_EXPONENT`.
    """

    sign: np.ndarray
    mantissa: np.ndarray
    exponent: np.ndarray


def to_bf16(values: np.ndarray) -> np.ndarray:
    """Round float16/32/64 `values` to BF16 codes (`uint16`, same shape) once, to nearest even.

    Overflow gives infinity, underflow a signed zero, every NaN the quiet NaN of its sign.
    """
    values = np.asarray(values)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # NaN may be signalling
        single = values.astype(np.float32)
        bits = single.view(np.uint32)
        if values.dtype not in (np.float16, np.float32):
            # Two roundings in a row could take a number near a tie to the tie and beyond. So the
            # first one goes towards zero, and keeps in the last bit that something was cut off.
            bits = bits - (np.abs(single) > np.abs(values)) | (single != values)
        nan = bits >> 16 & 0x8000 | NAN_CODE
        codes = bits + 0x7FFF + (bits >> 16 & 1) >> 16
    return np.where(np.isnan(single), nan, codes).astype(np.uint16)


def from_bf16(codes: np.ndarray) -> np.ndarray:
    """Return the float64 values of BF16 `codes`, exactly."""
    values = (np.asarray(codes, dtype=np.uint16).astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore"):  # signalling NaN
        return values.astype(np.float64)


def rounded(values: np.ndarray) -> np.ndarray:
    """Return `values` rounded to BF16, in float64: one step of BF16 arithmetic."""
    return from_bf16(to_bf16(values))


def split(codes: np.ndarray, mantissa_bits: int = 7) -> Fields:
    """Split BF16 `codes` into `Fields`, the mantissa rounded to `mantissa_bits` (half to even).

    Raises ValueError unless 1 <= mantissa_bits <= 7. With 7 bits nothing is rounded.
    """
    if not 1 <= mantissa_bits <= 7:
        raise ValueError(f"mantissa_bits is {mantissa_bits}; allowed: 1 to 7")
    values = from_bf16(codes)
    finite = np.isfinite(values)
    significand, exponent = np.frexp(np.where(finite, np.abs(values), 0.0))
    levels = 1 << mantissa_bits
    scaled = np.rint(significand * 2 * levels).astype(np.int32)
    carry = scaled == 2 * levels
    exponent = exponent.astype(np.int32) - 1 + carry
    mantissa = np.where(carry, 0, scaled - levels)
    zero = values == 0
    mantissa = np.where(zero | ~finite, np.isnan(values), mantissa).astype(np.int32)
    exponent = np.where(zero, ZERO_EXPONENT, np.where(finite, exponent, SPECIAL_EXPONENT))
    return Fields(np.signbit(values), mantissa, exponent)


def join(fields: Fields, mantissa_bits: int = 7) -> np.ndarray:
    """Rebuild the BF16 codes of `fields`; the inverse of `split` for 7 mantissa bits.

    An exponent of 128 (a carry out of the largest values) gives infinity.
    """
    sign, mantissa, exponent = fields
    special = exponent == SPECIAL_EXPONENT
    ordinary = ~special & (exponent != ZERO_EXPONENT)
    value = np.ldexp(1 + mantissa / (1 << mantissa_bits), np.where(ordinary, exponent, 0))
    value = np.where(ordinary, value, 0.0)
    value = np.where(special, np.where(mantissa == 1, np.nan, np.inf), value)
    return to_bf16(np.where(sign, -value, value))
