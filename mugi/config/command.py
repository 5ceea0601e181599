"""`mugi check` and `mugi schema`."""

import argparse
import json
from pathlib import Path

from mugi.config import DEFAULT, Config, check, read
from mugi.config.docs import key_table, parameter_table


def add_arguments_of_check(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi check`."""
    parser.add_argument(
        "file", nargs="?", type=Path, default=DEFAULT, help="checked on top of config.yaml"
    )


def run_check(args: argparse.Namespace) -> None:
    """Check one file the way Snakemake reads it: on top of config.yaml."""
    check(read(DEFAULT) if args.file == DEFAULT else read(DEFAULT, args.file))
    print(f"{args.file}: no mistakes")


def add_arguments_of_schema(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi schema`."""
    parser.add_argument("--markdown", action="store_true", help="tables of keys and of parameters")


def run_schema(args: argparse.Namespace) -> None:
    """Print the JSON schema of the configuration, or the tables of its keys and of methods."""
    if args.markdown:
        print(key_table(), parameter_table(), sep="\n\n")
    else:
        print(json.dumps(Config.model_json_schema(), indent=2))
