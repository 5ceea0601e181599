"""The error of every method of a search on captured or drawn inputs, on larger and smaller too."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mugi.analysis.distribution import Inputs
from mugi.analysis.search import ERRORS, KL, surface
from mugi.errors import InputError
from mugi.methods import Method

SHIFTS = range(-16, 17)
"""Powers of two that inputs may be multiplied by."""


def fit(
    *,
    inputs: Iterable[Sequence[Inputs]],
    methods: Mapping[str, Sequence[Method]],
    errors: Sequence[str] = tuple(ERRORS),
    each_layer: bool = False,
    rows: int = 32,
    shifts: Iterable[int] = (0,),
) -> pd.DataFrame:
    """Return the whole surface of a search: inputs, shift, layer, method and error a row.

    inputs: the layers of each operation; methods: those to try, by operation; rows: of softmax a
    layer in the KL divergence; shifts: inputs are multiplied by two to the power of each. See
    `mugi.analysis.search.surface`. Raises InputError if nothing is left to compute.
    """
    shifts = sorted(set(shifts))
    if rows < 1:
        raise InputError(f"rows is {rows}; allowed: 1 or more")
    if not set(shifts) <= set(SHIFTS):
        raise InputError(f"shift {shifts[0]}..{shifts[-1]}; allowed: {SHIFTS[0]} to {SHIFTS[-1]}")
    tables = []
    for layers in inputs:
        able = [m for m in methods[layers[0].operation] if layers[0].function in m.functions]
        for shift in shifts if able else []:
            scaled = [layer.scaled(shift) for layer in layers]
            table = surface(scaled, able, errors, each_layer, rows)
            table.insert(3, "shift_log2", shift)
            tables.append(table)
    if not tables:
        raise InputError("no methods for these inputs: give some for softmax or activation")
    table = pd.concat(tables, ignore_index=True)
    if not len(table):
        raise InputError(f"error {KL}: only softmax has it")
    return table
