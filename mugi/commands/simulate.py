"""`mugi simulate`: the array against plain references and the cost model."""

import argparse
from pathlib import Path

from mugi.array.converter import Array
from mugi.array.simulate import simulated
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--array-height", type=int, default=256, help="rows, a multiple of 8")
    parser.add_argument("--windows", type=int, default=64, help="windows of each operation")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="CSV, one row an operation"
    )


def run(args: argparse.Namespace) -> None:
    """Simulate every operation and write the table."""
    check_writable(args.output, TABLES)
    table = simulated(Array(args.array_height), args.windows)
    write_table(table, args.output)
    closing({args.output: table})
