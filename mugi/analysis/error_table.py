"""The error of approximations on every BF16 input of a range (Fig. 8)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mugi.bf16 import CODES, from_bf16
from mugi.errors import InputError
from mugi.methods import FUNCTIONS, Method
from mugi.methods.tables import pick_alone

SMALLEST = 2**-8
"""Inputs closer to zero, where BF16 codes crowd, are left out."""


def error_tables(
    *, function: str, methods: Iterable[Method], low: float, high: float, smallest: float = SMALLEST
) -> pd.DataFrame:
    """Return the `error_table` of every method, one below the other, each method once."""
    methods = dict.fromkeys(methods)
    if not methods:
        raise InputError("no methods: give some, or a sweep that selects them")
    tables = [error_table(function, method, low, high, smallest) for method in methods]
    return pd.concat(tables, ignore_index=True)


def error_table(
    function: str, method: Method, low: float, high: float, smallest: float = 0.0
) -> pd.DataFrame:
    """Return exact and approximate value and relative error of every BF16 input in [low, high].

    Inputs other than zero closer to it than `smallest` are left out. Each input is alone in its
    group, so that the sliding window is placed for it: the best case. `exact` is float64; the
    error of a zero is 0 where both are zero. Raises InputError if no input is left.
    """
    if not low < high:
        raise InputError(f"range {low:g} to {high:g}: must be lower to higher")
    if not smallest >= 0:
        raise InputError(f"smallest is {smallest:g}; allowed: 0 or more")
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
