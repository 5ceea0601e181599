"""`mugi init`: a folder with the workflow, for those who installed the package alone."""

import argparse
import shlex
from pathlib import Path

import mugi
from mugi.commands.output import closing
from mugi.project import write_project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi init`."""
    parser.add_argument("folder", type=Path, help="a new or an empty folder")


def run(args: argparse.Namespace) -> None:
    """Write the workflow and say what to run next."""
    count = write_project(args.folder)
    print(
        f"cd {shlex.quote(str(args.folder))}\n"
        "mugi doctor        # whether this machine can run it, and how long it will take\n"
        "snakemake -n       # what would run, and why\n"
        "snakemake          # everything, on all cores"
    )
    closing({args.folder: f"the workflow of mugi {mugi.__version__}, {count} files"})
