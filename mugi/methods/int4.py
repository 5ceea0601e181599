"""How INT4 numbers are named; `mugi.int4` computes them."""

from typing import ClassVar, Literal

from pydantic import Field

from mugi.named import Named


class Int4(Named):
    """INT4 by rounding to nearest, a BF16 scale for each group of numbers."""

    functions: ClassVar[tuple[str, ...]] = ("weights", "cache")
    """What it can quantise."""

    name: Literal["int4"] = "int4"
    group: int = Field(
        ge=1, description="numbers that share a scale; the last group of a row may be shorter"
    )
    scheme: Literal["symmetric", "asymmetric"] = Field(
        "symmetric",
        description="whole numbers -7 to 7, as the array multiplies, or 0 to 15 less a zero point",
    )
