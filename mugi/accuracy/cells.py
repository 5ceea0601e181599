"""Finished measurements, kept in files so that an interrupted or repeated sweep repeats nothing.

A cell is one measurement. Its key names everything that the numbers depend on: the code, the
packages, the checkpoint, the approximation, the text or task and the settings. A change of any of
them makes another cell; old cells stay and are simply not read.
"""

import ast
import hashlib
import importlib.metadata
import json
import os
from functools import cache
from pathlib import Path

from mugi.errors import InputError
from mugi.files import sha256_of, write_text
from mugi.sources import ROOT, sources

PACKAGES = ("torch", "transformers", "lm_eval")
KERNELS = "mugi/llm/kernels/*.cpp"
CHECKSUMS = "SHA256SUMS"


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
    """Return the versions of the packages that compute the numbers, and what multiplies BF16."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return packages | {"bf16_products": bf16_products()}


@cache
def bf16_products() -> str:
    """Return what multiplies BF16 on this CPU: `amx` where oneDNN has and may use it, or `fp32`."""
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()
    flags = Path("/proc/cpuinfo")
    has_amx = flags.is_file() and "amx_bf16" in flags.read_text(encoding="utf-8")
    return "amx" if has_amx and ("AMX" in allowed or allowed in ("DEFAULT", "ALL")) else "fp32"


def device_kind(device: str) -> str:
    """Return `cpu`, or the name of the GPU; of all GPUs, each once, for `auto`."""
    if device == "cpu":
        return device
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"device '{device}': PyTorch finds no GPU here; allowed: cpu")
    if device == "auto":
        names = map(torch.cuda.get_device_name, range(torch.cuda.device_count()))
        return ", ".join(sorted(set(names)))
    if (torch.device(device).index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise InputError(f"device '{device}': not here; allowed: cpu, cuda:0 to cuda:{last}")
    return torch.cuda.get_device_name(device)


def model_digest(source: str) -> str:
    """Return a digest of a checkpoint folder's files, or the commit of a hub model.

    Raises InputError if a file that the folder's SHA256SUMS lists is missing or another.
    """
    folder = Path(source)
    if not folder.is_dir():
        from mugi.llm.load import commit

        return f"{source}@{commit(source)}"
    found = _sums(folder)
    if (folder / CHECKSUMS).is_file():
        for line in (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines():
            expected, name = line.split("  ", 1)
            if found.get(name) != expected:
                wrong = f"has sha256 {found[name][:12]}…" if name in found else "is missing"
                raise InputError(
                    f"{folder / name} {wrong}, expected {expected[:12]}…: "
                    "prepare or download the checkpoint again"
                )
    return digest(json.dumps(found))


def folder_digest(folder: Path) -> str:
    """Return a digest of the names and contents of the files in `folder`, sub-folders left out."""
    return digest(json.dumps(_sums(folder)))


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS, which `sha256sum --check` reads, for the files of `folder`."""
    lines = [f"{value}  {name}\n" for name, value in _sums(folder).items()]
    write_text(folder / CHECKSUMS, "".join(lines))


def _sums(folder: Path) -> dict[str, str]:
    """Return file name -> sha256, sorted."""
    sums = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != CHECKSUMS and not path.name.startswith("."):
            sums[path.name] = sha256_of(path)
    return sums
