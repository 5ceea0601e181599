"""A GEMM on the array in Verilog, beside the one of `mugi.array`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mugi.array import gemm as reference
from mugi.array.converter import NEVER, WINDOW_CYCLES, Array
from tests.rtl.program import START, Program, rows_of_eighth


@dataclass(frozen=True)
class Steps:
    """The windows of a GEMM in order: along M, then N, then k.

    inputs: uint16 (windows, W), 0 on idle columns; weights: int (windows, H); used: bool
    (windows, H); columns: int (windows,), in use; first, last: bool (windows,), step of k; start:
    int (windows, H), the cycle at which a row takes the first product, from count 0 of the first
    window on; sums: uint16 (windows, H, W), each row's partial sums after the window.
    """

    inputs: np.ndarray
    weights: np.ndarray
    used: np.ndarray
    columns: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start: np.ndarray
    sums: np.ndarray


def steps(
    array: Array, inputs: np.ndarray, weights: np.ndarray, blocks: Sequence[int] | None = None
) -> Steps:
    """Return the windows of inputs · weights, (M, K) by (K, N).

    `blocks`: how many inputs stand on the columns, tile after tile; or else as many as there are.
    """
    (m, k), n = inputs.shape, weights.shape[1]
    tiles = -(-n // array.height)
    weights = np.pad(weights, ((0, 0), (0, tiles * array.height - n)))
    weights = weights.reshape(k, tiles, array.height).transpose(1, 0, 2)
    used = (np.arange(tiles * array.height) < n).reshape(tiles, 1, array.height).repeat(k, axis=1)
    adders, parts = reference.RowAdders(array), []
    ends = range(array.width, m, array.width) if blocks is None else np.cumsum(blocks)[:-1]
    for block in np.split(inputs.T, ends, axis=1):
        values, width = reference.multiples(block), block.shape[1]
        times = np.where(used, np.abs(weights), NEVER)
        products, _ = reference.subscribe(values, times, weights < 0)
        ready = reference.ready_cycles(times, len(parts) and sum(len(p[1]) for p in parts))
        totals = np.stack(
            [
                reference.accumulate(products[:, : step + 1]).reshape(tiles, array.height, width)
                for step in range(k)
            ],
            axis=1,
        )
        pad = ((0, 0), (0, array.width - width))
        parts.append(
            (
                np.tile(np.pad(block, pad), (tiles, 1)),
                weights.reshape(-1, array.height),
                used.reshape(-1, array.height),
                np.full(tiles * k, width),
                np.tile(np.arange(k) == 0, tiles),
                np.tile(np.arange(k) == k - 1, tiles),
                adders.take(ready, width),
                np.pad(totals.reshape(-1, array.height, width), ((0, 0), *pad)),
            )
        )
    return Steps(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def run(
    array: Array,
    inputs: np.ndarray,
    weights: np.ndarray,
    folder: Path,
    words: bool,
    blocks: Sequence[int] | None = None,
    **options,
) -> None:
    """Run the GEMM and assert that every sum, the cycle of every product, and the outputs agree.

    `words`: outputs leave as oSRAM takes them, an eighth of the rows and one column a cycle, which
    needs 8 steps of k; or else all rows at once.
    """
    done = steps(array, inputs, weights, blocks)
    windows, delay = len(done.inputs), array.row_delay_cycles()
    program = Program(array, START + WINDOW_CYCLES * windows + 80 + array.fill_cycles)
    begins = program.windows(
        windows, first=done.first, last=done.last, last_column=done.columns - 1
    )
    program["push_inputs"][begins - 1] = program["push_weights"][begins - 1] = 1
    program["inputs"][begins - 1] = done.inputs
    program["weights"][begins - 1] = done.used * 16 + (done.weights < 0) * 8 + np.abs(done.weights)
    leaves = []  # cycle, eighth, of each window with outputs and column
    for window in np.flatnonzero(done.last):
        for column in range(done.columns[window]):
            for eighth in range(8):
                # a row's last product of the window is taken 15 cycles after its begin
                begin = begins[window] + 9 + int(delay.max())
                cycle = begin + 8 * column + eighth if words else begin + column
                leaves.append((cycle, eighth, window, column))
                program["pop"][cycle, eighth] = 1
    found = program.run(folder, **options)

    cycle, row = np.nonzero(found["takes"])
    order = np.lexsort((cycle, row))
    column = np.arange(array.width)
    expected = START + 1 + done.start[:, :, None] + column + delay[:, None]
    taken = done.used[:, :, None] & (column < done.columns[:, None, None])
    by_row = [values.swapaxes(0, 1)[taken.swapaxes(0, 1)] for values in (expected, done.sums)]
    assert np.array_equal(cycle[order], by_row[0]), "a product is taken in another cycle"
    at = cycle[order], row[order]
    assert np.array_equal(found["sums"][at], by_row[1]), "partial sums differ"
    columns = np.broadcast_to(column, taken.shape).swapaxes(0, 1)[taken.swapaxes(0, 1)]
    assert np.array_equal(found["takes_column"][at], columns)
    for cycle, eighth, window, column in leaves:
        rows = done.used[window] & (rows_of_eighth(array) == eighth)
        left = found["outputs"][cycle]
        assert np.array_equal(left[rows], done.sums[window, rows, column]), "outputs differ"
    tiles = -(-weights.shape[1] // array.height)
    last = done.sums[done.last].swapaxes(1, 2).reshape(-1, tiles, array.width, array.height)
    rebuilt = last.swapaxes(1, 2).reshape(-1, array.width, tiles * array.height)
    rows = np.concatenate(
        [tile[:used] for tile, used in zip(rebuilt, done.columns[done.last][::tiles], strict=True)]
    )
    expected = reference.gemm(array, inputs, weights).outputs
    assert np.array_equal(rows[:, : weights.shape[1]], expected)
