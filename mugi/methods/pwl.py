"""Piecewise linear approximation (PWL): one slope and intercept a segment of the input range.

Inputs below the range give 0; an activation passes inputs above the range through (ReLU²: their
square).
"""

from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field

from mugi.bf16 import rounded
from mugi.methods.functions import FUNCTIONS, beyond
from mugi.methods.method import Method, table_of
from mugi.methods.tables import TableStack

_GRID = 1 << 13  # points on which a non-uniform fit is judged


class PWL(Method):
    """Parameters of a piecewise linear approximation.

    `bf16` coefficients on a `uniform` grid are the published form: break-points rounded to BF16,
    chords over the nominal width, every step in BF16, and inputs at the very top of the range on
    the chord above it. `fp32` keeps break-points and coefficients in FP32 and rounds the result
    once. `minimax` places the segments so that all have nearly the same largest error: for exp
    within 2 % of the least that their number allows, for SiLU within 5 % (its lines are best only
    where it is convex or concave). Such a fit is off at 0, too: SiLU(0) is not 0.
    """

    name: Literal["pwl"] = "pwl"
    segments: int = Field(ge=1, le=256, description="segments of the range")
    range: float = Field(
        gt=0, le=128, description="exp is approximated on [-range, 0], others on [-range, range]"
    )
    coefficients: Literal["bf16", "fp32"] = Field(
        "bf16", description="precision of break-points, slopes and intercepts"
    )
    spacing: Literal["uniform", "minimax"] = Field(
        "uniform", description="equal widths with chords, or equal largest errors (fp32)"
    )

    def check(self) -> None:
        if self.spacing == "minimax" and self.coefficients == "bf16":
            raise ValueError("spacing=minimax needs coefficients=fp32")

    def stack(self, function: str) -> TableStack:
        return table_of(function, lambda x: self._approximate(function, x))

    def fit(self, function: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return edges (segments + 1), slopes and intercepts, float64, to be rounded to FP32."""
        fit = _chords if self.spacing == "uniform" else _equal_errors
        return fit(function, *self._ends(function), self.segments)

    def _ends(self, function: str) -> tuple[float, float]:
        return -self.range, 0.0 if function == "exp" else self.range

    def _approximate(self, function: str, x: np.ndarray) -> np.ndarray:
        low, high = self._ends(function)
        inside = np.clip(x, low, high)
        if self.coefficients == "bf16":
            result = _published(function, inside, low, high, self.segments)
        else:
            result = _evaluate(inside, *self.fit(function))
        result = np.where(x < low, 0.0, result)
        return result if function == "exp" else np.where(x > high, beyond(function, x), result)


def _published(function: str, x: np.ndarray, low: float, high: float, segments: int) -> np.ndarray:
    """Chords between BF16 break-points, every step in FP32 and then rounded to BF16."""
    f = FUNCTIONS[function]
    step, start = np.float32((high - low) / segments), np.float32(low)
    index = np.floor(rounded(np.float32(rounded(x - low)) / step))
    index = np.clip(index, 0, segments).astype(int)
    edge = np.arange(segments + 1, dtype=np.float32)
    left, right = rounded(start + edge * step), rounded(start + (edge + 1) * step)
    value = rounded(f(left))
    slope = rounded(np.float32(rounded(rounded(f(right)) - value)) / step)
    intercept = rounded(value - rounded(slope * left))
    return rounded(rounded(slope[index] * x) + intercept[index])


def _evaluate(
    x: np.ndarray, edges: np.ndarray, slope: np.ndarray, intercept: np.ndarray
) -> np.ndarray:
    """Return slope·x + intercept of the segment that holds x, coefficients in FP32."""
    index = np.clip(np.searchsorted(edges.astype(np.float32), x, "right") - 1, 0, len(slope) - 1)
    slope, intercept = (part.astype(np.float32).astype(float) for part in (slope, intercept))
    return slope[index] * x + intercept[index]


def _chords(function: str, low: float, high: float, segments: int) -> tuple[np.ndarray, ...]:
    """Return edges (segments + 1), slopes and intercepts of the chords of equal segments."""
    edges = np.linspace(low, high, segments + 1)
    values = FUNCTIONS[function](edges)
    slope = np.diff(values) / np.diff(edges)
    return edges, slope, values[:-1] - slope * edges[:-1]


@cache
def _equal_errors(function: str, low: float, high: float, segments: int) -> tuple[np.ndarray, ...]:
    """Return edges, slopes and intercepts of segments whose largest errors are nearly equal.

    Bisection on the error: each segment reaches as far as the error allows. A segment's line is
    its chord moved to the middle of its deviations, the best line where f is convex or concave; a
    segment across a point of inflection could do better, and ends lie on a grid.
    """
    x = np.linspace(low, high, _GRID)
    y = FUNCTIONS[function](x)
    least, most = 0.0, np.ptp(y)
    while most - least > 1e-4 * most:
        error = (least + most) / 2
        if len(_greedy(x, y, error, segments)) > segments + 1:
            least = error
        else:
            most = error
    ends = _greedy(x, y, most, segments)
    lines = [_line(x[a : b + 1], y[a : b + 1]) for a, b in pairwise(ends)]
    slope, intercept, _ = np.array(lines).T
    return x[ends], slope, intercept


def _greedy(x: np.ndarray, y: np.ndarray, error: float, segments: int) -> list[int]:
    """Return the grid points where segments end, each as long as `error` allows, at most one
    segment more than asked for."""
    ends = [0]
    while ends[-1] < len(x) - 1 and len(ends) <= segments + 1:
        start, good, bad = ends[-1], ends[-1] + 1, len(x)
        while bad - good > 1:
            middle = (good + bad) // 2
            fits = _line(x[start : middle + 1], y[start : middle + 1])[2] <= error
            good, bad = (middle, bad) if fits else (good, middle)
        ends.append(good)
    return ends


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return slope, intercept and largest error of the centred chord through some points."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    deviation = y - slope * x
    low, high = deviation.min(), deviation.max()
    return slope, (low + high) / 2, (high - low) / 2
