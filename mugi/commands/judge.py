"""`mugi judge`: what the paper's conclusions rest on, how sure they are, and where they hold."""

import argparse
from pathlib import Path

import pandas as pd

from mugi import assumptions
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table
from mugi.judge.breakeven import break_even


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `mugi judge`, each a command of its own."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART", help="what to judge")
    for name, (help_line, add, tables) in PARTS.items():
        part = parts.add_parser(name, help=help_line, description=help_line)
        add(part)
        part.set_defaults(tables=tables)


def run(args: argparse.Namespace) -> None:
    """Write the tables of the chosen part."""
    check_writable(args.output, TABLES)
    tables = args.tables(args)
    for path, table in tables.items():
        write_table(table, path)
    closing(tables)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, help="table to write")


def _add_preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--preset",
        choices=assumptions.PRESETS,
        default=assumptions.DEFAULT_PRESET,
        help="assumptions of the cost model (default: %(default)s)",
    )


def _add_break_even(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    _add_preset(parser)


def _break_even(args: argparse.Namespace) -> dict[Path, pd.DataFrame]:
    return {args.output: break_even(args.preset)}


# part -> help line, what adds its arguments, what returns its tables by path
PARTS = {
    "breakeven": (
        "years of use and grids at which embodied carbon outweighs",
        _add_break_even,
        _break_even,
    ),
}
