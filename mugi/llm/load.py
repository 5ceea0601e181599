"""Load a model from a checkpoint folder, a GGUF file or the hub; what fails is said in one line."""

import logging
import os
import pickle
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as library

from mugi.errors import InputError, first_line
from mugi.llm import complete, stored
from mugi.llm.checkpoint import CONFIG, GGUF
from mugi.llm.families import LOADERS, kind_of
from mugi.llm.promised import check_promise
from mugi.llm.settings import ModelSettings

logger = logging.getLogger(__name__)
_NO_CODE = {"trust_remote_code": False}  # None would ask at the terminal
_ADAPTER = "adapter_config.json"


def commit(source: str) -> str:
    """Return the commit of a hub model: of the hub or, offline, of what is downloaded."""
    with one_line(source):
        return AutoConfig.from_pretrained(source, **_NO_CODE)._commit_hash


def load(
    settings: ModelSettings, kinds: Sequence[str] = ("text",)
) -> tuple[PreTrainedModel, object]:
    """Load a checkpoint folder, a GGUF file or a hub model of one of `kinds` (see
    `mugi.llm.families`), with what prepares its inputs.

    Weights that are stored quantised are dequantised where transformers can. A hub id needs
    network, and a gated model an access token in HF_TOKEN (never on the command line). Raises
    InputError with one line if the source cannot be loaded, lacks weights or a tokenizer, or brings
    code of its own, which is never run. On a GPU the weights go there directly, not through memory
    of their size.

    This is the one place where a process gets its threads: with more than one, the idle ones of
    torch and of the tables' C++ kernels spin and take the cores from each other.
    """
    torch.set_num_threads(settings.threads)
    source = settings.source
    with _of(source):
        path, gguf = _place(source)
    with one_line(source):
        config = AutoConfig.from_pretrained(path, **gguf, **_NO_CODE)
    with _of(source):
        kind = "text" if gguf else kind_of(config)
    if kind not in kinds:
        needs = "is evaluated on text" if kind == "text" else "needs --data of `mugi accuracy`"
        raise InputError(f"model '{source}' is of kind {kind}: it {needs}")
    if getattr(config, "auto_map", None):
        what = "model '%s': its own Python code is not run, but %s of transformers"
        logger.warning(what, source, config.model_type)
    model_class, processor_class = LOADERS[kind]
    with one_line(source):
        check_promise(Path(path), gguf.get("gguf_file", ""), config, model_class)
    with _of(source):
        # the configuration of a GGUF file is read together with its weights
        how = gguf | stored.DEQUANTISE if gguf else {"config": stored.prepared(source, config)}
    # left to transformers, `sdpa` is taken where the model has it, and `eager` elsewhere
    attention = None if settings.attention == "sdpa" else settings.attention
    devices = {"cpu": None, "auto": "auto"}
    with one_line(source), _quiet():
        model, report = model_class.from_pretrained(
            path,
            **how,
            **_NO_CODE,
            dtype=getattr(torch, settings.dtype),
            attn_implementation=attention,
            device_map=devices.get(settings.device, {"": settings.device}),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told of in the report, not in many lines
        )
    with _of(source):
        complete.check_weights(model, report)
    with one_line(source):
        model = stored.dequantised(model, getattr(torch, settings.dtype))
        processor = processor_class.from_pretrained(path, **gguf, **_NO_CODE)
        if kind == "text":
            complete.check_tokenizer(processor)
    return model.eval(), processor


class WholeCausalLM(AutoModelForCausalLM):
    """What loads causal language models for lm-eval: whole ones, and no code of their own."""

    @classmethod
    def from_pretrained(cls, source: str, **arguments) -> PreTrainedModel:
        """Return a model as transformers loads it; raises InputError if weights are missing."""
        with _quiet():
            model, report = AutoModelForCausalLM.from_pretrained(
                source, **arguments | _NO_CODE, output_loading_info=True
            )
        complete.check_weights(model, report)
        return model


def _place(source: str) -> tuple[str, dict[str, str]]:
    """Return what transformers reads, and which GGUF file in it, if it is one or only holds one."""
    path = Path(source)
    if (path / _ADAPTER).exists():
        raise InputError(
            "it is an adapter of another model (LoRA); merge it into that one first (peft: "
            "merge_and_unload), and save the whole"
        )
    if path.is_dir() and not (path / CONFIG).exists():
        files = sorted(file.name for file in path.glob(f"*{GGUF}"))
        if len(files) > 1:
            raise InputError(f"it has {len(files)} GGUF files; name one: {path / files[0]}, …")
        path /= "".join(files)
    if path.suffix != GGUF or not path.is_file():
        return source, {}
    return str(path.parent), {"gguf_file": path.name}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from reporting what is checked here and said in one line, and its bars."""
    before, had_bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(before)
        if had_bars:
            library.enable_progress_bar()


@contextmanager
def _of(source: str) -> Iterator[None]:
    """Say of an InputError which model cannot be loaded; other errors of our code are bugs."""
    try:
        yield
    except InputError as error:
        raise InputError(f"cannot load model '{source}': {first_line(error)}") from None


@contextmanager
def one_line(source: str) -> Iterator[None]:
    """Turn what a library says while it reads the model `source` into an InputError of one line.

    What is raised in a line of our own is a bug and stays what it is, but for an InputError.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(
            f"model '{source}' does not fit into the GPU's memory; try --dtype float16, "
            "or --device auto where there are several GPUs"
        ) from None
    except Exception as error:  # libraries raise any, tokenizers a plain Exception
        if isinstance(error, InputError) or not _is_ours(error):
            raise InputError(f"cannot load model '{source}': {_reason(source, error)}") from None
        raise


def _is_ours(error: Exception) -> bool:
    """Return whether an error was raised in a line of this package rather than of a library."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]


def _reason(source: str, error: Exception) -> str:
    """Say in one line why a model cannot be read, and what would help."""
    text = str(error)
    if "trust_remote_code" in text:
        return (
            "it brings Python code of its own, which would run with all your rights: refused, and "
            "no option allows it; allowed: models whose code is in transformers"
        )
    if isinstance(error, pickle.UnpicklingError):
        return (
            "its weights are a damaged file, or pickled Python that would run code: refused; "
            "allowed: weights as .safetensors"
        )
    if "backend tokenizer" in text or "tiktoken" in text:
        models = sorted(file.name for file in Path(source).glob("*.model"))
        return complete.NEEDS_SENTENCEPIECE.format(*models) if models else complete.NO_TOKENIZER
    if isinstance(error, struct.error | EOFError | AssertionError):
        return f"a damaged file: {first_line(error)}"
    if isinstance(error, KeyError):
        return f"transformers does not know {text}, which {CONFIG} or its tokenizer asks for"
    if isinstance(error, InputError) or Path(source).exists():
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
