"""The configuration's keys and the methods' parameters as Markdown tables."""

import types
from collections.abc import Iterator
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from mugi.config import Config
from mugi.methods import METHODS, QUANTISERS


def key_table() -> str:
    """Return one table row for each key, nested keys with dots."""
    rows = ["| key | type | meaning |", "|---|---|---|"]
    rows += [f"| `{key}` | {kind} | {meaning} |" for key, kind, meaning in _rows(Config, "")]
    return "\n".join(rows)


def parameter_table() -> str:
    """Return one table row for each method parameter: default and meaning."""
    rows = ["| method | parameter | default | meaning |", "|---|---|---|---|"]
    for name, method in (METHODS | QUANTISERS).items():
        for parameter, field in method.model_fields.items():
            if parameter != "name":
                no_default = field.is_required() or field.default is None
                default = "" if no_default else f"`{field.default}`"
                rows.append(f"| `{name}` | `{parameter}` | {default} | {field.description} |")
    return "\n".join(rows)


def _rows(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        many = get_origin(field.annotation) is dict
        nested = get_args(field.annotation)[-1] if many else field.annotation
        if not (isinstance(nested, type) and issubclass(nested, BaseModel)):
            yield key, _type_name(field.annotation), field.description or ""
        elif many:
            yield key, "mapping", field.description or ""
            yield from _rows(nested, f"{key}.NAME.")
        else:
            yield key, "section", nested.__doc__ or ""
            yield from _rows(nested, f"{key}.")


def _type_name(annotation: object) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(part) for part in arguments)
    if origin is list:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"mapping of {_type_name(arguments[0])} to {_type_name(arguments[1])}"
    names = {str: "text", int: "integer", float: "number", object: "values", bool: "true or false"}
    names[type(None)] = "left out"
    return names.get(annotation, str(annotation))
