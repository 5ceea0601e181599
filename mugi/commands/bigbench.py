"""`mugi bigbench`: three BIG-bench tasks for lm-eval, from the package that holds their data."""

import argparse
from pathlib import Path

from mugi.accuracy.bigbench import write_bigbench
from mugi.commands.output import closing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi bigbench`."""
    parser.add_argument("--sdist", type=Path, help="bigbench-1.0.0.tar.gz, if it is here already")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the tasks")


def run(args: argparse.Namespace) -> None:
    """Fetch and verify the package, then write tasks and texts for `--task-folder`."""
    write_bigbench(folder=args.output, sdist=args.sdist)
    closing({args.output: "tasks for `mugi accuracy --task-folder`"})
