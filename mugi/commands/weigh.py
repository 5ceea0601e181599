"""`mugi weigh`: the error of approximations by how often inputs occur."""

import argparse
from pathlib import Path

from mugi.analysis.weigh import weigh
from mugi.commands.inputs import add_grids, add_inputs, read_grids, read_inputs
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    add_grids(parser)
    parser.add_argument("--sweep", type=Path, help="also the methods that this sweep selects")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row a bin")


def run(args: argparse.Namespace) -> None:
    """Write one row a method and bin of inputs."""
    check_writable(args.output, TABLES)
    table = weigh(methods=read_grids(args), inputs=read_inputs(args), sweep=args.sweep)
    write_table(table, args.output)
    closing({args.output: table})
