"""What every approximation method shares: its name, its normalisation and the tables it gives."""

from collections.abc import Callable
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.methods import exact
from mugi.methods.tables import TableStack


class Named(BaseModel):
    """What is written `name:parameter=value,…`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    functions: ClassVar[tuple[str, ...]]
    """What it can compute."""

    name: str

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Raise ValueError for parameters that do not go together."""

    def __str__(self) -> str:
        """The text in the configuration, with the parameters that are not default only."""
        given = self.model_dump(exclude_defaults=True, exclude={"name"})
        parameters = ",".join(f"{key}={value}".removesuffix(".0") for key, value in given.items())
        return f"{self.name}:{parameters}" if parameters else self.name


class Method(Named):
    """A way to compute exp, SiLU or GELU in BF16, with its parameters."""

    functions: ClassVar[tuple[str, ...]] = tuple(exact.FUNCTIONS)

    normalize: Literal["divide", "reciprocal"] = Field(
        "divide",
        description="softmax: divide by the BF16 sum, or multiply by its BF16 reciprocal",
    )

    def stack(self, function: str) -> TableStack:
        """Return the tables of `function`, one of `functions`."""
        raise TypeError(f"{type(self).__name__} gives no tables")


def bf16(values: np.ndarray) -> np.ndarray:
    """Return float64 `values` rounded to BF16: one step of BF16 arithmetic."""
    return from_bf16(to_bf16(values))


def table_of(function: str, approximate: Callable[[np.ndarray], np.ndarray]) -> TableStack:
    """Return the one table of a method without a window, by its values at all finite inputs.

    Infinities and NaN give what the exact function gives.
    """
    values = from_bf16(CODES)
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):
        result = to_bf16(approximate(np.where(finite, values, 0.0)))
    return TableStack.single(np.where(finite, result, exact.table(function)).astype(np.uint16))


class Exact(Method):
    """The exact function, correctly rounded to BF16: the control for every approximation."""

    name: Literal["exact"] = "exact"

    def stack(self, function: str) -> TableStack:
        """Return the one table of the exact function."""
        return TableStack.single(exact.table(function))
