"""Bridge from parsed arguments to `ModelSettings`, until the commands take it themselves."""

import argparse
import os

from mugi.accuracy.arguments import add_model_arguments as add_arguments
from mugi.accuracy.arguments import model_settings
from mugi.llm.texts import first_tokens as tokens

__all__ = ["add_arguments", "check", "check_model", "load", "tokens"]


def check(args: argparse.Namespace) -> None:
    """Check the arguments, and that the device is there; without network for a folder."""
    check_model(args)
    if args.settings.is_local:
        os.environ["HF_HUB_OFFLINE"] = "1"


def check_model(args: argparse.Namespace) -> None:
    """Raise InputError for arguments that name no model or device; set `settings` and `name`."""
    args.settings = model_settings(args)
    args.name = args.settings.name


def load(args: argparse.Namespace):
    """Return the model and tokenizer that checked arguments name."""
    from mugi.llm import load as models  # not before the arguments are checked: it takes seconds

    return models.load(args.settings)
