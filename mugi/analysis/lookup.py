"""`mugi lookup`: the lookup table of a VLP approximation and what a group of inputs reads in it."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.bf16 import Fields, from_bf16, join, split, to_bf16
from mugi.errors import InputError
from mugi.files import write_table
from mugi.methods import FUNCTIONS, parse
from mugi.methods.tables import TableStack, look_up, pick_positions
from mugi.methods.vlp import VLP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi lookup`."""
    parser.add_argument("function", choices=sorted(FUNCTIONS))
    parser.add_argument("method", help="a VLP approximation, such as vlp:lut=12,max_exp=3")
    parser.add_argument(
        "--input", type=float, action="append", required=True, help="one of the group's inputs"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV, one row an entry")


def run(args: argparse.Namespace) -> None:
    """Write one row an entry of the lookup table."""
    method = check_lookup(args.function, args.method, args.input)
    write_table(entries(method, args.function, np.array(args.input)), args.output)


def check_lookup(function: str, text: str, inputs: list[float]) -> VLP:
    """Return the VLP that `text` names; InputError unless it has one lookup table for `inputs`."""
    method = parse(text, function)
    if type(method) is not VLP:
        raise InputError(f"'{text}' has no lookup table; must be vlp:…")
    if method.adapt or method.build != "repaired":
        raise InputError(f"'{text}': the LUT window must be a fixed one, without adapt or build")
    if not np.isfinite(inputs).all():
        raise InputError("inputs must be finite numbers")
    if function == "exp" and max(inputs) > 0:
        raise InputError(f"input {max(inputs):g}: the exp of softmax takes 0 or less")
    return method


def entries(method: VLP, function: str, inputs: np.ndarray) -> pd.DataFrame:
    """Return the entries of a method's lookup table, one a row: sign, mantissa and exponent.

    exp has those of negative inputs only. `value` is a number and `value_code` its BF16 code, read
    in the method's tables; `in_sliding_window` is that of a group of the given `inputs`, and
    `read_by` the inputs of the group that are answered with the entry.
    """
    stack = method.stack(function)
    lowest, highest = method.lut_window
    signs = [True] if function == "exp" else [False, True]
    exponents, mantissas = np.arange(lowest, highest + 1), np.arange(1 << method.mantissa)
    grid = np.meshgrid(signs, mantissas, exponents, indexing="ij")
    sign, mantissa, exponent = (axis.ravel() for axis in grid)
    code = join(Fields(sign, mantissa, exponent), method.mantissa)
    holding = np.clip(exponent - lowest - method.sliding_window + 1, 0, len(stack.tables) - 1)
    value = stack.tables[holding, code]
    group = to_bf16(inputs)
    low = method.windows(function)[_position(stack, group)].low
    inside = (low <= exponent) & (exponent < low + method.sliding_window)
    read = _entries_read(method, group, low)
    answers = look_up(stack, group[:, None])[:, 0]
    names = [" ".join(f"{x:g}" for x in inputs[(read == c) & (answers == v)])
             for c, v in zip(code, value, strict=True)]  # fmt: skip
    return pd.DataFrame(
        {
            "function": function,
            "method": str(method),
            "sign": np.where(sign, "-", "+"),
            "mantissa": mantissa,
            "exponent": exponent,
            "argument": from_bf16(code),
            "value": from_bf16(value),
            "value_code": [f"0x{one:04X}" for one in value],
            "in_sliding_window": inside,
            "read_by": names,
        }
    )


def _position(stack: TableStack, group: np.ndarray) -> int:
    return int(pick_positions(stack, group[:, None], np.ones((len(group), 1), bool))[0, 0])


def _entries_read(method: VLP, group: np.ndarray, low: int) -> np.ndarray:
    """Return the codes of the arguments that inputs are rounded to, moved into the window."""
    fields = split(group, method.mantissa)
    exponent = np.clip(fields.exponent, low, low + method.sliding_window - 1)
    below = (fields.exponent < low) & (method.underflow == "clamp")
    return join(Fields(fields.sign, np.where(below, 0, fields.mantissa), exponent), method.mantissa)
