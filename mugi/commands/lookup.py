"""`mugi lookup`: a VLP lookup table, and what is read in it."""

import argparse
from pathlib import Path

import numpy as np

from mugi.analysis.lookup import check_lookup, entries
from mugi.commands.output import closing
from mugi.files import write_table
from mugi.methods import FUNCTIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", choices=sorted(FUNCTIONS), help="what is looked up")
    parser.add_argument("method", help="a VLP approximation, such as vlp:lut=12,max_exp=3")
    parser.add_argument(
        "--input", type=float, action="append", required=True, help="one of the group's inputs"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row an entry")


def run(args: argparse.Namespace) -> None:
    """Write one row an entry of the lookup table."""
    method = check_lookup(args.function, args.method, args.input)
    table = entries(method, args.function, np.array(args.input))
    write_table(table, args.output)
    closing({args.output: table})
