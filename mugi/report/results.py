"""The folder of results that a report is made from: its tables, what is missing, what is linked."""

from pathlib import Path

import pandas as pd

from mugi.documents import parse_json, yaml_text
from mugi.errors import InputError, Mistake
from mugi.files import read_table
from mugi.manifest import Manifest
from mugi.record import RUN, read_record
from mugi.report.blocks import Link, Missing
from mugi.report.sources import command_of
from mugi.report.tables import COLUMNS
from mugi.schema import validated

MANIFEST = "manifest.json"
FILES = "files"  # copies of results in the folder of the report


class Results:
    """Tables of a folder of results, read when asked for.

    `linked` are the files, as paths in it, that pages link to: a report carries copies of them.
    Raises InputError if there is no such folder.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(Mistake("no such folder of results", str(folder)))
        self.linked: set[str] = set()
        self._tables: dict[str, pd.DataFrame | None] = {}
        self.record = read_record(self.folder / RUN)
        self.manifest = self._manifest() or self.record.get("manifest", {})

    def _manifest(self) -> dict:
        path = self.folder / MANIFEST
        if not path.is_file():
            return {}
        document = parse_json(path, yaml_text(path))
        validated(Manifest, document)
        return document.content

    @property
    def config(self) -> dict:
        """Return the configuration of the run; empty if its manifest is missing."""
        return self.manifest.get("config", {})

    def has(self, path: str) -> bool:
        """Return whether a file is there, inside of the folder: others' ledgers name paths too."""
        is_inside = not Path(path).is_absolute() and ".." not in Path(path).parts
        return is_inside and (self.folder / path).is_file()

    def table(self, path: str) -> pd.DataFrame | None:
        """Return a table, or None if it is missing or has no rows.

        Raises InputError if it cannot be read or lacks one of its COLUMNS.
        """
        if path not in self._tables:
            self._tables[path] = self._read(path)
        return self._tables[path]

    def _read(self, path: str) -> pd.DataFrame | None:
        if not self.has(path):
            return None
        try:
            return read_table(self.folder / path, COLUMNS.get(path, ()))
        except InputError as error:
            if [mistake.what for mistake in error.mistakes] == ["no rows"]:
                return None
            raise

    def missing(self, *paths: str) -> list[Missing]:
        """Return a block for each of the tables that is not there or has no rows."""
        blocks = []
        for path in paths:
            if not self.has(path):
                blocks.append(Missing(f"results/{path} is not made yet", command_of(path)))
            elif path.endswith((".csv", ".parquet")) and self.table(path) is None:
                what = f"results/{path} has no rows: its runs are not in this configuration"
                blocks.append(Missing(what, command_of(path)))
        return blocks

    def link(self, path: str, text: str = "") -> Link | str:
        """Return a link to a file's copy in the report; plain text if it is not there."""
        if not self.has(path):
            return f"{text or path} (not made yet)"
        self.linked.add(path)
        return Link(text or path, f"{FILES}/{path}")

    def logs(self, rule: str) -> list[Link | str]:
        """Return links to what a rule said, a file a job."""
        base = self.folder / "logs"
        paths = [base / f"{rule}.log", *sorted((base / rule).rglob("*.log"))]
        return [self.link(str(path.relative_to(self.folder))) for path in paths if path.is_file()]

    def section(self, name: str) -> Link | str:
        """Return a link to a section of the configuration, or its name if that is not known."""
        return Link(name, f"run.html#config-{name}") if name in self.config else name
