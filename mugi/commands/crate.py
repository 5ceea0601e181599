"""`mugi crate`: a run as a Workflow Run RO-Crate, for archives and other programs."""

import argparse
from pathlib import Path

from mugi.commands.output import closing
from mugi.crate import write_crate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi crate`."""
    parser.add_argument("results", type=Path, help="folder of results, such as results")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a new or empty folder")


def run(args: argparse.Namespace) -> None:
    """Copy results and workflow into a folder, with metadata of how each file was made."""
    count = write_crate(args.results, args.output)
    closing({args.output: f"a crate of {count} files, described in ro-crate-metadata.json"})
