"""Every signal of a small array, cycle by cycle, as one table.

A row of the table is one signal at one cycle: `unit` is what carries it, `row` and `column` where
(empty for what all share), `count` the count of the counter behind it, `value` what it is:

- counter: the count; column: the value on a column; spike: the value a spike lets onto a row;
- nonlinear operations: input, mantissa and exponent (in columns of the sliding window) of a row,
  select: the value that the exponent picks, output: the value after post-processing;
- GEMM: input of a column and weight of a row, accumulate: an output after adding a product.
"""

import numpy as np
import pandas as pd

from mugi.array import gemm, nonlinear
from mugi.array.converter import NEVER, WINDOW_CYCLES, Array, sweep
from mugi.bf16 import from_bf16
from mugi.errors import InputError
from mugi.methods.vlp import VLP

MAX_ROWS = 64  # above 127 rows the columns need registers, which this table does not show
# two windows with every kind of result: in the window, at 0, below the window, beyond the LUT
EXAMPLE_METHOD = "vlp:lut=12,max_exp=3"
EXAMPLE_INPUTS = [[-0.3125, -1.625, 0.0, -2.875], [-6.25, -0.02, -20.0, -0.75]]
EXAMPLE_COLUMNS = [[1.5, -0.75, 2.0, 0.5, -3.0, 1.25, -0.25, 4.0], [0.5, 1.0, -2.0, 3, 1, -1, 2, 1]]
EXAMPLE_WEIGHTS = [[3, -5, 0, 7], [6, 2, -7, 1]]

Signals = list[dict]


def trace_nonlinear(method: VLP, function: str, codes: np.ndarray) -> pd.DataFrame:
    """Return all signals for BF16 `codes`, uint16 (rows, mappings), on an array of those rows."""
    array = _array(codes.shape[0])
    method = method.model_copy(update={"group": array.height})
    nonlinear.check(array, method, function, codes)
    used = nonlinear.on_rows(np.ones(codes.shape, dtype=bool), array)
    on_rows = nonlinear.on_rows(codes, array)
    window = nonlinear.place_window(method, function, on_rows, used, used, codes.shape[1])
    mapped = nonlinear.decode(method, on_rows, used, window)
    negative = mapped.fields.sign | (mapped.code == 0)
    signs = nonlinear.NEGATIVE if negative[used].all() else nonlinear.BOTH_SIGNS
    if len(signs) == 1:
        mapped = mapped._replace(fields=mapped.fields._replace(sign=negative))
    windows = np.arange(len(mapped.code)) * len(signs)
    signals: Signals = []
    for place, sign in enumerate(signs):
        values = nonlinear.column_values(method, function, mapped.window, sign)
        signals += _sweep(values, nonlinear.spike_times(mapped, sign), windows + place)
    selected, _ = nonlinear.subscribe(method, function, mapped, signs)
    outputs = nonlinear.post_process(method, function, mapped, selected)
    cycles = nonlinear.output_cycles(array, method, mapped, signs)
    for window, row in np.argwhere(used):
        time, offset = int(mapped.time[window, row]), int(mapped.offset[window, row])
        end = {"window": window, "row": row, "cycle": cycles[window, row], "column": offset}
        begin = end | {"cycle": cycles[window, row] - time - offset, "column": None}
        signals += [
            {"unit": "input", **begin, "value": from_bf16(mapped.code[window, row])},
            {"unit": "mantissa", **begin, "value": time},
            {"unit": "exponent", **begin, "value": offset},
            {"unit": "select", **end, "value": from_bf16(selected[window, row])},
            {"unit": "output", **end, "value": from_bf16(outputs[window, row])},
        ]
    return _table(function, signals)


def trace_gemm(inputs: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return all signals of BF16 `inputs` (M, K) by `weights` (K, N), one output tile."""
    gemm.check(inputs, weights)
    array = _array(weights.shape[1])
    if len(inputs) > array.width:
        raise InputError(f"--inputs: {len(inputs)} columns; allowed: 1 to {array.width}")
    idle = array.height - weights.shape[1]
    times = np.pad(np.abs(weights), ((0, 0), (0, idle)), constant_values=NEVER)
    values = gemm.multiples(inputs.T)
    signals = _sweep(values, times, np.arange(len(times)))
    negative = np.pad(weights < 0, ((0, 0), (0, idle)))
    products, _ = gemm.subscribe(values, times[None], negative[None])
    start = gemm.RowAdders(array).take(gemm.ready_cycles(times, 0), len(inputs))
    for window in range(len(times)):
        totals = gemm.accumulate(products[:, : window + 1])
        for row, column in np.ndindex(weights.shape[1], len(inputs)):
            at = {"cycle": start[window, row] + column, "window": window}
            at |= {"row": row, "column": column, "value": from_bf16(totals[row, column])}
            signals.append({"unit": "accumulate", **at})
        begin = {"cycle": WINDOW_CYCLES * window, "window": window}
        signals += [
            {"unit": "weight", **begin, "row": row, "value": float(weight)}
            for row, weight in enumerate(weights[window])
        ]
        signals += [
            {"unit": "input", **begin, "column": column, "value": from_bf16(code)}
            for column, code in enumerate(inputs[:, window])
        ]
    return _table("gemm", signals)


def _array(rows: int) -> Array:
    """Return the smallest array with that many rows."""
    if rows > MAX_ROWS:
        raise InputError(f"{rows} rows; allowed in a trace: 1 to {MAX_ROWS}")
    return Array(-(-rows // 8) * 8)


def _sweep(values: np.ndarray, times: np.ndarray, sweeps_before: np.ndarray) -> Signals:
    """Return counter, columns and spikes of windows, `sweeps_before` each of them."""
    signals: Signals = []
    counts = values.shape[1]
    for number, cycle in enumerate(sweep(values, times)):
        for window, before in enumerate(sweeps_before):
            at = {"cycle": counts * before + number, "window": window}
            if number < counts:
                signals.append({"unit": "counter", **at, "count": number, "value": number})
            for column, codes in enumerate(cycle.column):
                if 0 <= number - column < counts:
                    at |= {"column": column, "count": number - column}
                    value = float(from_bf16(codes[window]))
                    signals.append({"unit": "column", **at, "value": value})
                    signals += [
                        {"unit": "spike", **at, "row": row, "value": value}
                        for row in np.flatnonzero(cycle.spike[column, window])
                    ]
    return signals


def _table(name: str, signals: Signals) -> pd.DataFrame:
    columns = ["window", "cycle", "unit", "row", "column", "count", "value"]
    table = pd.DataFrame(signals, columns=columns)
    table["value"] = table["value"].astype(float)
    table[["row", "column", "count"]] = table[["row", "column", "count"]].astype("Int64")
    table = table.sort_values(columns[:-1], kind="stable", ignore_index=True)
    table.insert(0, "operation", name)
    return table
