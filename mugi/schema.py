"""Checking what a YAML file says against pydantic models: one mistake for everything wrong."""

from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mugi.documents import Document
from mugi.errors import InputError, Mistake, closest, unknown

MOST = 20  # mistakes of a file that are told one by one


class Section(BaseModel):
    """A mapping of a YAML file: unknown keys and wrong types are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def validated(kind: object, document: Document):
    """Return a document as `kind`, a `Section` or a type made of some.

    Raises InputError with file, line and key of every mistake, what is allowed and the nearest
    name. A validator may raise InputError itself; its mistakes are taken over.
    """
    try:
        return TypeAdapter(kind).validate_python(document.content)
    except ValidationError as error:
        pairs = _listed(error, kind)
        raise InputError(*(mistake.at(document.where(key)) for key, mistake in pairs)) from None


def mistakes_of(error: ValidationError, kind: object = None) -> list[Mistake]:
    """Return the mistakes of a ValidationError of values that come from no file."""
    pairs = _listed(error, kind)
    return [mistake.at(".".join(map(str, key))) if key else mistake for key, mistake in pairs]


def _listed(error: ValidationError, kind: object) -> list[tuple[tuple, Mistake]]:
    """Return (key, mistake) of what is wrong, the first MOST of it and how much more there is."""
    first = error.errors()[:MOST]
    pairs = [pair for details in first for pair in _mistakes(details, kind)]
    if error.error_count() > MOST:
        pairs.append(((), Mistake(f"{error.error_count() - MOST:,} more mistakes")))
    return pairs


def _mistakes(details: ErrorDetails, kind: object) -> list[tuple[tuple, Mistake]]:
    """Return (key, mistake) of one entry of pydantic's `ValidationError.errors()`."""
    key = tuple(part for part in details["loc"] if part != "[key]")
    match details["type"]:
        case "extra_forbidden":
            *parents, last = key
            return [(key, unknown("key", last, _keys_at(kind, parents)))]
        case "missing":
            return [(key, Mistake("missing"))]
        case "value_error" if isinstance(details["ctx"]["error"], InputError):
            return [(key, mistake) for mistake in details["ctx"]["error"].mistakes]
        case "literal_error" | "enum":
            allowed = tuple(details["ctx"]["expected"].replace(" or ", ", ").split(", "))
            allowed = tuple(name.strip("'") for name in allowed)
            what = f"'{details['input']}' is not allowed"
            return [(key, Mistake(what, "", allowed, closest(details["input"], allowed)))]
        case "model_type" | "dict_type":
            what = f"must be a mapping, not {details['input']!r}"
            return [(key, Mistake(what, "", tuple(_keys_at(kind, list(key)))))]
    what = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not isinstance(details["input"], list | dict):
        what += f" (got {details['input']!r})"
    return [(key, Mistake(what))]


def _keys_at(kind: object, path: list) -> list[str]:
    """Return the keys that the section at `path` below a type may have."""
    for part in path:
        kind = _section(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            by_alias = {f.alias or name: f.annotation for name, f in kind.model_fields.items()}
            kind = by_alias.get(part)
        elif get_args(kind):
            kind = get_args(kind)[-1]
    kind = _section(kind)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return []
    return [field.alias or name for name, field in kind.model_fields.items()]


def _section(kind: object) -> object:
    """Return a type without what is wrapped around it: annotations, `| None`."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not NoneType)
    return kind
