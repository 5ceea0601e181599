"""`mugi schema`: the JSON schema of the configuration, or tables of its keys in Markdown."""

import argparse
import json

from mugi.config import Config
from mugi.config.docs import key_table, parameter_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="tables of keys and of parameters")


def run(args: argparse.Namespace) -> None:
    """Print the JSON schema of the configuration, or the tables of its keys and of methods."""
    if args.markdown:
        print(key_table(), parameter_table(), sep="\n\n")
    else:
        print(json.dumps(Config.model_json_schema(), indent=2))
