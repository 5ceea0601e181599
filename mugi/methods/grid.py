"""Many methods in one text: `vlp:lut=8|12,max_exp=-2..4` is every combination of its values."""

import math
import re
from collections.abc import Iterable
from itertools import product

from mugi.errors import InputError
from mugi.methods import OPERATIONS, Approximation, Method, parse, parse_operations

MOST_METHODS = 100_000
"""Of one grid."""
_SPAN = re.compile(r"(-?\d+)\.\.(-?\d+)")


def expand(texts: Iterable[str], operation: str) -> list[Method]:
    """Return the methods of grids such as `vlp:lut=8|12,max_exp=-2..4`, in order, each once.

    A value is a choice `a|b` or a span of integers `a..b`; all are crossed. Raises InputError, one
    line per text with a mistake.
    """
    methods, mistakes = {}, []
    for text in texts:
        found = []
        for choice in _choices(text):
            try:
                methods[parse(choice, *OPERATIONS[operation])] = None
            except InputError as error:
                found += str(error).splitlines()
        mistakes += found[:1]  # the others of a grid are much the same
    if mistakes:
        raise InputError(*(dict.fromkeys(mistakes)))
    return list(methods)


def expand_operations(texts: Iterable[str]) -> list[Approximation]:
    """Return the approximations of `softmax=GRID;activation=GRID;…`, in order, each once.

    The grids of a text are crossed, the last one runs fastest. Raises InputError, one line per
    mistake of the first combination of a text that has any.
    """
    approximations, mistakes = {}, []
    for text in texts:
        try:
            for chosen in _product(text, [_choices(part) for part in text.split(";")]):
                approximations[parse_operations(";".join(chosen))] = None
        except InputError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        raise InputError(*(dict.fromkeys(mistakes)))
    return list(approximations)


def _choices(text: str) -> list[str]:
    """Return the texts of one method that a grid stands for."""
    name, colon, listed = text.partition(":")
    parts = []
    for part in listed.split(","):
        key, equals, values = part.partition("=")
        choices = []
        for value in values.split("|"):
            span = _SPAN.fullmatch(value.strip())
            numbers = range(int(span[1]), int(span[2]) + 1) if span else [value]
            if not numbers:
                raise InputError(f"'{text}': {value} must go from lower to higher")
            choices += [f"{key}{equals}{number}" for number in numbers[: MOST_METHODS + 1]]
        parts.append(choices)
    return [name + colon + ",".join(chosen) for chosen in _product(text, parts)]


def _product(text: str, parts: list[list[str]]) -> Iterable[tuple[str, ...]]:
    if math.prod(map(len, parts)) > MOST_METHODS:
        raise InputError(f"'{text}': too many methods; allowed: up to {MOST_METHODS}")
    return product(*parts)
