"""`mugi schema`: the JSON schema of the configuration, or tables of its keys in Markdown."""

import argparse

from mugi.commands.output import as_json, closing
from mugi.config import Config
from mugi.config.docs import key_table, parameter_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="tables of keys and of parameters")


def run(args: argparse.Namespace) -> None:
    """Print the JSON schema of the configuration, or the tables of its keys and of methods."""
    if args.markdown:
        print(key_table(), parameter_table(), sep="\n\n")
    else:
        print(as_json(Config.model_json_schema()))
    closing({"stdout": "what config.yaml may hold"}, beside_data=True)
