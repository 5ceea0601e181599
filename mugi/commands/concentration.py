"""`mugi concentration`: where the inputs that `mugi profile` counted lie."""

import argparse
from pathlib import Path

import pandas as pd

from mugi.accuracy.concentration import concentration, read_profile
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi concentration`."""
    parser.add_argument("profiles", nargs="+", type=Path, help="tables of `mugi profile`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tidy CSV")


def run(args: argparse.Namespace) -> None:
    """Describe every profile and write one table."""
    check_writable(args.output, TABLES)
    table = pd.concat([concentration(read_profile(path)) for path in args.profiles])
    write_table(table, args.output)
    closing({args.output: table})
