"""The lookup table of a VLP approximation, and what a group of inputs reads in it (Fig. 3)."""

import numpy as np
import pandas as pd

from mugi.bf16 import Fields, from_bf16, join, split, to_bf16
from mugi.errors import InputError
from mugi.methods import parse
from mugi.methods.tables import look_up, pick_positions
from mugi.methods.vlp import VLP


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
    entries = np.meshgrid(signs, mantissas, exponents, indexing="ij")
    sign, mantissa, exponent = (field.ravel() for field in entries)
    code = join(Fields(sign, mantissa, exponent), method.mantissa)
    # a table of the method holds the entries of one sliding window: take one that reaches each
    position = np.clip(exponent - lowest - method.sliding_window + 1, 0, len(stack.tables) - 1)
    value = stack.tables[position, code]

    group = to_bf16(inputs)[:, None]
    placed = pick_positions(stack, group, np.ones(group.shape, bool))[0, 0]
    low = method.windows(function)[placed].low
    inside = (low <= exponent) & (exponent < low + method.sliding_window)
    read = _entries_read(method, group[:, 0], low)
    answers = look_up(stack, group)[:, 0]
    read_by = [inputs[(read == c) & (answers == v)] for c, v in zip(code, value, strict=True)]
    return pd.DataFrame(
        {
            "function": function,
            "method": str(method),
            "sign": np.where(sign, "-", "+"),
            "mantissa": mantissa,
            "exponent": exponent,
            "argument": from_bf16(code),
            "value": from_bf16(value),
            "value_code": [f"0x{bits:04X}" for bits in value],
            "in_sliding_window": inside,
            "read_by": [" ".join(f"{x:g}" for x in readers) for readers in read_by],
        }
    )


def _entries_read(method: VLP, group: np.ndarray, low: int) -> np.ndarray:
    """Return the codes of the arguments that inputs are rounded to, moved into the window."""
    fields = split(group, method.mantissa)
    exponent = np.clip(fields.exponent, low, low + method.sliding_window - 1)
    below = (fields.exponent < low) & (method.underflow == "clamp")
    return join(Fields(fields.sign, np.where(below, 0, fields.mantissa), exponent), method.mantissa)
