"""What `mugi fit` and `mugi weigh` share: which inputs are meant, and which methods."""

import argparse
from itertools import groupby
from pathlib import Path

from mugi.analysis.distribution import Inputs, captured, drawn
from mugi.analysis.select import SEARCHED
from mugi.errors import InputError
from mugi.methods import Method
from mugi.methods.grid import expand


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say which inputs are meant."""
    parser.add_argument("--profile", type=Path, help="Parquet of counts that `mugi profile` wrote")
    parser.add_argument("--samples", type=Path, help="its NPZ of sampled tiles")
    parser.add_argument(
        "--draw",
        action="append",
        default=[],
        metavar="FUNCTION=DISTRIBUTION",
        help="instead: exp=normal:mean=0,std=3 or silu=uniform:low=-4,high=4 (may be repeated)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")


def read_inputs(args: argparse.Namespace) -> list[list[Inputs]]:
    """Return the layers of each operation; raise InputError for inputs that are not there."""
    if args.draw:
        if args.profile or args.samples:
            raise InputError("give --profile and --samples, or --draw, not both")
        return [[drawn(text, args.seed)] for text in args.draw]
    if not (args.profile and args.samples):
        raise InputError("no inputs: give --profile and --samples, or --draw")
    layers = captured(args.profile, args.samples)
    return [list(alike) for _, alike in groupby(layers, lambda one: (one.operation, one.function))]


def add_grids(parser: argparse.ArgumentParser) -> None:
    """Declare an argument for the methods of each operation."""
    for operation in SEARCHED:
        parser.add_argument(
            f"--{operation}",
            action="append",
            default=[],
            metavar="GRID",
            help="methods to try, for example 'vlp:lut=8|12,max_exp=-2..4' (may be repeated)",
        )


def read_grids(args: argparse.Namespace) -> dict[str, list[Method]]:
    """Return the methods of each operation."""
    return {operation: expand(getattr(args, operation), operation) for operation in SEARCHED}
