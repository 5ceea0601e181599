"""exp, SiLU and GELU on the array: mantissa subscription, exponent subscription, post-processing.

One mapping puts H inputs, a tile of a column, on the rows (paper section 3.2). Each input is
rounded and split into sign, mantissa and exponent; the tree over the group's exponents places the
sliding window; exponents are clamped into it. The LUT is swept once, or once a sign where inputs
have both, while the inputs stay in their registers. Flags of the input decide in post-processing
what replaces the value from the LUT.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mugi.approximations import FUNCTIONS, exact
from mugi.approximations.vlp import VLP
from mugi.array.converter import NEVER, WINDOW_CYCLES, Array, at_cycle, batches, row_signals
from mugi.errors import InputError, unknown
from mugi.numerics import (
    INF_CODE,
    SPECIAL_EXPONENT,
    ZERO_EXPONENT,
    Fields,
    join,
    split,
)

SIGN_BIT = 0x8000
BOTH_SIGNS = (False, True)
NEGATIVE = (True,)  # softmax: nothing is above the maximum
MANTISSA_BITS = 3


@dataclass(frozen=True)
class NonlinearRun:
    """Result of a nonlinear operation.

    outputs: BF16 codes, uint16 (rows, columns); cycles: until the last output leaves its row;
    mappings: windows of H inputs; activations: how often components of
    mugi/hardware/designs/mugi.yaml switch, by name.
    """

    outputs: np.ndarray
    cycles: int
    mappings: int
    activations: dict[str, int] = field(default_factory=dict)


class Mapping(NamedTuple):
    """Inputs on the rows, as the array decodes them; arrays of shape (mappings, H).

    code: BF16 input; fields: sign, rounded mantissa, exponent; used: False for a row without
    input; position: of the sliding window in the LUT, (mappings,); time: count of the mantissa
    spike; offset: exponent within the window, in columns.
    """

    code: np.ndarray
    fields: Fields
    used: np.ndarray
    position: np.ndarray
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
    mapped = decode(method, on_rows(codes, array), used, valid)
    if signs == NEGATIVE and np.any(used & ~mapped.fields.sign):
        raise InputError("inputs: of both signs; allowed: negative, as the LUT's")
    selected, spikes = subscribe(method, function, mapped, signs)
    outputs = post_process(method, function, mapped, selected)
    inputs, sweeps = int(used.sum()), len(signs)
    return NonlinearRun(
        from_rows(outputs, codes.shape),
        int(output_cycles(array, mapped, signs).max()) + 1,
        len(outputs),
        {
            "counter": WINDOW_CYCLES * sweeps * len(outputs),
            "ififo": WINDOW_CYCLES * sweeps * len(outputs) * method.sliding_window,
            "comparator": WINDOW_CYCLES * sweeps * inputs,
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
    for name, value, allowed in (
        ("sliding window", method.sliding_window, range(1, array.width + 1)),
        ("mantissa", method.mantissa, range(1, MANTISSA_BITS + 1)),
        ("group", method.group, [array.height]),
    ):
        if value not in allowed:
            bounds = f"{allowed[0]} to {allowed[-1]}" if len(allowed) > 1 else f"{allowed[0]}"
            raise InputError(f"{name} is {value}; allowed on this array: {bounds}")
    if method.grouping != "rows":
        raise InputError(f"grouping is {method.grouping}; allowed on the array: rows")
    if codes.dtype != np.uint16 or codes.ndim != 2 or not codes.size:
        raise InputError(
            f"inputs: {codes.dtype} of shape {codes.shape}; allowed: uint16 BF16 codes, "
            "(rows, columns), at least one of each"
        )


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


def decode(
    method: VLP,
    code: np.ndarray,
    used: np.ndarray,
    valid: np.ndarray,
    position: np.ndarray | None = None,
) -> Mapping:
    """Return what the rows hold for one mapping each of `code`; `position` overrules the tree."""
    fields = split(code, method.mantissa)
    if position is None:
        position = place_window(method, fields.exponent, used, valid)
    low = method.lut_window[0] + position[:, None]
    high = low + method.sliding_window - 1
    above, below = fields.exponent > high, fields.exponent < low
    mantissa = fields.mantissa
    if method.overflow == "saturate" or method.underflow != "keep":
        mantissa = np.where(above, (1 << method.mantissa) - 1, mantissa)
    if method.underflow == "clamp":
        mantissa = np.where(below, 0, mantissa)
    offset = np.clip(fields.exponent, low, high) - low
    return Mapping(code, fields, used, position, np.where(used, mantissa, NEVER), offset)


def place_window(
    method: VLP, exponent: np.ndarray, used: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """Return the sliding window's position for each mapping: it reaches the extreme exponent.

    The tree compares exponents after rounding. Without a competing input the position is 0.
    """
    smallest = method.min_exp is not None
    competing = valid & (exponent != ZERO_EXPONENT)
    if method.zeros == "count":
        exponent, competing = np.where(competing, exponent, 0), used
    neutral = SPECIAL_EXPONENT + 1 if smallest else ZERO_EXPONENT
    members = np.where(competing, exponent, neutral)
    extreme = members.min(axis=1) if smallest else members.max(axis=1)
    anchor = 0 if smallest else method.sliding_window - 1
    last = method.lut - method.sliding_window
    position = np.clip(extreme - method.lut_window[0] - anchor, 0, last)
    return np.where(competing.any(axis=1), position, 0)


def lut_rows(method: VLP, function: str, negative: bool) -> np.ndarray:
    """Return the LUT of one sign: uint16 (8, lut), row m holds f(±(1 + m/8)·2**e) for all e."""
    low, high = method.lut_window
    mantissa, exponent = np.mgrid[: 1 << method.mantissa, low : high + 1]
    sign = np.full(mantissa.shape, negative)
    arguments = join(Fields(sign, mantissa, exponent), method.mantissa)
    idle = WINDOW_CYCLES - len(mantissa)
    return np.pad(exact.evaluate(function, arguments), ((0, idle), (0, 0)))


def column_values(method: VLP, function: str, position: np.ndarray, negative: bool) -> np.ndarray:
    """Return what the columns pass: the window's part of each LUT row, (mappings, 8, window)."""
    columns = position[:, None] + np.arange(method.sliding_window)
    return lut_rows(method, function, negative)[:, columns].transpose(1, 0, 2)


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
    for part in batches(*mapped.code.shape):
        for negative in signs:
            values = column_values(method, function, mapped.position[part], negative)
            rows, count = row_signals(values, spike_times(mapped, negative)[part])
            selected[part] |= at_cycle(rows, mapped.time[part] + mapped.offset[part])
            spikes += count
    return selected, spikes


def output_cycles(array: Array, mapped: Mapping, signs: tuple[bool, ...]) -> np.ndarray:
    """Return the cycle at which each output leaves its row: int (mappings, H); -1 for idle rows."""
    sweeps_before = len(signs) * np.arange(len(mapped.code))[:, None]
    if len(signs) > 1:
        sweeps_before = sweeps_before + mapped.fields.sign
    cycle = WINDOW_CYCLES * sweeps_before + mapped.time + mapped.offset
    return np.where(mapped.used, cycle + array.row_delay_cycles(), -1)


def post_process(method: VLP, function: str, mapped: Mapping, selected: np.ndarray) -> np.ndarray:
    """Return the outputs: underflow, overflow, zeros, infinities and NaN by the method's policies.

    Beyond the LUT `flush` gives the function's limit: the input itself for a positive input of an
    activation. Zeros and specials have the exact function's value.
    """
    sign, _, exponent = mapped.fields
    lut_low, lut_high = method.lut_window
    zero_code = np.where(sign, SIGN_BIT, 0).astype(np.uint16)
    at_zero = np.full_like(zero_code, 0x3F80) if function == "exp" else zero_code
    limit = (
        np.where(sign, 0, INF_CODE) if function == "exp" else np.where(sign, SIGN_BIT, mapped.code)
    )

    underflow = exponent < lut_low + mapped.position[:, None]
    if method.underflow != "zero":
        underflow = (exponent < lut_low) & (function != "exp")
    result = np.where(underflow, at_zero, selected)
    if method.overflow == "flush":
        result = np.where(exponent > lut_high, limit, result)
    bypassed = np.isin(exponent, [ZERO_EXPONENT, SPECIAL_EXPONENT])
    return np.where(bypassed, exact.table(function)[mapped.code], result).astype(np.uint16)
