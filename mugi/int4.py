"""INT4 weights and KV cache (paper section 4.2): the numpy reference.

Numbers are quantised by rounding to nearest, in groups that share a scale. The paper names neither
the rule nor the group; its cost model scales every sum of 256 products (assumption
`dequant_group`). `symmetric` gives what the array multiplies, whole numbers of a sign and 3 bits.
The scale is a BF16 number: the vector array multiplies the array's BF16 sums by it.
"""

from typing import Literal, NamedTuple

import numpy as np

from mugi.bf16 import from_bf16, rounded, to_bf16
from mugi.errors import InputError

LARGEST = 7  # of sign and 3-bit magnitude
LEVELS = 15  # steps from the lowest to the highest of 16 codes
ROW = -1
"""As a group: all numbers along the axis, so of weights a scale for each output."""


class Quantised(NamedTuple):
    """Numbers (…, N) in groups along the last axis.

    codes: int8 (…, N), zero points subtracted, so -7 to 7 if symmetric and -15 to 15 if not;
    scales: BF16 codes, uint16 (…, groups).
    """

    codes: np.ndarray
    scales: np.ndarray
    group: int

    def values(self) -> np.ndarray:
        """Return the quantised numbers, float64 (…, N): code times scale, exactly."""
        count = self.codes.shape[-1]
        return self.codes * np.repeat(from_bf16(self.scales), self.group, axis=-1)[..., :count]


def quantise(
    values: np.ndarray, group: int, scheme: Literal["symmetric", "asymmetric"] = "symmetric"
) -> Quantised:
    """Quantise finite `values` (…, N) in groups of `group` along the last axis, as float32
    (`ROW`: one group of all N).

    Symmetric: scale = largest magnitude / 7. Asymmetric: scale = (highest - lowest) / 15, where 0
    lies between both, and zero point = -lowest / scale. Everything is rounded to nearest, ties to
    even, the scale to BF16; a group of zeros has scale 0. Raises InputError for other values.
    """
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.floating) or not values.ndim:
        raise InputError(f"values: {values.dtype} of shape {values.shape}; allowed: floats (…, N)")
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError("values: not finite; allowed: finite numbers")
    count = values.shape[-1]
    group = count if group == ROW else group
    groups = -(-count // group)
    padding = [(0, 0)] * (values.ndim - 1) + [(0, groups * group - count)]
    grouped = np.pad(values, padding).reshape(*values.shape[:-1], groups, group)
    if scheme == "symmetric":
        scales = _scales(np.abs(grouped).max(-1) / np.float32(LARGEST))
        codes = np.clip(_in_steps(grouped, scales), -LARGEST, LARGEST)
    else:
        lowest, highest = np.minimum(grouped.min(-1), 0), np.maximum(grouped.max(-1), 0)
        # the difference of the quotients: that of the numbers may overflow
        scales = _scales(highest / np.float32(LEVELS) - lowest / np.float32(LEVELS))
        zeros = np.clip(_in_steps(-lowest[..., None], scales), 0, LEVELS)
        codes = np.clip(_in_steps(grouped, scales) + zeros, 0, LEVELS) - zeros
    codes = codes.reshape(*values.shape[:-1], -1)[..., :count].astype(np.int8)
    return Quantised(codes, to_bf16(scales), group)


def _scales(exact: np.ndarray) -> np.ndarray:
    """Return scales as the vector array holds them: BF16 numbers, in float32."""
    return rounded(exact).astype(np.float32)


def _in_steps(grouped: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return how many scales fit in each number, a whole number; none in a group of zeros."""
    divisors = np.where(scales == 0, np.inf, scales).astype(np.float32)
    return np.rint(grouped / divisors[..., None])
