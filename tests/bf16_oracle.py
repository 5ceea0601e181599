"""BF16 from its definition, in exact fractions: slow, and independent of `mugi.bf16`.

1 sign bit, 8 exponent bits biased by 127, 7 mantissa bits; exponent 0 holds zero and the
subnormals, exponent 255 infinity (mantissa 0) and NaN.
"""

import math
from fractions import Fraction

INF = 0x7F80


def value_of(code: int) -> Fraction | float:
    """Value of a BF16 code: a fraction, or a float infinity, NaN or negative zero."""
    sign = -1 if code >> 15 else 1
    exponent, mantissa = (code >> 7) & 0xFF, code & 0x7F
    if exponent == 255:
        return math.nan if mantissa else sign * math.inf
    if exponent == 0:
        value = Fraction(mantissa, 1 << 133)
    else:
        value = Fraction(128 + mantissa, 128) * Fraction(2) ** (exponent - 127)
    return sign * value if value or sign > 0 else -0.0


def floor_log2(value: Fraction) -> int:
    """Largest integer e with 2**e <= value."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def nearest_code(magnitude: Fraction) -> int:
    """Code of the non-negative BF16 value nearest to `magnitude`; ties to the even code."""
    if not magnitude:
        return 0
    exponent = max(floor_log2(magnitude), -126)
    steps = round(magnitude / Fraction(2) ** (exponent - 7))  # ties to even
    return min(((exponent + 126) << 7) + steps, INF)  # a carry moves on to the next exponent


def rounded_fields(code: int, bits: int) -> tuple[bool, int, int]:
    """Sign, mantissa of `bits` bits and exponent of a finite code other than zero."""
    field, mantissa = (code >> 7) & 0xFF, code & 0x7F
    smallest_steps = (128 + mantissa) << (field - 1) if field else mantissa  # of 2**-133
    exponent = smallest_steps.bit_length() - 1
    significand, rest = divmod(smallest_steps << bits, 1 << exponent)
    if 2 * rest > 1 << exponent or (2 * rest == 1 << exponent and significand % 2):
        significand += 1
    if significand == 2 * 2**bits:
        significand, exponent = 2**bits, exponent + 1
    return code >= 0x8000, significand - 2**bits, exponent - 133
