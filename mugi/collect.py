"""`mugi collect`: tables with the same columns as one table."""

import argparse
from pathlib import Path

import pandas as pd

from mugi.errors import InputError
from mugi.files import read_table, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi collect`."""
    parser.add_argument("tables", type=Path, nargs="+", help="CSV files with the same columns")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV of all their rows")


def run(args: argparse.Namespace) -> None:
    """Write the rows of all tables, in the given order."""
    tables = [read_table(path) for path in args.tables]
    for path, table in zip(args.tables, tables, strict=True):
        if list(table) != list(tables[0]):
            raise InputError(f"{path}: its columns are not those of {args.tables[0]}")
    write_table(pd.concat(tables, ignore_index=True), args.output)
