"""Finished measurements, kept in files so that an interrupted or repeated sweep repeats nothing.

A cell is one measurement. Its key names everything that the numbers depend on: the code, the
packages, the checkpoint, the approximation, the text or task and the settings. A change of any of
them makes another cell; old cells stay and are simply not read.
"""

import ast
import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path

from mugi.files import write_text
from mugi.sources import ROOT, sources

PACKAGES = ("torch", "transformers", "lm_eval")
KERNELS = "mugi/llm/kernels/*.cpp"


class Cells:
    """A folder of cells, each a JSON file named by the digest of its key; None keeps nothing."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def read(self, key: dict) -> object | None:
        """Return what was written for `key`, or None."""
        if self.folder is None:
            return None
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))["value"]
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def write(self, key: dict, value: object) -> None:
        """Keep `value`, made of what JSON knows, with its key: whole or not at all."""
        if self.folder is not None:
            text = json.dumps({"key": key, "value": value}, indent=1)
            write_text(self._path(key), text + "\n")

    def _path(self, key: dict) -> Path:
        name = digest(json.dumps(key, sort_keys=True))
        return self.folder / name[:2] / f"{name}.json"


def digest(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest(*modules: str) -> str:
    """Return the digest of the project's code behind `modules`; of Python without its comments."""
    paths = sorted({path for module in modules for path in sources(module, KERNELS)})
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in paths]
    code = [
        ast.dump(ast.parse(text)) if path.endswith(".py") else text
        for path, text in zip(paths, texts, strict=True)
    ]
    return digest("\n".join([*paths, *code]))


def versions() -> dict[str, str]:
    """Return the versions of the packages that compute the numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}
