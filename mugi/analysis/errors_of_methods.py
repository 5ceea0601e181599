"""`mugi approximate`: the error of approximations on every BF16 input of a range."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.analysis.select import selected
from mugi.bf16 import CODES, from_bf16
from mugi.errors import InputError
from mugi.files import write_table
from mugi.methods import FUNCTIONS, Method, parse
from mugi.methods.tables import pick_alone


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
        default=2**-8,
        help="leave out inputs closer to zero, where codes crowd (default: 2^-8)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row an input")


def run(args: argparse.Namespace) -> None:
    """Tabulate every method and write one table."""
    if not args.low < args.high:
        raise InputError(f"range {args.low:g} to {args.high:g}: must be lower to higher")
    if not args.smallest >= 0:
        raise InputError(f"--smallest is {args.smallest:g}; allowed: 0 or more")
    methods = [parse(text, args.function) for text in args.method]
    if args.sweep:
        methods += selected(args.sweep, args.function)
    if not methods:
        raise InputError("no methods: give --method or --sweep")
    tables = [
        error_table(args.function, method, args.low, args.high, args.smallest)
        for method in dict.fromkeys(methods)
    ]
    write_table(pd.concat(tables, ignore_index=True), args.output)


def error_table(
    function: str, method: Method, low: float, high: float, smallest: float = 0.0
) -> pd.DataFrame:
    """Return exact and approximate value and relative error of every BF16 input in [low, high].

    Inputs other than zero closer to it than `smallest` are left out. Each input is alone in its
    group, so that the sliding window is placed for it: the best case. `exact` is float64; the
    error of a zero is 0 where both are zero. Raises InputError if no input is left.
    """
    values = from_bf16(CODES)
    inside = (values >= low) & (values <= high)
    codes = CODES[inside & ((np.abs(values) >= smallest) | (values == 0))]
    if not len(codes):
        raise InputError(
            f"range {low:g} to {high:g}: no BF16 number {smallest:g} or more from zero"
        )
    codes = codes[np.argsort(from_bf16(codes), kind="stable")]
    stack = method.stack(function)
    position = pick_alone(stack, codes)
    x = from_bf16(codes)
    exact = FUNCTIONS[function](x)
    approximate = from_bf16(stack.tables[position, codes])
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(approximate == exact, 0.0, 100 * (approximate - exact) / exact)
    return pd.DataFrame(
        {
            "function": function,
            "method": str(method),
            "x": x,
            "window_position": position,
            "exact": exact,
            "approximate": approximate,
            "relative_error_percent": error,
        }
    )
