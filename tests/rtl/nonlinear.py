"""Nonlinear operations on the array in Verilog, beside those of `mugi.array` and the tables."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mugi.array import nonlinear as reference
from mugi.array.converter import WINDOW_CYCLES, Array
from mugi.bf16 import Fields, join
from mugi.methods.functions import exact_table
from mugi.methods.tables import look_up
from mugi.methods.vlp import VLP
from tests.rtl.program import START, Program

BIAS = 127


class Run(NamedTuple):
    """outputs: uint16 (mappings, H); sums: uint16 (H,), of a row's outputs, exp only."""

    outputs: np.ndarray
    sums: np.ndarray


def lut_rows(method: VLP, function: str, negative: bool) -> np.ndarray:
    """Return the LUT of one sign: uint16 (8, exponents), the lowest exponent first."""
    low, high = method.lut_window
    mantissa, exponent = np.mgrid[:WINDOW_CYCLES, low : high + 1]
    argument = Fields(np.full(mantissa.shape, negative), mantissa, exponent)
    return exact_table(function)[join(argument, method.mantissa)]


def run(
    array: Array,
    method: VLP,
    function: str,
    codes: np.ndarray,
    valid: np.ndarray,
    folder: Path,
    used: np.ndarray | None = None,
    **options,
) -> Run:
    """Run mappings of H inputs, (mappings, H) all; assert that outputs are those of the tables and
    leave their rows in the cycles of `mugi.array`. exp has negative inputs only."""
    used = np.ones(codes.shape, bool) if used is None else used
    signs = reference.NEGATIVE if function == "exp" else reference.BOTH_SIGNS
    windows = len(codes) * len(signs)
    program = Program(array, START + WINDOW_CYCLES * (windows + 3), method.lut)
    sign = np.tile(signs, len(codes))
    begins = program.windows(  # and one without inputs
        windows + 1,
        nonlinear=1,
        exponential=function == "exp",
        negative_lut=np.append(sign, False),
        first=np.arange(windows + 1) == 0,
        last_column=array.width - 1,
    )
    begins, idle = begins[:-1], begins[-1]
    load = begins[:: len(signs)] - (2 if array.height < 128 else 3)
    program["load_inputs"][load] = 1
    program["codes"][load], program["used"][load], program["valid"][load] = codes, used, valid
    program["load_inputs"][idle - (2 if array.height < 128 else 3)] = 1
    counts = np.arange(WINDOW_CYCLES)
    program["push_lut_row"][begins[:, None] + counts] = 1
    tables = np.stack([lut_rows(method, function, negative) for negative in (False, True)])
    program["lut_row"][begins[:, None] + counts] = tables[sign.astype(int)]
    program["lut_low"][:] = method.lut_window[0] + BIAS
    # results of a window are complete in the last cycle of the next, and leave an eighth a cycle
    delay = int(array.row_delay_cycles().max())
    leave = begins[:, None] + 17 + delay + np.arange(8)
    program["pop"][leave, np.arange(8)] = 1
    found = program.run(folder, OUTPUT_DEPTH=2, **options)

    by_window = found["outputs"][leave].reshape(windows, 8, 8, -1)
    by_window = by_window[:, np.arange(8), np.arange(8)].reshape(len(codes), len(signs), -1)
    of_sign = codes >> 15 if len(signs) == 2 else np.zeros(codes.shape, int)
    outputs = np.take_along_axis(by_window, of_sign[:, None].astype(int), axis=1)[:, 0]
    expected = look_up(method.stack(function), codes.T, (valid & used).T).T
    different = (outputs != expected) & used
    assert not different.any(), (
        f"{different.sum()} outputs differ, of inputs {codes[different][:5]}"
    )
    _check_cycles(array, method, function, codes, used, valid & used, signs, found)
    return Run(outputs, found["sums_of_exponentials"][-1])


def _check_cycles(array, method, function, codes, used, valid, signs, found) -> None:
    window = reference.place_window(method, function, codes, used, valid, len(codes))
    mapped = reference.decode(method, codes, used, window)
    expected = reference.output_cycles(array, method, mapped, signs) + START + 1
    selects = found["selects_current"].astype(int) + found["selects_previous"]
    counted = np.zeros_like(selects)
    rows = np.broadcast_to(np.arange(array.height), codes.shape)
    np.add.at(counted, (expected[used], rows[used]), 1)
    assert np.array_equal(selects, counted), "results leave in other cycles"
