"""`mugi report`: pages on everything that there is in a folder of results."""

import argparse
from pathlib import Path

from mugi.commands.output import closing
from mugi.report.write import write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi report`."""
    parser.add_argument("results", type=Path, help="folder of results, complete or not")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")


def run(args: argparse.Namespace) -> None:
    """Write the report; say what is missing in how many pages."""
    pages = write_report(args.results, args.output)
    lacking = len({block.what for page in pages for block in page.missing})
    rest = f"{lacking} things not made yet" if lacking else "complete"
    told = f"{len(pages)} pages, {rest}"
    closing({args.output / "index.html": told})
