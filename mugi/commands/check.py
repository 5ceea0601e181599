"""`mugi check`: a configuration file, checked on top of config.yaml."""

import argparse
from pathlib import Path

from mugi.commands.output import closing
from mugi.config import DEFAULT, check, read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", type=Path, default=DEFAULT, help="checked on top of config.yaml"
    )


def run(args: argparse.Namespace) -> None:
    """Check one file the way Snakemake reads it: on top of config.yaml."""
    check(read(DEFAULT) if args.file == DEFAULT else read(DEFAULT, args.file))
    closing({args.file: "no mistakes"})
