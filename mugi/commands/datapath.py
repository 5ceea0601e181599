"""`mugi datapath`: INT4 layers of a real model on the simulated array, and by torch."""

import argparse
from pathlib import Path

from mugi.accuracy.datapath import multiply_layers
from mugi.commands.arguments import add_model_arguments, model_settings, options_named
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table
from mugi.methods import parse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi datapath`."""
    add_model_arguments(parser)
    parser.add_argument("--tokens", type=int, default=8, help="last tokens of a text that enter")
    parser.add_argument("--text", type=int, default=256, help="tokens of that text")
    parser.add_argument("--woq", default="int4:group=64", help="how the weights are quantised")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tidy CSV")


def run(args: argparse.Namespace) -> None:
    """Multiply on the array and by torch; write the errors of both, a row a linear layer."""
    check_writable(args.output, TABLES)
    with options_named(args):
        table = multiply_layers(
            model=model_settings(args),
            weights=parse(args.woq, "weights"),
            tokens=args.tokens,
            text_tokens=args.text,
        )
    write_table(table, args.output)
    closing({args.output: table})
