"""`mugi collect`: tables with the same columns as one table."""

import argparse
from pathlib import Path

import pandas as pd

from mugi.commands.output import closing
from mugi.errors import InputError, Mistake
from mugi.files import join_csv, read_table, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi collect`."""
    parser.add_argument("tables", type=Path, nargs="+", help="tables with the same columns")
    parser.add_argument("-o", "--output", type=Path, required=True, help="table of all their rows")


def run(args: argparse.Namespace) -> None:
    """Write the rows of all tables, in the given order."""
    if {path.suffix for path in (*args.tables, args.output)} == {".csv"}:
        rows = join_csv(args.tables, args.output)
    else:
        table = collected(args.tables)
        rows = len(table)
        write_table(table, args.output)
    closing({args.output: f"{rows:,} rows of {len(args.tables)} tables"})


def collected(paths: list[Path]) -> pd.DataFrame:
    """Return the tables below each other; raises InputError if they differ in their columns."""
    tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if list(table) != list(tables[0]):
            raise InputError(Mistake(f"its columns are not those of {paths[0]}", str(path)))
    return pd.concat(tables, ignore_index=True)
