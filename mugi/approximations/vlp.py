"""VLP approximation (paper sections 3.1 to 3.3): a LUT swept by mantissa, read by exponent.

The LUT holds f(±(1 + m/2**mantissa) · 2**e) for every rounded mantissa m and for the `lut`
exponents of the LUT window. A group of inputs shares a sliding window of `window` of those
exponents, placed so that it reaches the group's largest (or smallest) exponent. Each of the
lut - window + 1 positions of the sliding window is one table over all BF16 codes.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from mugi.approximations import exact
from mugi.approximations.method import Method
from mugi.approximations.tables import TableStack
from mugi.numerics import CODES, INF_CODE, Fields, from_bf16, join, split

PAPER_WINDOW = 8


class VLP(Method):
    """Parameters and policies of a VLP approximation.

    The policies name what the paper leaves open; the published code's choices are
    `overflow=flush`, `underflow=clamp` (softmax) or `keep` (activations), `grouping=strided` and
    `zeros=count`. An input inside the LUT but above the sliding window (only `min_exp` leaves any)
    becomes the window's largest value; `keep` with `flush` keeps its mantissa, as published.
    """

    name: Literal["vlp"] = "vlp"
    lut: int = Field(ge=1, le=32, description="exponents in the LUT window (LUT size)")
    window: int | None = Field(
        None, ge=1, le=32, description="exponents in the sliding window; 8, or the LUT if smaller"
    )
    max_exp: int | None = Field(None, ge=-40, le=40, description="highest exponent of the LUT")
    min_exp: int | None = Field(None, ge=-40, le=40, description="lowest exponent of the LUT")
    mantissa: int = Field(3, ge=1, le=7, description="mantissa bits after rounding")
    group: int = Field(256, ge=1, description="inputs that share a sliding window (array height)")
    grouping: Literal["rows", "strided"] = Field(
        "rows", description="contiguous tiles, or the published stride over all rows"
    )
    zeros: Literal["skip", "count"] = Field(
        "skip", description="whether zeros and masked inputs enter the group's extreme as 1.0"
    )
    overflow: Literal["flush", "saturate"] = Field(
        "flush",
        description="beyond the LUT: the function's limit, or the largest value of the window",
    )
    underflow: Literal["clamp", "keep", "zero"] = Field(
        "clamp",
        description="below the window: its lowest exponent with mantissa 0 or with the input's "
        "mantissa, or an argument of 0",
    )

    def check(self) -> None:
        """Raise ValueError for a window without an anchor, or wider than the LUT."""
        if (self.max_exp is None) == (self.min_exp is None):
            raise ValueError("give either max_exp or min_exp (the anchored end of the LUT window)")
        if self.window is not None and self.window > self.lut:
            raise ValueError(f"sliding window {self.window} is wider than the LUT ({self.lut})")

    @property
    def sliding_window(self) -> int:
        """Exponents selectable per mapping."""
        return min(PAPER_WINDOW, self.lut) if self.window is None else self.window

    @property
    def lut_window(self) -> tuple[int, int]:
        """Lowest and highest exponent held by the LUT."""
        if self.max_exp is not None:
            return self.max_exp - self.lut + 1, self.max_exp
        return self.min_exp, self.min_exp + self.lut - 1

    def stack(self, function: str) -> TableStack:
        """Return the tables of `function`, one per position of the sliding window."""
        count = self.lut - self.sliding_window + 1
        tables = np.stack([self.table(function, position) for position in range(count)])
        extreme = "max" if self.max_exp is not None else "min"
        return TableStack(tables, self._positions(), extreme, self.group, self.grouping, self.zeros)

    def _positions(self) -> np.ndarray:
        """Window position by extreme magnitude code: the window reaches the extreme exponent."""
        exponent = split(CODES[: 1 << 15], self.mantissa).exponent
        lowest, _ = self.lut_window
        offset = self.sliding_window - 1 if self.max_exp is not None else 0
        last = self.lut - self.sliding_window
        positions = np.clip(exponent - lowest - offset, 0, last).astype(np.uint8)
        positions[0] = 0
        return positions

    def table(self, function: str, position: int) -> np.ndarray:
        """Return the uint16 (65536,) table of `function` at one sliding-window position."""
        fields = split(CODES, self.mantissa)
        lut_low, lut_high = self.lut_window
        low = lut_low + position
        high = low + self.sliding_window - 1
        above, below = fields.exponent > high, fields.exponent < low

        mantissa = fields.mantissa
        if self.underflow != "keep" or self.overflow == "saturate":
            mantissa = np.where(above, (1 << self.mantissa) - 1, mantissa)
        if self.underflow == "clamp":
            mantissa = np.where(below, 0, mantissa)
        inside = Fields(fields.sign, mantissa, np.clip(fields.exponent, low, high))
        result = exact.evaluate(function, join(inside, self.mantissa))

        to_zero = below if self.underflow == "zero" else np.zeros_like(below)
        if function != "exp":  # published activations: nothing below the LUT
            to_zero = to_zero | (fields.exponent < lut_low)
        signed_zero = (CODES & 0x8000).astype(np.uint16)
        result = np.where(to_zero, exact.evaluate(function, signed_zero), result)
        if self.overflow == "flush":
            result = np.where(fields.exponent > lut_high, _limit(function), result)
        value = from_bf16(CODES)
        untouched = (value == 0) | ~np.isfinite(value)
        return np.where(untouched, exact.table(function), result).astype(np.uint16)


def _limit(function: str) -> np.ndarray:
    """What `function` tends to beyond the LUT, by input code: the input itself or a zero for an
    activation, 0 (or infinity, for positive inputs) for exp."""
    infinite = exact.evaluate(function, np.uint16(INF_CODE) | (CODES & 0x8000))
    if function == "exp":
        return infinite
    return np.where(CODES < 0x8000, CODES, infinite)
