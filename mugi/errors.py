"""Mistakes in the user's input: one line each, with what is allowed and the nearest valid name."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input. The message is one line per mistake and goes to the user without a traceback."""


def nearest(name: object, choices: Iterable[object]) -> str:
    """Return `` (did you mean 'x'?)`` for the choice closest to `name`, or an empty string."""
    found = difflib.get_close_matches(str(name), [str(choice) for choice in choices], 1, 0.5)
    return f" (did you mean '{found[0]}'?)" if found else ""


def unknown(what: str, name: object, choices: Iterable[object]) -> str:
    """Return the line for a name that is not one of `choices`, with the nearest valid one."""
    choices = [str(choice) for choice in choices]
    return f"unknown {what} '{name}'{nearest(name, choices)}; one of: {', '.join(choices)}"


def describe(mistake: dict) -> str:
    """Return one line for one entry of pydantic's `ValidationError.errors()`: path, value, rule."""
    path = ".".join(str(part) for part in mistake["loc"] if part != "[key]")
    message = mistake["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not path:
        return message
    if mistake["type"] == "missing" or isinstance(mistake["input"], list):
        return f"{path}: {message}"
    return f"{path}: {message} (got {mistake['input']!r})"
