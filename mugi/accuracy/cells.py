"""Finished measurements, kept in files so that an interrupted or repeated run repeats nothing.

A cell is one measurement. Its key names everything that the numbers depend on: the versions of the
definitions and of the packages, the checkpoint, the approximation, the text or task and the
settings. A change of any of them makes another cell; old cells stay and are simply not read.

Jobs that share a folder, on one machine or on several, need no locks: a file appears whole, and of
two that write the same cell the later one says the same. Of a measurement that is split into parts
each job writes its own in a file of its own; who reads the cell gets all.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path

import mugi.llm
import mugi.methods
from mugi.accuracy import VERSIONS
from mugi.errors import InputError
from mugi.files import write_text
from mugi.llm import texts
from mugi.llm.checkpoint import model_digest
from mugi.llm.settings import ModelSettings, device_kind
from mugi.methods.own import code_of_used
from mugi.shards import ALL, Shard

PACKAGES = ("torch", "transformers", "lm_eval")


class Cells:
    """A folder of cells, each a JSON file named by the digest of its key; None keeps nothing."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def read(self, key: Mapping) -> object | None:
        """Return what was written for `key`, or None; also if it is cut or another's, or has NaN
        or infinities, which older versions kept: measured again, they are said."""
        if self.folder is None:
            return None
        path = self._path(key)
        files = [path, *sorted(path.parent.glob(f"{path.stem}.*_of_*.json"))]
        found = [value for value in (_value(file, key) for file in files) if value is not None]
        if len(found) < 2:
            return found[0] if found else None
        return {part: result for value in found for part, result in value.items()}

    def write(self, key: Mapping, value: object, shard: Shard = ALL) -> None:
        """Keep `value`, made of what JSON knows, with its key: whole or not at all. Of a shard it
        maps the shard's parts of the measurement to their results."""
        if self.folder is not None:
            text = json.dumps({"key": key, "value": value}, indent=1, allow_nan=False)
            write_text(self._path(key, "" if shard == ALL else f".{shard}"), text + "\n")

    def _path(self, key: Mapping, suffix: str = "") -> Path:
        name = digest(json.dumps(key, sort_keys=True))
        return self.folder / name[:2] / f"{name}{suffix}.json"


def _value(path: Path, key: Mapping) -> object | None:
    """Return the value of a cell's file, None of one that is not there, cut or another's."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (FileNotFoundError, ValueError):  # of JSON, UTF-8 and `_refuse`
        return None
    is_whole = isinstance(kept, dict) and "value" in kept and kept.get("key") == _plain(key)
    return kept["value"] if is_whole else None


def _plain(key: Mapping) -> dict:
    """Return a key as JSON gives it back."""
    return json.loads(json.dumps(key))


def _refuse(constant: str) -> None:
    raise InputError(f"a cell with {constant}")


def digest(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def packages() -> dict[str, str]:
    """Return the versions of the packages that compute the numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def model_key(model: ModelSettings) -> dict:
    """Return what the keys of all measurements of one model share; reads the checkpoint once."""
    return {
        "packages": packages(),
        "checkpoint": model_digest(model.source),
        "dtype": model.dtype,
        "attention": model.attention,
        "device": device_kind(model.device),
    }


def definitions(kind: str) -> dict:
    """Return the versions of what a kind of measurement is made of, see `VERSIONS`."""
    own = {"methods": mugi.methods.VERSION, "llm": mugi.llm.VERSION, kind: VERSIONS[kind]}
    others = code_of_used()  # methods of the user's own have no version
    return {"definitions": own | ({"own_methods": others} if others else {})}


def text_key(name: str) -> dict:
    """Return what the keys of all measurements on a text share: a digest, or the revision of a data
    set of the hub."""
    if name not in texts.DATASETS:
        return {"text_sha256": texts.text(name).sha256}
    from mugi.llm import hub  # only where the network is needed

    return {"text_sha256": "", "datasets": hub.revisions([texts.DATASETS[name]])}
