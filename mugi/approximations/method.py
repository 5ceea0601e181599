"""What every approximation method shares: its name, its normalisation and the tables it gives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mugi.approximations import exact
from mugi.approximations.tables import TableStack


class Method(BaseModel):
    """A way to compute exp, SiLU or GELU in BF16, with its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    normalize: Literal["divide", "reciprocal"] = Field(
        "divide",
        description="softmax: divide by the BF16 sum, or multiply by its BF16 reciprocal",
    )

    def stack(self, function: str) -> TableStack:
        """Return the tables of `function` (exp, silu or gelu)."""
        raise TypeError(f"{type(self).__name__} gives no tables")

    def __str__(self) -> str:
        """The method as written in the configuration, parameters that are not default only."""
        given = self.model_dump(exclude_defaults=True, exclude={"name"})
        parameters = ",".join(f"{key}={value}" for key, value in given.items())
        return f"{self.name}:{parameters}" if parameters else self.name


class Exact(Method):
    """The exact function, correctly rounded to BF16: the control for every approximation."""

    name: Literal["exact"] = "exact"

    def stack(self, function: str) -> TableStack:
        """Return the one table of the exact function."""
        return TableStack.single(exact.table(function))
