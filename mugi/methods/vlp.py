"""VLP approximation (paper sections 3.1 to 3.3): a LUT swept by mantissa, read by exponent.

The LUT holds f(±(1 + m/2**mantissa) · 2**e) for every rounded mantissa m and for the `lut`
exponents of the LUT window. A group of inputs shares a sliding window of `window` of those
exponents, placed so that it reaches the group's largest (or smallest) exponent. Each of the
lut - window + 1 positions of the sliding window is one table over all BF16 codes.

With `adapt` the LUT window adapts (the paper's future work, section 3.4): it lies `adapt`
exponents or fewer below max_exp, where a leaky maximum of the groups' largest exponents wants its
top (`mugi.methods.tables.follow`). The tree that places the sliding window finds that
maximum already; beyond it the hardware needs one register, a comparison, and to load the 2^mantissa
LUT entries of each exponent by which the LUT window moves. It never saturates a group: the LUT
window rises with the group that needs it (that group waits for the entries), and falls one exponent
in `leak` groups. Groups follow one another as the array takes them: for softmax the keys of one
tile of queries, for activations the tiles of channels of one token; each tile of queries, and each
token, starts anew at its first group's own need, so that neither padding nor batch matters.
"""

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from mugi.bf16 import (
    CODES,
    INF_CODE,
    SPECIAL_EXPONENT,
    ZERO_EXPONENT,
    Fields,
    from_bf16,
    join,
    split,
    to_bf16,
)
from mugi.methods.functions import beyond, exact_table
from mugi.methods.method import Method
from mugi.methods.tables import Adaption, TableStack

PAPER_WINDOW = 8
PUBLISHED_TOP = 4  # max_pos_exp of the published activations, whatever min_pos_exp is


class Window(NamedTuple):
    """Exponents of one table: of the sliding window, and of the LUT beyond which policies hold."""

    low: int
    high: int
    lut_low: int
    lut_high: int


class VLP(Method):
    """Parameters and policies of a VLP approximation.

    The policies name what the paper leaves open; the published code's choices are
    `overflow=flush`, `underflow=clamp` (softmax) or `keep` (activations), `grouping=strided` and
    `zeros=count`. An input inside the LUT but above the sliding window (only `min_exp` leaves any)
    becomes the window's largest value; `keep` with `flush` keeps its mantissa, as published.
    Zeros give what the exact function gives; where `max_exp` is negative, the published softmax
    flushes them too.

    `build=published` is the activation with `min_exp` as published (custom_nonlinear/VLPSilu): the
    LUT ends at an exponent of 4 whatever `min_exp` is, and only a group with an input below that
    LUT has its sliding window at `min_exp`; where the window would pass 4, it ends at
    min_exp + lut - 1 instead, even below its own start. exp and `max_exp` have no such build.
    """

    name: Literal["vlp"] = "vlp"
    lut: int = Field(ge=1, le=32, description="exponents in the LUT window (LUT size)")
    window: int | None = Field(
        None, ge=1, le=32, description="exponents in the sliding window; 8, or the LUT if smaller"
    )
    max_exp: int | None = Field(None, ge=-40, le=40, description="highest exponent of the LUT")
    min_exp: int | None = Field(None, ge=-40, le=40, description="lowest exponent of the LUT")
    build: Literal["repaired", "published"] = Field(
        "repaired",
        description="activations with min_exp: the LUT window is the one asked for, or ends at an "
        "exponent of 4 as published",
    )
    adapt: int = Field(
        0, ge=0, le=16, description="exponents by which the LUT window may move below max_exp"
    )
    leak: int = Field(
        16, ge=1, le=1024, description="groups in which an adaptive LUT window falls by 1 exponent"
    )
    mantissa: int = Field(3, ge=1, le=7, description="mantissa bits after rounding")
    group: int = Field(256, ge=1, description="inputs that share a sliding window (array height)")
    grouping: Literal["rows", "strided"] = Field(
        "rows",
        description="contiguous tiles; or, as published, a stride over all rows for softmax and a "
        "short tile in front for activations",
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
        "mantissa, or an argument of 0; activations give 0 below the LUT",
    )

    def check(self) -> None:
        if (self.max_exp is None) == (self.min_exp is None):
            raise ValueError("give either max_exp or min_exp (the anchored end of the LUT window)")
        if self.window is not None and self.window > self.lut:
            raise ValueError(
                f"window={self.window} is wider than the LUT (lut={self.lut}); "
                f"allowed: 1 to {self.lut}"
            )
        if self.build == "published" and self.min_exp is None:
            raise ValueError("build=published needs min_exp: with max_exp there is one build only")
        if self.adapt and self.max_exp is None:
            raise ValueError(f"adapt={self.adapt} needs max_exp, below which the LUT window moves")

    @property
    def sliding_window(self) -> int:
        """Exponents selectable per mapping."""
        return min(PAPER_WINDOW, self.lut) if self.window is None else self.window

    @property
    def lut_window(self) -> tuple[int, int]:
        """Lowest and highest exponent held by the LUT; by an adaptive one when at its highest."""
        if self.max_exp is not None:
            return self.max_exp - self.lut + 1, self.max_exp
        return self.min_exp, self.min_exp + self.lut - 1

    def windows(self, function: str) -> list[Window]:
        """Return the windows of the tables of `function`, by position."""
        reach = self.sliding_window - 1
        if self._as_published(function):
            start = PUBLISHED_TOP - self.lut + 1
            last = self.lut_window[1]
            return [
                Window(
                    low, low + reach if low + reach <= PUBLISHED_TOP else last, start, PUBLISHED_TOP
                )
                for low in (self.min_exp, *range(start, PUBLISHED_TOP + 1))
            ]
        lut_low, lut_high = self.lut_window
        starts = range(lut_low - self.adapt, lut_low + 1)
        slides = range(self.lut - self.sliding_window + 1)
        return [
            Window(start + slide, start + slide + reach, start, lut_high)
            for start in starts
            for slide in slides
        ]

    def _as_published(self, function: str) -> bool:
        """Tell whether `function` is an activation of the published build."""
        return self.build == "published" and function != "exp"

    def stack(self, function: str) -> TableStack:
        """Return the tables of `function`, one per position of the sliding window."""
        tables = np.stack([self.table(function, window) for window in self.windows(function)])
        positions, adaption = self._positions(function)
        extreme = "max" if self.max_exp is not None else "min"
        front = self.grouping == "strided" and function != "exp"
        grouping = "front" if front else self.grouping
        return TableStack(tables, positions, extreme, self.group, grouping, self.zeros, adaption)

    def _positions(self, function: str) -> tuple[np.ndarray, Adaption | None]:
        """Return the window position by extreme magnitude code, and how the LUT window adapts.

        The sliding window is placed so that it reaches the extreme exponent.
        """
        exponent = _fields(self.mantissa).exponent[: 1 << 15].copy()
        exponent[INF_CODE:] = ZERO_EXPONENT  # infinities and NaN compete no more than zeros do
        if self._as_published(function):
            start = PUBLISHED_TOP - self.lut + 1
            return np.clip(exponent - start + 1, 0, self.lut).astype(np.uint16), None
        lowest, _ = self.lut_window
        offset = self.sliding_window - 1 if self.max_exp is not None else 0
        last = self.lut - self.sliding_window
        lut = np.arange(self.adapt + 1)[:, None]
        slide = np.clip(exponent - (lowest - self.adapt + lut) - offset, 0, last)
        positions = (lut * (last + 1) + slide).astype(np.uint16)
        if not self.adapt:
            return positions[0], None
        needed = np.clip(exponent - self.max_exp + self.adapt, 0, self.adapt).astype(np.uint8)
        along = "columns" if function == "exp" else "tiles"
        return positions, Adaption(needed, self.leak, along)

    def table(self, function: str, window: Window) -> np.ndarray:
        """Return the uint16 (65536,) table of `function` for one window of `windows`."""
        low, high, lut_low, lut_high = window
        fields, place = _distinct(self.mantissa)  # of the inputs, rounded
        above, below = fields.exponent > high, fields.exponent < low

        # an exponent outside the sliding window becomes its nearest one, with a mantissa by policy
        mantissa = fields.mantissa
        if self.underflow != "keep" or self.overflow == "saturate":
            mantissa = np.where(above, (1 << self.mantissa) - 1, mantissa)
        if self.underflow == "clamp":
            mantissa = np.where(below, 0, mantissa)
        argument = Fields(fields.sign, mantissa, np.clip(fields.exponent, low, high))
        exact = exact_table(function)
        result = exact[join(argument, self.mantissa)]  # the LUT entry of that mantissa and exponent

        to_zero = below if self.underflow == "zero" else np.zeros_like(below)
        if function != "exp":  # published activations: nothing below the LUT
            to_zero = to_zero | (fields.exponent < lut_low)
        result = np.where(to_zero, exact[fields.sign * 0x8000], result)[place]

        exponent = _fields(self.mantissa).exponent
        if self.overflow == "flush":
            # the function's limit: the input itself or a zero for an activation, 0 (or infinity,
            # for positive inputs) for exp
            limit = exact[INF_CODE | (CODES & 0x8000)]
            if function != "exp":
                limit = np.where(CODES < 0x8000, _beyond(function), limit)
            result = np.where(exponent > lut_high, limit, result)
        # zeros, infinities and NaN do not go through the LUT
        bypassed = np.abs(exponent) == SPECIAL_EXPONENT
        return np.where(bypassed, exact, result).astype(np.uint16)


@cache
def _beyond(function: str) -> np.ndarray:
    """Return the codes of an activation above the LUT, by the input's code."""
    return to_bf16(beyond(function, from_bf16(CODES)))


@cache
def _fields(mantissa_bits: int) -> Fields:
    """Return the fields of all codes."""
    return split(CODES, mantissa_bits)


@cache
def _distinct(mantissa_bits: int) -> tuple[Fields, np.ndarray]:
    """Return the distinct fields of codes, and the place of each code's among them.

    A mantissa of 3 bits leaves a sixteenth of the codes to compute.
    """
    fields = _fields(mantissa_bits)
    key = (fields.exponent.astype(np.int64) << 8 | fields.mantissa) << 1 | fields.sign
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return Fields(*(field[first] for field in fields)), place
