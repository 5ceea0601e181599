"""`mugi doctor`: whether this machine can run the workflow, what is missing, how long it takes."""

import argparse
import textwrap

from mugi.commands.output import closing
from mugi.doctor import MISSING, STAGES, blocked, findings, measured

WIDEST = 48  # characters of a cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi doctor`."""
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long to measure the speed; 0: not at all"
    )


def run(args: argparse.Namespace) -> int:
    """Print a table, what can run, and an estimate; return 1 if the default run cannot work."""
    found = list(findings())
    heading = ["", "found", "state", "for", "how to get it"]
    rows = [[one.what, one.found, one.state, one.needed_by, one.how] for one in found]
    print(*aligned([heading, *rows]), sep="\n")
    lacking = blocked(found)
    able = [stage for stage in STAGES if stage not in lacking]
    print(f"\nStages that can run here: {', '.join(able) or 'none'}.")
    for stage, missing in lacking.items():
        print(f"Cannot run: {stage}, for want of {', '.join(one.what for one in missing)}.")
    if args.seconds > 0:
        wanting = {one.needed_by for one in found if one.state == MISSING}
        print(measured(wanting.__contains__, args.seconds))
    closing({"here": f"{len(able)} of {len(STAGES)} stages can run"})
    return int(bool(lacking))


def aligned(rows: list[list[str]]) -> list[str]:
    """Return lines of a table, cells below each other; those that are too long, shortened."""
    last = len(rows[0]) - 1
    short = [
        [*(textwrap.shorten(cell, WIDEST, placeholder="…") for cell in row[:last]), row[last]]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in short
    ]
