"""Writing results: whole files or none, the same bytes every time."""

import os
from pathlib import Path

import pandas as pd


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, then move it there in one step."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write `frame` without its index; floats keep every digit."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))
