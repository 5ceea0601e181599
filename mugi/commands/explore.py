"""`mugi explore`: evaluate sweeps over any column, and find and draw their Pareto fronts."""

import argparse

from mugi.commands.evaluate import NOTES, tell_notes
from mugi.commands.output import closing
from mugi.errors import InputError
from mugi.explore import check_plot, draw, explore_sweep, load_sweep
from mugi.files import check_outputs, write_bytes, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sweep", help="YAML of runs and metrics (docs/howto/explore.md)")
    parser.add_argument("-o", "--output", required=True, help="results as .csv or .parquet")
    parser.add_argument("--plot", metavar="STEM", help="write STEM.pdf, STEM.png and STEM.csv too")


def run(args: argparse.Namespace) -> None:
    """Write the results of a sweep, and its plot."""
    plots = [f"{args.plot}.{suffix}" for suffix in ("pdf", "png", "csv")] if args.plot else []
    check_outputs([args.output], plots)
    sweep = load_sweep(args.sweep)
    if args.plot:
        try:
            check_plot(sweep)
        except InputError as error:
            raise error.at(args.sweep) from None
    table = explore_sweep(sweep=sweep, progress=True)
    files = draw(table, sweep) if args.plot else {}
    write_table(table, args.output)
    for suffix, content in files.items():
        write_bytes(f"{args.plot}.{suffix}", content)
    tell_notes("explore", table[list(NOTES)].sum().to_dict())
    told = {args.output: f"{len(table):,} rows, {table['pareto_front'].sum():,} on the front"}
    told |= {f"{args.plot}.{suffix}": "plot" for suffix in files}
    closing(told)
