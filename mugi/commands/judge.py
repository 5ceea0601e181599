"""`mugi judge`: what the paper's conclusions rest on, how sure they are, and where they hold."""

import argparse
from pathlib import Path

from mugi import assumptions
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table
from mugi.judge.breakeven import break_even


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `mugi judge`, each a command of its own."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, (help_line, add, run_part) in PARTS.items():
        part = parts.add_parser(name, help=help_line, description=help_line)
        add(part)
        part.set_defaults(run_part=run_part)


def run(args: argparse.Namespace) -> None:
    """Run the chosen part."""
    args.run_part(args)


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


def _break_even(args: argparse.Namespace) -> None:
    check_writable(args.output, TABLES)
    table = break_even(args.preset)
    write_table(table, args.output)
    closing({args.output: table})


# part -> help line, what adds its arguments, what runs it
PARTS = {
    "breakeven": (
        "years of use and grids at which embodied carbon outweighs",
        _add_break_even,
        _break_even,
    ),
}
