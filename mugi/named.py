"""What has parameters is written `name:key=value,…`, and `lut=8|12,max_exp=-2..4` is a grid of it.

Approximations, INT4 and distributions of inputs are named so: in the configuration, on the command
line, in tables and in figures.
"""

import math
import re
from collections.abc import Iterable, Mapping
from itertools import chain, islice, product
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.schema import mistakes_of

MOST_CHOICES = 10_000
"""Of one grid."""
# Python reads no more than thousands of digits.
_SPAN = re.compile(r"(-?\d{1,1000})\.\.(-?\d{1,1000})")


class Named(BaseModel):
    """What is written `name:key=value,…`: a class a name, a field a key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Raise ValueError for parameters that do not go together."""

    def __str__(self) -> str:
        """The text that names it, with the parameters that are not default only."""
        given = self.model_dump(exclude_defaults=True, exclude={"name"})
        parameters = ",".join(f"{key}={value}".removesuffix(".0") for key, value in given.items())
        return f"{self.name}:{parameters}" if parameters else self.name

    @classmethod
    def parameters(cls) -> list[str]:
        """Return the keys that may be given."""
        return [field for field in cls.model_fields if field != "name"]


def parse_named(text: str, kinds: Mapping[str, type[Named]], what: str) -> Named:
    """Return what `text` names, one of `kinds` by name; `what` they are, in a word.

    Raises InputError for an unknown name, keys that are unknown, missing or given twice, and values
    that are not allowed.
    """
    name, _, listed = text.strip().partition(":")
    if name not in kinds:
        raise InputError(unknown(what, name, kinds))
    kind = kinds[name]
    try:
        return kind(**_assigned(listed, kind.parameters()))
    except ValidationError as error:
        raise InputError(*mistakes_of(error)).at(f"'{text}'") from None
    except InputError as error:
        raise error.at(f"'{text}'") from None


def _assigned(listed: str, allowed: list[str]) -> dict[str, str]:
    """Return the values of `key=value,key=value` by key."""
    values, mistakes = {}, []
    for pair in filter(None, listed.split(",")):
        key, _, value = (piece.strip() for piece in pair.partition("="))
        if not value:
            mistakes.append(Mistake(f"'{pair}' is not parameter=value"))
        elif key not in allowed:
            none = Mistake(f"unknown parameter '{key}'; allowed: none")
            mistakes.append(unknown("parameter", key, allowed) if allowed else none)
        elif key in values:
            mistakes.append(Mistake(f"parameter {key} is given twice"))
        values[key] = value
    raise_all(mistakes)
    return values


def choices(text: str) -> list[str]:
    """Return the texts that a grid stands for: all combinations of its values, the last fastest.

    A value is a choice `a|b`, a span of integers `a..b`, or several of both. Raises InputError for
    a span that falls, and for more than `MOST_CHOICES` combinations.
    """
    name, colon, listed = text.partition(":")
    pairs = []
    for pair in listed.split(","):
        key, equals, values = pair.partition("=")
        spelled = chain.from_iterable(_spelled_out(value, text) for value in values.split("|"))
        enough = islice(spelled, MOST_CHOICES + 1)  # to be too many
        pairs.append([f"{key}{equals}{value}" for value in enough])
    return [name + colon + ",".join(combination) for combination in crossed(text, pairs)]


def _spelled_out(value: str, text: str) -> Iterable[object]:
    """Return the integers of a span, or the value itself."""
    span = _SPAN.fullmatch(value.strip())
    if not span:
        return [value]
    numbers = range(int(span[1]), int(span[2]) + 1)
    if not numbers:
        raise InputError(Mistake(f"{value} must go from lower to higher", f"'{text}'"))
    return numbers


def crossed(text: str, lists: list[list[str]]) -> Iterable[tuple[str, ...]]:
    """Return all combinations of one item of each list; `text` is what they were read from."""
    if math.prod(map(len, lists)) > MOST_CHOICES:
        raise InputError(Mistake(f"too many methods; allowed: up to {MOST_CHOICES:,}", f"'{text}'"))
    return product(*lists)
