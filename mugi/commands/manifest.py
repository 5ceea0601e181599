"""`mugi manifest`: which code, packages and machine a run is made by."""

import argparse
from pathlib import Path

from mugi.commands.output import as_json, closing
from mugi.documents import read_yaml
from mugi.files import check_writable, write_text
from mugi.manifest import manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi manifest`."""
    parser.add_argument("config", type=Path, help="the configuration, as YAML or JSON")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON to write")


def run(args: argparse.Namespace) -> None:
    """Write the manifest of a run."""
    check_writable(args.output, (".json",))
    made = manifest(read_yaml(args.config).content)
    write_text(args.output, f"{as_json(made)}\n")
    closing({args.output: f"{len(made['packages'])} packages, commit {made['commit']}"})
