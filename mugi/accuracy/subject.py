"""What `mugi profile` and `mugi tune` share: naming a model, loading it, cutting its text."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mugi.accuracy.cells import device_kind
from mugi.errors import InputError, nearest
from mugi.llm.embedded import HUB_ID
from mugi.llm.texts import SEPARATOR

DEVICES = "cpu, cuda, cuda:N, or auto: the layers spread over all GPUs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name a model and how it is loaded."""
    parser.add_argument("model", help="checkpoint folder, or hub id (needs network)")
    parser.add_argument("--name", help="the model's name in the table (default: its last part)")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--attention", default="eager", choices=["eager", "sdpa"], help="native's")
    parser.add_argument("--device", default="cpu", help=DEVICES)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")


def check(args: argparse.Namespace) -> None:
    """Check the arguments, and that the device is there; without network for a folder."""
    check_model(args)
    device_kind(args.device)
    if Path(args.model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"


def check_model(args: argparse.Namespace) -> None:
    """Raise InputError for arguments that name no model or device; set `args.name` if not given."""
    if args.threads is not None and args.threads < 1:
        raise InputError(f"--threads {args.threads}: must be at least 1")
    if not re.fullmatch("cpu|cuda(:[0-9]+)?|auto", args.device):
        close = nearest(args.device, ["cpu", "cuda", "auto"])
        raise InputError(f"--device {args.device}: must be cpu, cuda, cuda:N or auto{close}")
    folder = Path(args.model)
    if not folder.is_dir() and not HUB_ID.fullmatch(args.model):
        beside = [path.name for path in folder.parent.glob("*/")]
        raise InputError(
            f"no folder '{args.model}'{nearest(folder.name, beside)}; "
            "allowed: a checkpoint folder, a hub id (org/name)"
        )
    args.name = args.name or folder.name


def load(args: argparse.Namespace):
    """Return the model and tokenizer that checked arguments name."""
    import torch  # not before the arguments are checked: it takes seconds

    from mugi.llm import load as models

    if args.threads:
        torch.set_num_threads(args.threads)
    return models.load(args.model, args.dtype, args.attention, args.device)


def tokens(model, tokenizer, documents: Sequence[str], count: int, window: int):
    """Return the first `count` tokens of the documents, 1-D on the model's device.

    The documents are joined by blank lines; no BOS. Raises InputError if the text is shorter, or
    the model's context shorter than `window`.
    """
    import torch

    context = getattr(model.config, "max_position_embeddings", window)
    if window > context:
        raise InputError(f"{window} tokens a window: the model's context is {context} tokens")
    ids = tokenizer(SEPARATOR.join(documents), add_special_tokens=False)["input_ids"]
    if len(ids) < count:
        raise InputError(f"{count} tokens of text are needed; there are {len(ids)}")
    return torch.tensor(ids[:count], device=model.device)
