"""`mugi prepare`: write an embedded model as a local checkpoint."""

import argparse
import os
from pathlib import Path

from mugi.commands.output import closing
from mugi.llm.checkpoint import prepare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi prepare`."""
    parser.add_argument("name", help="embedded model, for example smollm2_135m")
    parser.add_argument("-o", "--output", type=Path, required=True, help="checkpoint folder")


def run(args: argparse.Namespace) -> None:
    """Check the installed weights' sha256 and convert them."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
    prepare(args.name, args.output)
    closing({args.output: f"checkpoint of {args.name}"})
