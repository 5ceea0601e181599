"""`mugi approximate`, `mugi fit`, `mugi weigh` and `mugi lookup`."""

import argparse
from itertools import groupby
from pathlib import Path

import numpy as np

from mugi.analysis.distribution import Inputs, captured, drawn
from mugi.analysis.error_table import SMALLEST, error_tables
from mugi.analysis.fit import fit
from mugi.analysis.lookup import check_lookup, entries
from mugi.analysis.search import ERRORS
from mugi.analysis.select import SEARCHED, selected
from mugi.analysis.weigh import weigh
from mugi.errors import InputError
from mugi.files import check_writable, write_table
from mugi.methods import FUNCTIONS, Method, parse
from mugi.methods.grid import expand


def add_arguments_of_approximate(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi approximate`."""
    parser.add_argument("function", choices=sorted(FUNCTIONS))
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


def run_approximate(args: argparse.Namespace) -> None:
    """Tabulate every method and write one table."""
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


def add_arguments_of_fit(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi fit`."""
    add_inputs(parser)
    add_grids(parser)
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


def run_fit(args: argparse.Namespace) -> None:
    """Write the whole surface: inputs and shift, operation, layer, method and error a row."""
    check_writable(args.output)
    table = fit(
        methods=read_grids(args),
        inputs=read_inputs(args),
        errors=args.error or list(ERRORS),
        each_layer=args.each_layer,
        rows=args.rows,
        shifts=args.shift or [0],
    )
    write_table(table, args.output)


def add_arguments_of_weigh(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi weigh`."""
    add_inputs(parser)
    add_grids(parser)
    parser.add_argument("--sweep", type=Path, help="also the methods that this sweep selects")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row a bin")


def run_weigh(args: argparse.Namespace) -> None:
    """Write one row a method and bin of inputs."""
    table = weigh(methods=read_grids(args), inputs=read_inputs(args), sweep=args.sweep)
    write_table(table, args.output)


def add_arguments_of_lookup(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi lookup`."""
    parser.add_argument("function", choices=sorted(FUNCTIONS))
    parser.add_argument("method", help="a VLP approximation, such as vlp:lut=12,max_exp=3")
    parser.add_argument(
        "--input", type=float, action="append", required=True, help="one of the group's inputs"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row an entry")


def run_lookup(args: argparse.Namespace) -> None:
    """Write one row an entry of the lookup table."""
    method = check_lookup(args.function, args.method, args.input)
    write_table(entries(method, args.function, np.array(args.input)), args.output)
