"""Where on the input axis the error of approximations comes from (Fig. 8, weighted)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.analysis.distribution import Inputs
from mugi.analysis.search import Placements, absolute_errors, pooled
from mugi.analysis.select import selected
from mugi.bf16 import from_bf16
from mugi.errors import InputError
from mugi.methods import Method

BIN_BITS = 6  # codes that share sign, exponent and the first bit of the mantissa are one bin


def weigh(
    *,
    inputs: Iterable[Sequence[Inputs]],
    methods: Mapping[str, Sequence[Method]],
    sweep: Path | None = None,
) -> pd.DataFrame:
    """Return one row a method and bin of inputs, see `by_input`.

    inputs: the layers of each operation; methods: by operation; sweep: the accuracy sweep whose
    best methods are weighed too. `chosen_by` says where a method comes from. Raises InputError if
    there is none.
    """
    tables = []
    for layers in inputs:
        function = layers[0].function
        able = [one for one in methods[layers[0].operation] if function in one.functions]
        chosen_by = dict.fromkeys(able, "configured")
        for method in selected(sweep, function) if sweep else []:
            chosen_by[method] = "configured and Fig. 6" if method in chosen_by else "Fig. 6"
        tables += [by_input(layers, one).assign(chosen_by=by) for one, by in chosen_by.items()]
    if not tables:
        raise InputError("no methods for these inputs: give some, or a sweep that selects them")
    return pd.concat(tables, ignore_index=True)


def by_input(layers: Sequence[Inputs], method: Method) -> pd.DataFrame:
    """Return the share of inputs, mean error and share of the whole error of each bin of inputs.

    A bin holds the BF16 codes of one sign, exponent and first mantissa bit. Bins add up:
    `share_of_inputs` to 1, `error_contribution` to the mean absolute error over all inputs.
    """
    function = layers[0].function
    stack = method.stack(function)
    placements = Placements([stack])
    reads = pooled([placements.reads(inputs, placements.of(inputs)) for inputs in layers])
    error = absolute_errors(stack, function, reads, placements.positions(stack))
    if np.isnan(error).any():
        raise InputError(f"{layers[0].name}: the error of {function} by {method} is not a number")
    bin_of_read = reads.code >> BIN_BITS
    total = reads.count.sum()
    share = np.bincount(bin_of_read, weights=reads.count, minlength=1 << 10) / total
    contribution = np.bincount(bin_of_read, weights=reads.count * error, minlength=1 << 10) / total
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
            "mean_absolute_error": contribution[bins] / share[bins],
            "error_contribution": contribution[bins],
        }
    )
    return table.sort_values(["input_low", "input_high"], ignore_index=True)
