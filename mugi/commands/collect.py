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
    """Return the tables below each other, a column's cells all numbers or all text.

    Raises InputError if they differ in their columns, or in whether one of these is numbers.
    """
    tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if list(table) != list(tables[0]):
            raise InputError(Mistake(f"its columns are not those of {paths[0]}", str(path)))
    for name in tables[0]:
        kinds = {path: table[name].dtype.kind for path, table in zip(paths, tables, strict=True)}
        if len(set(kinds.values())) > 1:
            of_numbers = next((path for path, kind in kinds.items() if kind in "iuf"), None)
            for path, table in zip(paths, tables, strict=True):
                cells = table[name].astype(str) if kinds[path] == "b" else table[name]
                table[name] = _numbers(cells, path, of_numbers) if of_numbers else cells
    return pd.concat(tables, ignore_index=True)


def _numbers(cells: pd.Series, path: Path, other: Path) -> pd.Series:
    """Return the numbers in a column, missing where its cells are empty.

    Raises InputError for a cell that is none, though the column has numbers in `other`.
    """
    values = pd.to_numeric(cells, errors="coerce")
    wrong = cells[values.isna() & cells.notna() & (cells != "")]
    if len(wrong):
        what = f"'{wrong.iloc[0]}' is not a number, as in {other}"
        raise InputError(Mistake(what, f"{path}: line {wrong.index[0] + 2}, {cells.name}"))
    return values
