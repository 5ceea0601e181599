"""The arguments that all commands with a model share, and the `ModelSettings` that they mean."""

import argparse
from dataclasses import fields, replace

from mugi.errors import InputError
from mugi.llm.settings import ATTENTIONS, DEVICES, DTYPES, ModelSettings


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name a model and how it runs."""
    default = {field.name: field.default for field in fields(ModelSettings)}
    parser.add_argument("model", help="checkpoint folder, or hub id (needs network)")
    parser.add_argument("--name", help="the model's name in the table (default: its last part)")
    parser.add_argument("--dtype", default=default["dtype"], choices=DTYPES)
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
    """Return the checked settings of parsed arguments; InputError names the options."""
    settings = ModelSettings(
        args.model, args.name or "", args.dtype, args.attention, args.device, args.threads
    )
    try:
        settings.check()
    except InputError as error:
        options = (
            replace(mistake, where=f"--{mistake.where}") if mistake.where else mistake
            for mistake in error.mistakes
        )
        raise InputError(*options) from None
    return settings
