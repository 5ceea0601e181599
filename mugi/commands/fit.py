"""`mugi fit`: parameters of approximations that suit given inputs."""

import argparse
from pathlib import Path

from mugi.analysis.fit import fit
from mugi.analysis.search import ERRORS
from mugi.commands.inputs import add_grids, add_inputs, read_grids, read_inputs
from mugi.commands.output import closing
from mugi.files import TABLES, check_writable, write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(args: argparse.Namespace) -> None:
    """Write the whole surface: inputs and shift, operation, layer, method and error a row."""
    check_writable(args.output, TABLES)
    table = fit(
        methods=read_grids(args),
        inputs=read_inputs(args),
        errors=args.error or list(ERRORS),
        each_layer=args.each_layer,
        rows=args.rows,
        shifts=args.shift or [0],
    )
    write_table(table, args.output)
    closing({args.output: table})
