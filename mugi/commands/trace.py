"""`mugi trace`: the signals of a small array, cycle by cycle."""

import argparse
from pathlib import Path

import numpy as np

from mugi.array.trace import (
    EXAMPLE_COLUMNS,
    EXAMPLE_INPUTS,
    EXAMPLE_METHOD,
    EXAMPLE_WEIGHTS,
    trace_gemm,
    trace_nonlinear,
)
from mugi.bf16 import to_bf16
from mugi.commands.output import closing
from mugi.errors import InputError
from mugi.files import write_table
from mugi.methods import FUNCTIONS, parse
from mugi.methods.vlp import VLP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operation", choices=["gemm", *FUNCTIONS], help="what is traced")
    parser.add_argument(
        "--inputs",
        action="append",
        type=_numbers,
        metavar="X,X,...",
        help="inputs of one window: of the rows, for gemm of up to 8 columns (repeat for more)",
    )
    parser.add_argument(
        "--weights",
        action="append",
        type=_numbers,
        metavar="W,W,...",
        help="gemm: weights of one window's rows, -7 to 7 (as often as --inputs)",
    )
    parser.add_argument("--method", default=EXAMPLE_METHOD, help="VLP method, without its group")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row a signal")


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        message = f"'{text}' is not a list of numbers such as 1.5,-2"
        raise argparse.ArgumentTypeError(message) from None


def run(args: argparse.Namespace) -> None:
    """Trace the operation and write its table."""
    if args.operation == "gemm":
        if (args.inputs is None) != (args.weights is None):
            raise InputError("gemm needs --inputs and --weights, or neither")
        inputs = _windows("--inputs", args.inputs or EXAMPLE_COLUMNS)
        weights = _windows("--weights", args.weights or EXAMPLE_WEIGHTS)
        if len(inputs) != len(weights):
            raise InputError(f"{len(inputs)} windows of --inputs, {len(weights)} of --weights")
        if np.any(weights != np.rint(weights)):
            raise InputError("--weights: allowed are whole numbers from -7 to 7")
        table = trace_gemm(to_bf16(inputs.T), weights.astype(int))
    else:
        if args.weights:
            raise InputError("--weights: only gemm has weights")
        method = parse(args.method)
        if not isinstance(method, VLP):
            raise InputError(f"--method is {args.method}; allowed: a vlp method")
        inputs = _windows("--inputs", args.inputs or EXAMPLE_INPUTS)
        table = trace_nonlinear(method, args.operation, to_bf16(inputs.T))
    write_table(table, args.output)
    closing({args.output: table})


def _windows(option: str, lists: list[list[float]]) -> np.ndarray:
    """Return one row a window; raises InputError unless all are of one length and finite."""
    if len({len(values) for values in lists}) > 1:
        raise InputError(f"{option}: every window needs the same number of values")
    values = np.array(lists)
    if not np.isfinite(values).all():
        raise InputError(f"{option}: allowed are finite numbers")
    return values
