"""`mugi weigh`: where on the input axis the error of approximations comes from."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.analysis.distribution import Inputs
from mugi.analysis.fit import add_inputs, read_inputs
from mugi.analysis.search import Kinds, absolute_errors, pooled
from mugi.analysis.select import SEARCHED, selected
from mugi.bf16 import from_bf16
from mugi.errors import InputError
from mugi.files import write_table
from mugi.methods import Method
from mugi.methods.grid import expand

BIN_BITS = 6  # codes that share sign, exponent and the first bit of the mantissa are one bin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi weigh`."""
    add_inputs(parser)
    for operation in SEARCHED:
        parser.add_argument(
            f"--{operation}", action="append", default=[], metavar="METHOD", help="may be repeated"
        )
    parser.add_argument("--sweep", type=Path, help="also the methods that this sweep selects")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row a bin")


def run(args: argparse.Namespace) -> None:
    """Write one row a method and bin of inputs."""
    configured = {name: expand(getattr(args, name), name) for name in SEARCHED}
    tables = []
    for layers in read_inputs(args):
        function = layers[0].function
        chosen: dict[Method, list[str]] = {}
        for method in configured[layers[0].operation]:
            if function in method.functions:
                chosen.setdefault(method, []).append("configured")
        for method in selected(args.sweep, function) if args.sweep else []:
            chosen.setdefault(method, []).append("Fig. 6")
        for method, by in chosen.items():
            tables.append(by_input(layers, method).assign(chosen_by=" and ".join(by)))
    if not tables:
        raise InputError("no methods for these inputs: give --softmax, --activation or --sweep")
    write_table(pd.concat(tables, ignore_index=True), args.output)


def by_input(layers: list[Inputs], method: Method) -> pd.DataFrame:
    """Return the share of inputs, mean error and share of the whole error of each bin of inputs.

    A bin holds the BF16 codes of one sign, exponent and first mantissa bit. Bins add up:
    `share_of_inputs` to 1, `error_contribution` to the mean absolute error over all inputs.
    """
    function = layers[0].function
    stack = method.stack(function)
    kinds = Kinds([stack])
    reads = pooled([kinds.reads(inputs, kinds.of(inputs)) for inputs in layers])
    wrong = absolute_errors(stack, function, reads, kinds.positions(stack))
    place = reads.code >> BIN_BITS
    share = np.bincount(place, weights=reads.count, minlength=1 << 10) / reads.count.sum()
    error = np.bincount(place, weights=reads.count * wrong, minlength=1 << 10) / reads.count.sum()
    bins = np.flatnonzero(share)
    near = from_bf16(bins << BIN_BITS)
    far = from_bf16((bins + 1 << BIN_BITS) - 1)
    table = pd.DataFrame(
        {
            "inputs": layers[0].name,
            "operation": layers[0].operation,
            "function": function,
            "method": str(method),
            "input_low": np.minimum(near, far),
            "input_high": np.maximum(near, far),
            "share_of_inputs": share[bins],
            "mean_absolute_error": error[bins] / share[bins],
            "error_contribution": error[bins],
        }
    )
    return table.sort_values(["input_low", "input_high"], ignore_index=True)
