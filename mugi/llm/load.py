"""Load a model from a checkpoint folder or the hub; what fails is said in one line."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel

from mugi.errors import InputError, first_line
from mugi.llm.families import LOADERS, kind_of
from mugi.llm.settings import ModelSettings


def commit(source: str) -> str:
    """Return the commit of a hub model: of the hub or, offline, of what is downloaded."""
    with _one_line(source):
        return AutoConfig.from_pretrained(source)._commit_hash


def load(
    settings: ModelSettings, kinds: Sequence[str] = ("text",)
) -> tuple[PreTrainedModel, object]:
    """Load a checkpoint folder or a hub model of one of `kinds` (see `mugi.llm.families`), with
    what prepares its inputs.

    A hub id needs network, and a gated model an access token in HF_TOKEN (never on the command
    line). Raises InputError with one line if the source cannot be loaded. On a GPU the weights go
    there directly, not through memory of their size.

    This is the one place where a process gets its threads: with more than one, the idle ones of
    torch and of the tables' C++ kernels spin and take the cores from each other.
    """
    torch.set_num_threads(settings.threads)
    source = settings.source
    with _one_line(source):
        kind = kind_of(AutoConfig.from_pretrained(source))
    if kind not in kinds:
        needs = "is evaluated on text" if kind == "text" else "needs --data of `mugi accuracy`"
        raise InputError(f"model '{source}' is of kind {kind}: it {needs}")
    with _one_line(source):
        model_class, processor_class = LOADERS[kind]
        model = model_class.from_pretrained(
            source,
            dtype=getattr(torch, settings.dtype),
            # left to transformers, `sdpa` is taken where the model has it, and `eager` elsewhere
            attn_implementation=None if settings.attention == "sdpa" else settings.attention,
            device_map={"cpu": None, "auto": "auto"}.get(settings.device, {"": settings.device}),
        )
        processor = processor_class.from_pretrained(source)
    return model.eval(), processor


@contextmanager
def _one_line(source: str) -> Iterator[None]:
    """Turn what goes wrong while `source` is read into an InputError of one line."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(
            f"model '{source}' does not fit into the GPU's memory; try --dtype float16, "
            "or --device auto where there are several GPUs"
        ) from None
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"cannot load model '{source}': {_reason(source, error)}") from None


def _reason(source: str, error: Exception) -> str:
    """Say in one line why a model cannot be read, and what would help."""
    text = str(error)
    if Path(source).is_dir():
        return first_line(error)
    if "gated repo" in text or "401 Client" in text or "403 Client" in text:
        token = "HF_TOKEN has no access" if os.environ.get("HF_TOKEN") else "HF_TOKEN is not set"
        return (
            f"it is gated, or there is no such model, and {token}: ask for access on its page of "
            "the hub, then set the environment variable HF_TOKEN"
        )
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return f"(HF_HUB_OFFLINE is set) {first_line(error)}"
    if "couldn't connect" in text or "connection" in text.lower():
        return "no connection to the hub, and it is not downloaded"
    return first_line(error)
