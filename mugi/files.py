"""Reading tables and YAML with clear mistakes; writing whole files or none, the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import yaml

from mugi.errors import InputError, nearest
from mugi.lazy import Lazy

pd = Lazy("pandas")


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, then move it there in one step."""
    path = Path(path)
    check_writable(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Make the folder of `path`; raise InputError if a file cannot be written there."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {path.parent}: {error.strerror}") from None
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: {path.parent} is not writable")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: str | Path, text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write `frame` without its index; floats keep every digit."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def read_table(path: Path, columns=(), numbers=()) -> pd.DataFrame:
    """Read a CSV, empty cells as empty text; `InputError` if one of the `columns` is missing.

    Every cell of the columns `numbers` must be a number.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path}: {reason}") from None
    needed = [*columns, *(name for name in numbers if name not in columns)]
    mistakes = [
        f"{path}: missing column '{name}'{nearest(name, table.columns)}"
        for name in needed
        if name not in table
    ]
    for name in [name for name in numbers if name in table]:
        bad = table.index[pd.to_numeric(table[name], errors="coerce").isna()]
        if len(bad):
            cell = table.loc[bad[0], name]
            mistakes.append(f"{path}: line {bad[0] + 2}, {name}: '{cell}' is not a number")
    if not len(table) and not mistakes:
        mistakes.append(f"{path}: no rows")
    if mistakes:
        raise InputError("\n".join(mistakes))
    return table


def pictures(figure) -> dict[str, bytes]:
    """Return a matplotlib figure or seaborn grid by suffix, pdf and png, without dates."""
    found = {}
    for suffix, metadata in {"pdf": {"CreationDate": None}, "png": {"Software": None}}.items():
        content = io.BytesIO()
        figure.savefig(content, format=suffix, metadata=metadata)
        found[suffix] = content.getvalue()
    return found


def read_yaml(path: str | Path) -> dict:
    """Return the mapping in a YAML file; raise InputError if there is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    return parse_yaml(path, text)


def parse_yaml(name: str | Path, text: str, kind: type = dict) -> dict | list:
    """Return the mapping, or list, that YAML text holds; raise InputError with name and line."""
    try:
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f" line {mark.line + 1}" if mark else ""
        reason = problem or " ".join(str(error).split())
        raise InputError(f"{name}{line}: not YAML: {reason}") from None
    if not isinstance(content, kind):
        what = "keys and values" if kind is dict else "a list"
        raise InputError(f"{name}: must hold {what}")
    return content


def merge(base: dict, changes: dict) -> dict:
    """Return `base` with `changes`, merged key by key as Snakemake does with --configfile."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
