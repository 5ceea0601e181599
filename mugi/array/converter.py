"""Temporal converters, columns, spikes and rows of the array: what all operations share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mugi.errors import InputError

WINDOW_CYCLES = 8  # a 3-bit counter (paper section 4.2)
NEVER = -1  # spike time of an idle row
MOST_ROWS = 65_536
_ELEMENTS_AT_ONCE = 1 << 19


@dataclass(frozen=True)
class Array:
    """Size of an array: H rows (a multiple of 8) and up to 8 columns. InputError otherwise."""

    height: int = 256
    width: int = 8

    def __post_init__(self):
        if not 8 <= self.height <= MOST_ROWS or self.height % 8:
            allowed = f"multiples of 8 up to {MOST_ROWS:,}"
            raise InputError(f"height is {self.height}; allowed: {allowed}")
        if not 1 <= self.width <= WINDOW_CYCLES:
            raise InputError(
                f"width is {self.width}; allowed: 1 to {WINDOW_CYCLES}, the cycles of a window"
            )

    @property
    def broadcast_registers(self) -> int:
        """Registers between the head of a column and its last rows, one every 64 rows."""
        return self.height // 64 if self.height >= 128 else 0

    @property
    def fill_cycles(self) -> int:
        """Cycles by which the last value may leave the array after its window ends."""
        return self.width - 1 + self.broadcast_registers

    @property
    def osram_word_bits(self) -> int:
        """Width of an oSRAM word: a column of H BF16 values in 8 cycles, at least 128 bits."""
        return max(128, 1 << (2 * self.height - 1).bit_length())

    def row_delay_cycles(self) -> np.ndarray:
        """Return by how much each row lags behind the head of the columns: int (H,)."""
        stage = np.arange(self.height) // 64 + 1
        return np.minimum(stage, self.broadcast_registers)


class Cycle(NamedTuple):
    """Signals of all windows at one cycle of theirs.

    column: uint16 (columns, windows), values on the columns; spike: bool (columns, windows, rows);
    row: uint16 (windows, rows), values on the rows.
    """

    column: np.ndarray
    spike: np.ndarray
    row: np.ndarray


def sweep(values: np.ndarray, times: np.ndarray) -> Iterator[Cycle]:
    """Run windows side by side; yield their 8 + columns - 1 cycles.

    values: uint16 (windows, 8, columns), what a column passes at each count of the counter.
    times: int (windows, rows), count at which a row's converter spikes, or NEVER.
    """
    counts, columns = values.shape[1:]
    index = np.arange(columns)
    spike = np.zeros((columns, *times.shape), dtype=bool)
    for cycle in range(counts + columns - 1):
        count = cycle - index
        passing = (count >= 0) & (count < counts)
        column = np.where(passing, values[:, np.clip(count, 0, counts - 1), index], 0).T
        spike = np.concatenate([(times == cycle)[None], spike[:-1]])
        gated = np.where(spike, column[:, :, None], 0)
        yield Cycle(column, spike, np.bitwise_or.reduce(gated, axis=0))


def row_signals(values: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, int]:
    """Return what the rows carry, uint16 (cycles, windows, rows), and the number of spikes."""
    rows, spikes = [], 0
    for cycle in sweep(values, times):
        rows.append(cycle.row)
        spikes += int(np.count_nonzero(cycle.spike))
    return np.stack(rows), spikes


def at_cycle(signal: np.ndarray, cycle: np.ndarray) -> np.ndarray:
    """Return the value of each row at its own `cycle`: (windows, rows), as both arguments end."""
    return np.take_along_axis(signal, np.maximum(cycle, 0)[None], axis=0)[0]


def batches(count: int, size: int) -> Iterator[slice]:
    """Cut `count` windows (or tiles) of `size` elements each into slices that fit a cache."""
    step = max(1, _ELEMENTS_AT_ONCE // size)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def check_codes(name: str, codes: np.ndarray, axes: str) -> None:
    """Raise InputError unless the argument `name` holds BF16 codes along two axes."""
    if codes.dtype != np.uint16 or codes.ndim != 2 or not codes.size:
        raise InputError(
            f"{name}: {codes.dtype} of shape {codes.shape}; allowed: uint16 BF16 codes, {axes}, "
            "at least one of each"
        )
