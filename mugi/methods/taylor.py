"""Taylor series of exp around a centre, for softmax (paper section 3.2; Horner in hardware)."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mugi.bf16 import from_bf16, rounded, to_bf16
from mugi.methods.method import Method, table_of
from mugi.methods.tables import TableStack

_STEP = 0.25  # of the published search for the cut-off
_THRESHOLD = 0.001


class Taylor(Method):
    """Parameters of a Taylor series; inputs below a cut-off give 0.

    `powers` with `search` is the published form: powers summed in ascending order, every step in
    BF16, and a cut-off found by a search that forgets to reset its sum, so that centres near 0
    lose almost every input. `horner` evaluates in FP32 and rounds once; `error` cuts off where 0
    is closer to exp than the series.
    """

    name: Literal["taylor"] = "taylor"
    functions: ClassVar = ("exp",)
    degree: int = Field(ge=1, le=20, description="degree of the polynomial")
    center: float = Field(ge=-64, le=8, description="point that the series is expanded around")
    evaluation: Literal["powers", "horner"] = Field(
        "powers", description="sum of powers in BF16, or Horner's rule in FP32"
    )
    cutoff: Literal["search", "error"] = Field(
        "search", description="the published search, or where 0 is the better approximation"
    )

    def stack(self, function: str) -> TableStack:
        cut = self.cut_off()
        evaluate = self._powers if self.evaluation == "powers" else self._horner

        def above_cut(x: np.ndarray) -> np.ndarray:
            values = np.zeros_like(x)
            values[x >= cut] = evaluate(x[x >= cut])
            return values

        return table_of(function, above_cut)

    def cut_off(self) -> float:
        """Return the lowest input that is not flushed to 0."""
        return self._published_cut_off() if self.cutoff == "search" else self._better_than_zero()

    def _coefficients(self) -> list[float]:
        return [math.exp(-math.lgamma(i + 1)) for i in range(self.degree + 1)]

    def _powers(self, x: np.ndarray) -> np.ndarray:
        # far fewer distances than inputs
        codes, place = np.unique(to_bf16(x - self.center), return_inverse=True)
        distance = from_bf16(codes)
        total = np.zeros_like(distance)
        power = np.ones_like(distance)
        for coefficient in self._coefficients():
            term = np.float32(rounded(power)) * np.float32(coefficient)
            total = rounded(total + rounded(term))
            power = power * distance
        return rounded(np.float32(total) * np.float32(math.exp(self.center)))[place]

    def _horner(self, x: np.ndarray) -> np.ndarray:
        distance = np.float32(x) - np.float32(self.center)
        total = np.zeros_like(distance)
        for coefficient in reversed(self._coefficients()):
            total = total * distance + np.float32(coefficient)
        return (total * np.float32(math.exp(self.center))).astype(float)

    def _published_cut_off(self) -> float:
        value, before, x = 0.0, 1.0, 0.0
        while True:
            terms = self._coefficients()[: self.degree]
            series = sum(c * (x - self.center) ** i for i, c in enumerate(terms))
            value = (value + series) * math.exp(self.center)
            if value <= _THRESHOLD or value > before:
                return x
            before, x = value, x - _STEP

    def _better_than_zero(self) -> float:
        x = np.arange(self.center, self.center - 64, -1 / 64)
        wrong = np.abs(self._horner(x) - np.exp(x)) > np.exp(x)
        return float(x[np.argmax(wrong) - 1]) if wrong.any() else -math.inf
