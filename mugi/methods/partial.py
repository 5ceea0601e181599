"""Partial approximation (PA): the sigmoid inside an activation as a clipped line.

MobileNetV3's hard-swish for SiLU, and the same idea for GELU = x·sigmoid(1.702 x).
"""

from typing import ClassVar, Literal

import numpy as np

from mugi.bf16 import rounded
from mugi.methods.method import Method, table_of
from mugi.methods.tables import TableStack

_SLOPE = {"silu": 1.0, "gelu": 1.702, "gelu_tanh": 1.702, "quick_gelu": 1.702}


class Partial(Method):
    """x·min(max(slope·x + 3, 0), 6)/6, every step in BF16; no parameters."""

    name: Literal["partial"] = "partial"
    functions: ClassVar = tuple(_SLOPE)

    def stack(self, function: str) -> TableStack:
        return table_of(function, lambda x: _hard(x, _SLOPE[function]))


def _hard(x: np.ndarray, slope: float) -> np.ndarray:
    gate = np.clip(rounded(rounded(slope * x) + 3), 0, 6)
    return rounded(rounded(x * gate) / 6)
