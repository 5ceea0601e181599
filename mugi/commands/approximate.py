"""`mugi approximate`: the error of approximations on every BF16 input of a range."""

import argparse
from pathlib import Path

from mugi.analysis.error_table import SMALLEST, error_tables
from mugi.analysis.select import selected
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table
from mugi.methods import FUNCTIONS, parse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", choices=sorted(FUNCTIONS), help="what is approximated")
    parser.add_argument("low", type=float, help="lowest input")
    parser.add_argument("high", type=float, help="highest input")
    parser.add_argument(
        "--method", action="append", default=[], help="for example vlp:lut=12,max_exp=3"
    )
    parser.add_argument("--sweep", type=Path, help="also the methods that this sweep selects")
    parser.add_argument(
        "--smallest",
        type=float,
        default=SMALLEST,
        help="leave out inputs closer to zero, where codes crowd (default: 2^-8)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row an input")


def run(args: argparse.Namespace) -> None:
    """Tabulate every method and write one table."""
    check_writable(args.output, TABLES)
    methods = [parse(text, args.function) for text in args.method]
    if args.sweep:
        methods += selected(args.sweep, args.function)
    table = error_tables(
        function=args.function,
        methods=methods,
        low=args.low,
        high=args.high,
        smallest=args.smallest,
    )
    write_table(table, args.output)
    closing({args.output: table})
