"""exp, SiLU and GELU on the array: mantissa subscription, exponent subscription, post-processing.

One mapping puts H inputs, a tile of a column, on the rows (paper section 3.2). Each input is
rounded and split into sign, mantissa and exponent; the tree over the group's exponents places the
sliding window, and moves an adaptive LUT window; exponents are clamped into it. The LUT is swept
once, or once a sign where inputs have both, while the inputs stay in their registers: 8 cycles, or
2^mantissa for mantissas of more than 3 bits. Flags of the input decide in post-processing what
replaces the value from the LUT.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mugi.array.converter import (
    NEVER,
    WINDOW_CYCLES,
    Array,
    at_cycle,
    batches,
    check_codes,
    row_signals,
)
from mugi.bf16 import (
    INF_CODE,
    SPECIAL_EXPONENT,
    ZERO_EXPONENT,
    Fields,
    from_bf16,
    join,
    split,
    to_bf16,
)
from mugi.errors import InputError, unknown
from mugi.methods import FUNCTIONS
from mugi.methods.functions import beyond, exact_codes, exact_table
from mugi.methods.vlp import VLP

SIGN_BIT = 0x8000
BOTH_SIGNS = (False, True)
NEGATIVE = (True,)  # softmax: nothing is above the maximum


@dataclass(frozen=True)
class NonlinearRun:
    """Result of a nonlinear operation.

    outputs: BF16 codes, uint16 (rows, columns); cycles: until the last output leaves its row;
    mappings: windows of H inputs; lut_loads: exponents by which an adaptive LUT window moves, each
    2^mantissa entries a sign to load, whose time is not modelled; activations: how often components
    of mugi/hardware/designs/mugi.yaml switch, by name.
    """

    outputs: np.ndarray
    cycles: int
    mappings: int
    lut_loads: int
    activations: dict[str, int]


class Mapping(NamedTuple):
    """Inputs on the rows, as the array decodes them; arrays of shape (mappings, H).

    code: BF16 input; fields: sign, rounded mantissa, exponent; used: False for a row without
    input; window: lowest exponents of the sliding window and of the LUT, int (2, mappings); time:
    count of the mantissa spike; offset: exponent within the window, in columns.
    """

    code: np.ndarray
    fields: Fields
    used: np.ndarray
    window: np.ndarray
    time: np.ndarray
    offset: np.ndarray


def nonlinear(
    array: Array,
    method: VLP,
    function: str,
    codes: np.ndarray,
    valid: np.ndarray | None = None,
    signs: tuple[bool, ...] = BOTH_SIGNS,
) -> NonlinearRun:
    """Return `function` of BF16 `codes`, uint16 (rows, columns), column after column of a tile.

    Groups are tiles of H rows; inputs where `valid` is False do not place the window. `signs` are
    those that the LUT holds (True for negative), one sweep each. Raises InputError.
    """
    codes = np.asarray(codes)
    check(array, method, function, codes)
    if valid is not None and valid.shape != codes.shape:
        raise InputError(f"valid: shape {valid.shape}; allowed: {codes.shape}, that of the inputs")
    if signs not in (BOTH_SIGNS, NEGATIVE):
        raise InputError(f"signs are {signs}; allowed: {BOTH_SIGNS} or {NEGATIVE}")
    used = on_rows(np.ones(codes.shape, dtype=bool), array)
    valid = used if valid is None else on_rows(valid, array) & used
    mapped_codes, columns = on_rows(codes, array), codes.shape[1]
    window = place_window(method, function, mapped_codes, used, valid, columns)
    mapped = decode(method, mapped_codes, used, window)
    if signs == NEGATIVE and np.any(used & ~mapped.fields.sign):
        raise InputError("inputs: of both signs; allowed: negative, as the LUT's")
    selected, spikes = subscribe(method, function, mapped, signs)
    outputs = post_process(method, function, mapped, selected)
    inputs, swept = int(used.sum()), sweep_cycles(method) * len(signs)
    lut_moves = np.diff(in_order(function, window[1], columns), axis=0)
    return NonlinearRun(
        from_rows(outputs, codes.shape),
        int(output_cycles(array, method, mapped, signs).max()) + 1,
        len(outputs),
        int(np.abs(lut_moves).sum()),
        {
            "counter": swept * len(outputs),
            "ififo": swept * len(outputs) * method.sliding_window,
            "comparator": swept * inputs,
            "temporal_register": spikes,
            "and_gate": spikes,
            "exp_select": inputs,
            "ofifo": inputs,
        },
    )


def check(array: Array, method: VLP, function: str, codes: np.ndarray) -> None:
    """Raise InputError for what this array cannot do."""
    if function not in FUNCTIONS:
        raise InputError(unknown("function", function, FUNCTIONS))
    height, width, window = array.height, array.width, method.sliding_window
    for wrong, mistake in (
        (window > width, f"sliding window is {window}; allowed on this array: 1 to {width}"),
        (method.group != height, f"group is {method.group}; allowed on this array: {height}"),
        # orders and windows of the published program, not of any hardware
        (method.grouping != "rows", f"grouping is {method.grouping}; allowed on the array: rows"),
        (method.build != "repaired", f"build is {method.build}; allowed on the array: repaired"),
    ):
        if wrong:
            raise InputError(mistake)
    check_codes("inputs", codes, "(rows, columns)")


def on_rows(values: np.ndarray, array: Array) -> np.ndarray:
    """Return (rows, columns) `values` as mappings (tiles · columns, H), idle rows filled with 0."""
    rows, columns = values.shape
    padded = np.pad(values, ((0, -rows % array.height), (0, 0)))
    tiles = padded.reshape(-1, array.height, columns)
    return tiles.transpose(0, 2, 1).reshape(-1, array.height)


def from_rows(mapped: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return mappings as (rows, columns); the inverse of `on_rows`."""
    rows, columns = shape
    tiles = mapped.reshape(-1, columns, mapped.shape[1]).transpose(0, 2, 1)
    return tiles.reshape(-1, columns)[:rows]


def sweep_cycles(method: VLP) -> int:
    """Return the cycles of one sweep of the LUT: a count for each mantissa, at least 8."""
    return max(WINDOW_CYCLES, 1 << method.mantissa)


def decode(method: VLP, code: np.ndarray, used: np.ndarray, window: np.ndarray) -> Mapping:
    """Return what the rows hold for mappings of `code` with the `window` of each."""
    fields = split(code, method.mantissa)
    low = window[0][:, None]
    high = low + method.sliding_window - 1
    above, below = fields.exponent > high, fields.exponent < low
    mantissa = fields.mantissa
    if method.overflow == "saturate" or method.underflow != "keep":
        mantissa = np.where(above, (1 << method.mantissa) - 1, mantissa)
    if method.underflow == "clamp":
        mantissa = np.where(below, 0, mantissa)
    offset = np.clip(fields.exponent, low, high) - low
    return Mapping(code, fields, used, window, np.where(used, mantissa, NEVER), offset)


def place_window(
    method: VLP, function: str, code: np.ndarray, used: np.ndarray, valid: np.ndarray, columns: int
) -> np.ndarray:
    """Return the lowest exponents of sliding window and LUT for each mapping: int (2, mappings).

    The tree compares exponents after rounding; the sliding window reaches the extreme one. Without
    a competing input it lies at the LUT's lowest. A tile has `columns` mappings.
    """
    exponent = split(code, method.mantissa).exponent
    smallest = method.min_exp is not None
    special = (exponent == ZERO_EXPONENT) | (exponent == SPECIAL_EXPONENT)
    competing = valid & ~special
    if method.zeros == "count":
        exponent, competing = np.where(competing, exponent, 0), used
    neutral = SPECIAL_EXPONENT if smallest else ZERO_EXPONENT
    members = np.where(competing, exponent, neutral)
    extreme = members.min(axis=1) if smallest else members.max(axis=1)
    extreme = np.where(competing.any(axis=1), extreme, ZERO_EXPONENT)
    lut_low = np.full(len(extreme), method.lut_window[0])
    if method.adapt:
        lut_low -= method.adapt - adapt(method, function, extreme, columns)
    anchor = 0 if smallest else method.sliding_window - 1
    last = method.lut - method.sliding_window
    return np.stack([lut_low + np.clip(extreme - lut_low - anchor, 0, last), lut_low])


def adapt(method: VLP, function: str, extreme: np.ndarray, columns: int) -> np.ndarray:
    """Return by how much each mapping's LUT window lies above its lowest place: int (mappings,).

    A register leaks one step a mapping, `leak` steps an exponent, and is lifted to what the mapping
    needs. It starts at 0 for each tile of queries, and for each token's tiles of channels.
    """
    needed = np.clip(extreme - method.max_exp + method.adapt, 0, method.adapt)
    steps = in_order(function, needed * method.leak, columns)
    register, above = np.zeros(steps.shape[1], dtype=int), np.empty_like(steps)
    for step, need in enumerate(steps):
        register = np.maximum(register - 1, need)
        above[step] = (register + method.leak - 1) // method.leak
    return (above.T if function == "exp" else above).reshape(-1)


def in_order(function: str, values: np.ndarray, columns: int) -> np.ndarray:
    """Return values of mappings as (steps, sequences): keys of a tile, or tiles of a token."""
    tiles = values.reshape(-1, columns)
    return tiles.T if function == "exp" else tiles


def column_values(method: VLP, function: str, window: np.ndarray, negative: bool) -> np.ndarray:
    """Return what the columns pass: the sliding window's part of each row of one sign's LUT, uint16
    (mappings, cycles of a sweep, columns). `window` is that of a `Mapping`.

    Row m of the LUT holds f(±(1 + m/2^mantissa)·2**e) for all exponents that it may ever hold.
    """
    low, high = method.lut_window
    mantissa, exponent = np.mgrid[: 1 << method.mantissa, low - method.adapt : high + 1]
    arguments = join(Fields(np.full(mantissa.shape, negative), mantissa, exponent), method.mantissa)
    idle = sweep_cycles(method) - len(mantissa)
    lut = np.pad(exact_codes(function, arguments), ((0, idle), (0, 0)))
    columns = (window[0] - low + method.adapt)[:, None] + np.arange(method.sliding_window)
    return lut[:, columns].transpose(1, 0, 2)


def spike_times(mapped: Mapping, negative: bool) -> np.ndarray:
    """Return the count at which rows spike in the sweep of one sign."""
    return np.where(mapped.fields.sign == negative, mapped.time, NEVER)


def subscribe(
    method: VLP, function: str, mapped: Mapping, signs: tuple[bool, ...]
) -> tuple[np.ndarray, int]:
    """Return the value each row picks from the LUT, uint16 (mappings, H), and all spikes.

    The mantissa spike starts the row's second counter; the row's value at the exponent's offset,
    when that column's value is on the row, is the output. A row spikes in its sign's sweep only.
    """
    selected, spikes = np.zeros_like(mapped.code), 0
    mappings, height = mapped.code.shape
    for batch in batches(mappings, height * sweep_cycles(method) // WINDOW_CYCLES):
        for negative in signs:
            values = column_values(method, function, mapped.window[:, batch], negative)
            rows, count = row_signals(values, spike_times(mapped, negative)[batch])
            selected[batch] |= at_cycle(rows, mapped.time[batch] + mapped.offset[batch])
            spikes += count
    return selected, spikes


def output_cycles(
    array: Array, method: VLP, mapped: Mapping, signs: tuple[bool, ...]
) -> np.ndarray:
    """Return the cycle at which each output leaves its row: int (mappings, H); -1 for idle rows."""
    sweeps_before = len(signs) * np.arange(len(mapped.code))[:, None]
    if len(signs) > 1:
        sweeps_before = sweeps_before + mapped.fields.sign
    cycle = sweep_cycles(method) * sweeps_before + mapped.time + mapped.offset
    return np.where(mapped.used, cycle + array.row_delay_cycles(), -1)


def post_process(method: VLP, function: str, mapped: Mapping, selected: np.ndarray) -> np.ndarray:
    """Return the outputs: underflow, overflow, zeros, infinities and NaN by the method's policies.

    Beyond the LUT `flush` gives the function's limit: the input itself for a positive input of an
    activation (ReLU²: its square). Zeros and specials have the exact function's value.
    """
    sign, _, exponent = mapped.fields
    window_low, lut_low = mapped.window[:, :, None]
    zero_code = np.where(sign, SIGN_BIT, 0).astype(np.uint16)
    at_zero = np.full_like(zero_code, 0x3F80) if function == "exp" else zero_code
    if function == "exp":
        limit = np.where(sign, 0, INF_CODE)
    else:
        limit = np.where(sign, SIGN_BIT, to_bf16(beyond(function, from_bf16(mapped.code))))

    underflow = exponent < window_low
    if method.underflow != "zero":
        underflow = (exponent < lut_low) & (function != "exp")
    result = np.where(underflow, at_zero, selected)
    if method.overflow == "flush":
        result = np.where(exponent > method.lut_window[1], limit, result)
    bypassed = np.isin(exponent, [ZERO_EXPONENT, SPECIAL_EXPONENT])
    return np.where(bypassed, exact_table(function)[mapped.code], result).astype(np.uint16)
