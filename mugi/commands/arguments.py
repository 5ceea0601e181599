"""The arguments that commands share, and how mistakes name them."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace

from mugi.errors import InputError
from mugi.llm.settings import ATTENTIONS, DEVICES, DTYPES, ModelSettings


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name a model and how it runs."""
    default = {field.name: field.default for field in fields(ModelSettings)}
    parser.add_argument("model", help="checkpoint folder, GGUF file, or hub id (needs network)")
    parser.add_argument("--name", help="the model's name in the table (default: its last part)")
    parser.add_argument(
        "--dtype",
        default=default["dtype"],
        choices=DTYPES,
        help="of weights and all that is not approximated (default: %(default)s)",
    )
    parser.add_argument(
        "--attention",
        default=default["attention"],
        choices=ATTENTIONS,
        help="the model's own, where no table replaces its softmax (default: %(default)s)",
    )
    parser.add_argument("--device", default=default["device"], help=DEVICES)
    parser.add_argument(
        "--threads",
        type=int,
        default=default["threads"],
        help="CPU threads (default: %(default)s; jobs side by side are faster)",
    )


def model_settings(args: argparse.Namespace) -> ModelSettings:
    """Return the checked settings of parsed arguments; a folder needs no network from here on."""
    settings = ModelSettings(
        args.model, args.name or "", args.dtype, args.attention, args.device, args.threads
    )
    settings.check()
    if settings.is_local:
        os.environ["HF_HUB_OFFLINE"] = "1"
    return settings


@contextmanager
def options_named(args: argparse.Namespace) -> Iterator[None]:
    """Turn the settings in mistakes (`window 1: …`) into the options that gave them."""
    try:
        yield
    except InputError as error:
        options = {name.replace("_", "-") for name in vars(args)}
        raise InputError(
            *(
                replace(mistake, where=f"--{mistake.where}")
                if mistake.where.partition(" ")[0] in options
                else mistake
                for mistake in error.mistakes
            )
        ) from None
