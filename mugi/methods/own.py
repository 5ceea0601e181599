"""Methods of other installed packages, which announce them as entry points of `mugi.methods`."""

import hashlib
import inspect
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from mugi.errors import InputError, Mistake, first_line
from mugi.methods.method import Method

GROUP = "mugi.methods"
USED: dict[str, type[Method]] = {}
"""Those that were parsed, by name; `definitions` of cells name their code."""


@cache
def own_methods() -> dict[str, type[Method]]:
    """Return the methods by name; looking for them takes a third of a second.

    Raises InputError for an entry point that cannot be loaded or is no method.
    """
    found = {}
    for entry in entry_points(group=GROUP):
        place = f"entry point {GROUP}: {entry.name} = {entry.value}"
        try:
            kind = entry.load()
        except (ImportError, AttributeError, SyntaxError) as error:
            raise InputError(Mistake(first_line(error), place)) from None
        if not (isinstance(kind, type) and issubclass(kind, Method)):
            raise InputError(Mistake("must be a class of mugi.methods.Method", place))
        found[entry.name] = kind
    return found


def code_of_used() -> dict[str, str]:
    """Return name -> sha256 of the file that defines it: measurements with another are others."""
    files = {name: Path(inspect.getfile(kind)) for name, kind in sorted(USED.items())}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
