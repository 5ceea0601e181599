"""What every approximation has: a name, the functions it can compute, its tables."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.methods.functions import FUNCTIONS, exact_table
from mugi.methods.tables import TableStack
from mugi.named import Named


class Method(Named):
    """A way to compute exp, SiLU or GELU in BF16, with its parameters."""

    functions: ClassVar[tuple[str, ...]] = tuple(FUNCTIONS)
    """What it can compute."""

    normalize: Literal["divide", "reciprocal"] = Field(
        "divide",
        description="softmax: divide by the BF16 sum, or multiply by its BF16 reciprocal",
    )

    def stack(self, function: str) -> TableStack:
        """Return the tables of `function`, one of `functions`."""
        raise TypeError(f"{type(self).__name__} gives no tables")


def table_of(function: str, approximate: Callable[[np.ndarray], np.ndarray]) -> TableStack:
    """Return the one table of a method without a window, by its values at all finite inputs.

    Infinities and NaN give what the exact function gives.
    """
    values = from_bf16(CODES)
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):
        result = to_bf16(approximate(np.where(finite, values, 0.0)))
    return TableStack.single(np.where(finite, result, exact_table(function)).astype(np.uint16))
