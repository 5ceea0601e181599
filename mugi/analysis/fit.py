"""`mugi fit`: the error of every method of some grids on captured or drawn inputs."""

import argparse
from itertools import groupby
from pathlib import Path

import pandas as pd

from mugi.analysis.distribution import Inputs, captured, drawn
from mugi.analysis.search import ERRORS, KL, surface
from mugi.analysis.select import SEARCHED
from mugi.errors import InputError
from mugi.files import check_writable, write_table
from mugi.methods.grid import expand

SHIFTS = range(-16, 17)


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
        if args.seed < 0:
            raise InputError(f"--seed is {args.seed}; allowed: 0 or more")
        if args.profile or args.samples:
            raise InputError("give --profile and --samples, or --draw, not both")
        return [[drawn(text, args.seed)] for text in args.draw]
    if not (args.profile and args.samples):
        raise InputError("no inputs: give --profile and --samples, or --draw")
    layers = captured(args.profile, args.samples)
    return [list(some) for _, some in groupby(layers, lambda one: (one.operation, one.function))]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi fit`."""
    add_inputs(parser)
    for operation in SEARCHED:
        parser.add_argument(
            f"--{operation}",
            action="append",
            default=[],
            metavar="GRID",
            help="methods to try, for example 'vlp:lut=8|12,max_exp=-2..4' (may be repeated)",
        )
    parser.add_argument(
        "--error", action="append", choices=list(ERRORS), help="what to find (default: all)"
    )
    parser.add_argument("--each-layer", action="store_true", help="also fit each layer by itself")
    parser.add_argument(
        "--rows", type=int, default=32, help="rows of softmax a layer in the KL (default: 32)"
    )
    parser.add_argument(
        "--shift",
        type=int,
        action="append",
        metavar="K",
        help="also on inputs times 2^K (may be repeated; default: 0 only)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, the whole surface")


def run(args: argparse.Namespace) -> None:
    """Write the whole surface: inputs and shift, operation, layer, method and error a row."""
    check_writable(args.output)
    grids = {operation: expand(getattr(args, operation), operation) for operation in SEARCHED}
    if args.rows < 1:
        raise InputError(f"--rows is {args.rows}; allowed: 1 or more")
    shifts = sorted(set(args.shift or [0]))
    if not set(shifts) <= set(SHIFTS):
        raise InputError(f"--shift {shifts[0]}..{shifts[-1]}; allowed: {SHIFTS[0]} to {SHIFTS[-1]}")
    tables = []
    for layers in read_inputs(args):
        methods = grids[layers[0].operation]
        methods = [method for method in methods if layers[0].function in method.functions]
        for shift in shifts if methods else []:
            moved = [inputs.scaled(shift) for inputs in layers]
            table = surface(moved, methods, args.error or list(ERRORS), args.each_layer, args.rows)
            table.insert(3, "shift_log2", shift)
            tables.append(table)
    if not tables:
        raise InputError("no methods for these inputs: give --softmax or --activation")
    table = pd.concat(tables, ignore_index=True)
    if not len(table):
        raise InputError(f"--error {KL}: only softmax has it")
    write_table(table, args.output)
