"""Which model, and how it is loaded and run. Imports no torch: mistakes show before it loads."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mugi.errors import InputError, Mistake, closest, raise_all, unknown
from mugi.llm.checkpoint import GGUF
from mugi.llm.embedded import HUB_ID

DTYPES = ("float32", "bfloat16", "float16")
ATTENTIONS = ("sdpa", "eager")
DEVICES = "cpu, cuda, cuda:N, or auto: the layers spread over all GPUs"


@dataclass(frozen=True)
class ModelSettings:
    """One model and how it runs.

    source: checkpoint folder, GGUF file or hub id (org/name); name: in tables, by default the
    source's last part; dtype: of weights and of all that is not approximated (in float32 the
    log-loss moves by less than 0.001 nats from one processor to another, in bfloat16 by more than
    VLP costs); attention: the model's own where no table replaces its softmax, `sdpa` (`eager` for
    the few models without it) or `eager`; device: see `DEVICES`; threads: of the CPU. Two jobs of
    one thread are faster than one job of two, so that one is the default and jobs fill the cores.
    """

    source: str
    name: str = ""
    dtype: str = "float32"
    attention: str = "sdpa"
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self):
        if not self.name:
            object.__setattr__(self, "name", Path(self.source).name)

    @property
    def is_local(self) -> bool:
        """Whether the model is a folder or a GGUF file, which needs no network."""
        return is_checkpoint(self.source)

    def check(self) -> None:
        """Raise InputError, a mistake a line, for settings that name no model, or none here."""
        mistakes: list[Mistake] = []
        if self.threads < 1:
            mistakes.append(Mistake("must be at least 1", where=f"threads {self.threads}"))
        if self.dtype not in DTYPES:
            mistakes.append(unknown("dtype", self.dtype, DTYPES))
        if self.attention not in ATTENTIONS:
            mistakes.append(unknown("attention", self.attention, ATTENTIONS))
        if not is_source(self.source):
            folder = Path(self.source)
            others = [path.name for path in folder.parent.glob("*") if is_checkpoint(path)]
            near = closest(folder.name, others)
            allowed = ("a checkpoint folder", "a GGUF file", "a hub id (org/name)")
            mistakes.append(Mistake(f"no model '{self.source}'", allowed=allowed, nearest=near))
        if not re.fullmatch("cpu|cuda(:[0-9]+)?|auto", self.device):
            near = closest(self.device, ["cpu", "cuda", "auto"])
            what = "must be cpu, cuda, cuda:N or auto"
            mistakes.append(Mistake(what, where=f"device {self.device}", nearest=near))
        raise_all(mistakes)
        device_kind(self.device)


def is_checkpoint(source: str | Path) -> bool:
    """Return whether `source` is a folder or a GGUF file."""
    is_gguf = os.path.isfile(source) and Path(source).suffix == GGUF
    return os.path.isdir(source) or is_gguf


def is_source(source: str) -> bool:
    """Return whether `source` is a checkpoint here, or may be one on the hub."""
    return is_checkpoint(source) or bool(HUB_ID.fullmatch(source) and not source.endswith(GGUF))


def device_kind(device: str) -> str:
    """Return `cpu`, or the name of the GPU; of all GPUs, each once, for `auto`.

    Raises InputError if the device is not there.
    """
    if device == "cpu":
        return device
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"device '{device}': PyTorch finds no GPU here; allowed: cpu")
    count = torch.cuda.device_count()
    if device == "auto":
        return ", ".join(sorted({torch.cuda.get_device_name(index) for index in range(count)}))
    if (torch.device(device).index or 0) >= count:
        raise InputError(f"device '{device}': not here; allowed: cpu, cuda:0 to cuda:{count - 1}")
    return torch.cuda.get_device_name(device)
