"""How quantised weights and caches are named; `mugi.llm.fake_quantise` computes them."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from mugi.errors import InputError
from mugi.int4 import ROW
from mugi.named import Named


def _group(value: object) -> int:
    """Return a group size; InputError for what is none."""
    try:
        group = int(str(value))
    except ValueError:
        group = 0
    if group < 1 and group != ROW:
        what = f"must be a whole number from 1, or {ROW} for the whole row (got {value!r})"
        raise InputError(what)
    return group


class Integers(Named):
    """Whole numbers by rounding to nearest, a BF16 scale for each group of them."""

    functions: ClassVar[tuple[str, ...]] = ("weights", "cache")
    """What they can quantise."""
    bits: ClassVar[int]

    group: Annotated[int, BeforeValidator(_group)] = Field(
        description="numbers that share a scale, -1 for a whole row; a row's last group may be "
        "shorter"
    )
    scheme: Literal["symmetric", "asymmetric"] = Field(
        "symmetric",
        description="whole numbers of a sign and a magnitude (INT4: -7 to 7, as the array "
        "multiplies), or of a magnitude (0 to 15) less a zero point",
    )
    axis: Literal["token", "channel"] = Field(
        "token",
        description="keys that share a scale: channels of one token, or tokens of one channel, "
        "less an offset of the channel; values are always quantised token by token",
    )


class Int4(Integers):
    """INT4 by rounding to nearest, a BF16 scale for each group of numbers."""

    bits: ClassVar[int] = 4
    name: Literal["int4"] = "int4"


class Int8(Integers):
    """INT8 by rounding to nearest, a BF16 scale for each group of numbers."""

    bits: ClassVar[int] = 8
    name: Literal["int8"] = "int8"


class Mxfp4(Named):
    """MXFP4 of the OCP Microscaling Formats (MX) specification v1.0: 4-bit floating-point numbers
    (E2M1), 32 of which share a power of two (E8M0)."""

    functions: ClassVar[tuple[str, ...]] = ("weights", "cache")
    """What it can quantise."""
    group: ClassVar[int] = 32

    name: Literal["mxfp4"] = "mxfp4"


Quantiser = Integers | Mxfp4
