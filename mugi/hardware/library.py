"""Designs, technologies and models in YAML: by name from the package, or by path from the user."""

import os
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

from mugi.documents import Document, beside, expanded, parse_yaml, yaml_text
from mugi.errors import InputError, Mistake, unknown

ENDINGS = (".yaml", ".yml")  # of what is read from a path
FOLDERS = {"design": "designs", "technology": "technology", "model": "models"}
DEEPEST = 20  # files, each of which extends the next
parsed = cache(parse_yaml)


def names(kind: str) -> list[str]:
    """Return the names of all files of a kind that come with the package."""
    folder = files("mugi.hardware").joinpath(FOLDERS[kind])
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir())


def source(kind: str, name: str, known: Callable[[], list[str]]) -> tuple[str, str]:
    """Return the file name and the text of a design, technology or model.

    Raises InputError for a file that cannot be read and for a name that is not one of `known()`.
    """
    shown, path = name, Path(expanded(name))
    if not name.endswith(ENDINGS):
        shown = f"{name}.yaml"
        path = files("mugi.hardware").joinpath(FOLDERS[kind], shown)
    elif not os.path.isfile(path) and kind != "design":
        raise InputError(f"{kind} file '{name}' does not exist")
    if not os.path.isfile(path):
        path = "a YAML file or config.json" if kind == "model" else "a YAML file"
        raise InputError(unknown(kind, name, [*known(), f"or the path of {path}"]))
    return shown, yaml_text(path)


def merged(
    read: Callable[[str], Document],
    name: str,
    heirs: tuple[str, ...] = (),
    done: dict[str, Document] | None = None,
) -> Document:
    """Return what `read` returns for a name on top of all that it `extends`, one name or a list.

    heirs: those that extend it; done: what was merged already, as files may share what they extend.
    """
    document, done = read(name), {} if done is None else done
    place, parents = document.where(("extends",)), document.content.get("extends", [])
    if name in heirs:
        raise InputError(Mistake(" extends ".join([*heirs, name]), place))
    if len(heirs) == DEEPEST:
        raise InputError(Mistake(f"more than {DEEPEST} files extend each other", place))
    result = Document(document.name, {}, {})
    for parent in dict.fromkeys(parents) if isinstance(parents, list) else [parents]:
        try:
            parent = beside(parent, document.name) if str(parent).endswith(ENDINGS) else str(parent)
            if parent not in done:
                done[parent] = merged(read, parent, (*heirs, name), done)
            result = result.updated(done[parent])
        except InputError as error:
            is_placed = any(mistake.where for mistake in error.mistakes)
            raise (error if is_placed else error.at(place)) from None
    return result.updated(document)
