"""`mugi carbon`: operational and embodied carbon of evaluated runs."""

import argparse
from pathlib import Path

from mugi import assumptions
from mugi.carbon import NUMBERS, RUN, SWITCHES, account_carbon
from mugi.commands.output import closing
from mugi.errors import InputError
from mugi.files import read_table, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi carbon`."""
    parser.add_argument("hardware", type=Path, help="table written by `mugi evaluate`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="carbon table to write")
    parser.add_argument(
        "--preset",
        action="append",
        choices=assumptions.PRESETS,
        help="accounting of the carbon, of use and of manufacture; may be given twice (default:"
        f" {assumptions.DEFAULT_PRESET})",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"flip an assumption: {', '.join(SWITCHES)}",
    )


def run(args: argparse.Namespace) -> None:
    """Write the carbon table of `args.hardware` to `args.output`."""
    flips = assumptions.pairs(args.set, "--set", SWITCHES)
    presets = list(dict.fromkeys(args.preset or [assumptions.DEFAULT_PRESET]))
    hardware = read_table(args.hardware, RUN, NUMBERS)
    try:
        table = account_carbon(hardware=hardware, presets=presets, flips=flips)
    except InputError as error:
        raise error.at(args.hardware) from None
    write_table(table, args.output)
    counted = " and ".join(presets)
    closing({args.output: f"{len(table):,} rows, {len(hardware):,} runs, accounting {counted}"})
