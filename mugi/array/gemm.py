"""BF16-INT4 matrix products on the array (paper section 4.2): weights spike, inputs accumulate.

Weights are on the rows as sign and 3-bit magnitude, inputs on the columns; a window takes one step
along k of one output tile, which stays in the accumulators (output stationary). Output tiles follow
one another without a gap: along N, then along M.
"""

from dataclasses import dataclass

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
from mugi.bf16 import NAN_CODE, from_bf16, to_bf16
from mugi.errors import InputError

MAX_MAGNITUDE = WINDOW_CYCLES - 1
_IDLE = -(1 << 40)  # ready time of a row without products: it waits for nobody


@dataclass(frozen=True)
class GemmRun:
    """Result of a matrix product.

    outputs: BF16 codes, uint16 (M, N); cycles: until the last product is accumulated; windows: of
    8 cycles; overlapping: products that leave their row after their window, over the second chain
    of OR gates; longest_wait_cycles: of a product for its row's adder, which bounds the products
    in a PE FIFO; activations: how often components of mugi/hardware/designs/mugi.yaml switch
    (`pe_fifo`: products that wait at all).
    """

    outputs: np.ndarray
    cycles: int
    windows: int
    overlapping: int
    longest_wait_cycles: int
    activations: dict[str, int]


class RowAdders:
    """One adder a row: it takes products window after window, column after column, one a cycle.

    products: that each row has taken so far, int (H,); late: by how much the last one was behind
    a row that never waits for a product, int (H,).
    """

    def __init__(self, array: Array):
        self.products = np.zeros(array.height, int)
        self.late = np.full(array.height, _IDLE)
        self.delay = array.row_delay_cycles()
        self.cycles = self.waiting = self.longest_wait_cycles = 0

    def take(self, ready: np.ndarray, columns: int) -> np.ndarray:
        """Return when each row takes the first product of each window, int (windows, H).

        `ready` is the cycle at which that product comes, _IDLE for an idle row; the others follow
        one a cycle.
        """
        active = ready != _IDLE
        # without waiting, a row takes its n-th product n cycles after its first; the largest
        # delay to that so far is what a product waits for
        before = self.products + columns * (np.cumsum(active, axis=0) - active)
        late = np.maximum.accumulate(np.vstack([self.late[None], ready - before]), axis=0)[1:]
        start = before + late
        wait = np.where(active, start - ready, 0)
        self.products += columns * active.sum(axis=0)
        self.late = late[-1]
        self.waiting += columns * int(np.count_nonzero(wait))
        self.longest_wait_cycles = max(self.longest_wait_cycles, int(wait.max()))
        last = int(np.where(active, start + self.delay, 0).max())
        self.cycles = max(self.cycles, last + columns)
        return start


def gemm(array: Array, inputs: np.ndarray, weights: np.ndarray) -> GemmRun:
    """Return inputs · weights: BF16 codes uint16 (M, K) by whole numbers -7 to 7 (K, N).

    Every multiple of an input and every output is accumulated in BF16, rounded to nearest even at
    each step, k ascending; 0·x is +0 for every x. The weights' scale factors are applied later and
    not modelled. Raises InputError for other types, shapes or weights.
    """
    inputs, weights = np.asarray(inputs), np.asarray(weights)
    check(inputs, weights)
    steps, columns = weights.shape
    tiles = -(-columns // array.height)
    weights = np.pad(weights.astype(np.int8), ((0, 0), (0, tiles * array.height - columns)))
    weights = weights.reshape(steps, tiles, array.height).transpose(1, 0, 2)
    used = (np.arange(tiles * array.height) < columns).reshape(tiles, 1, array.height)
    times = np.where(used, np.abs(weights), NEVER)
    adders = RowAdders(array)
    outputs, windows, spikes, overlapping = [], 0, 0, 0
    for start in range(0, len(inputs), array.width):
        values = multiples(inputs[start : start + array.width].T)
        columns_of_tiles = []
        for batch in batches(tiles, steps * array.height):
            products, count = subscribe(values, times[batch], weights[batch] < 0)
            ready, width = ready_cycles(times[batch], windows), products.shape[-1]
            adders.take(ready, width)
            columns_of_tiles.append(accumulate(products))
            windows += len(ready)
            spikes += count
            overlapping += int(np.clip(times[batch] + width - WINDOW_CYCLES, 0, None).sum())
        outputs.append(np.concatenate(columns_of_tiles)[:columns].T)
    active_rows = columns * steps * -(-len(inputs) // array.width)
    return GemmRun(
        np.concatenate(outputs),
        adders.cycles,
        windows,
        overlapping,
        adders.longest_wait_cycles,
        {
            "counter": WINDOW_CYCLES * windows,
            "multiplier": WINDOW_CYCLES * len(inputs) * steps * tiles,
            "ififo": len(inputs) * steps * tiles,
            "wfifo": active_rows,
            "comparator": WINDOW_CYCLES * active_rows,
            "temporal_register": spikes,
            "and_gate": spikes,
            "sign_xor": spikes,
            "adder": spikes,
            "pe_fifo": adders.waiting,
        },
    )


def check(inputs: np.ndarray, weights: np.ndarray) -> None:
    """Raise InputError for what the array cannot multiply."""
    check_codes("inputs", inputs, "(M, K)")
    if weights.ndim != 2 or not weights.size or len(weights) != inputs.shape[1]:
        raise InputError(f"weights: shape {weights.shape}; allowed: ({inputs.shape[1]}, N)")
    if not np.issubdtype(weights.dtype, np.integer):
        raise InputError(f"weights: {weights.dtype}; allowed: INT4, whole numbers from -7 to 7")
    bad = (weights < -MAX_MAGNITUDE) | (weights > MAX_MAGNITUDE)
    if bad.any():
        k, n = np.argwhere(bad)[0]
        raise InputError(
            f"weights: {weights[k, n]} at k={k}, n={n}; allowed: -7 to 7 (sign and 3-bit magnitude)"
        )


def add(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the BF16 codes of the sums of BF16 codes, rounded once to nearest even.

    Every NaN is `NAN_CODE`: the sign of ∞ - ∞, and which of two NaN survives, differ by processor.
    """
    with np.errstate(invalid="ignore"):
        total = from_bf16(left) + from_bf16(right)
    return np.where(np.isnan(total), np.uint16(NAN_CODE), to_bf16(total))


def multiples(inputs: np.ndarray) -> np.ndarray:
    """Return the BF16 codes of 0·x to 7·x by repeated addition: (K, columns) to (K, 8, columns)."""
    products = [np.zeros_like(inputs)]
    for _ in range(WINDOW_CYCLES - 1):
        products.append(add(products[-1], inputs))
    return np.stack(products, axis=1)


def subscribe(
    values: np.ndarray, times: np.ndarray, negative: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return the products, uint16 (tiles, K, H, columns), and the number of spikes.

    values: multiples by k, (K, 8, columns); times: spikes by tile, k and row; negative: weights
    whose sign flips the product's.
    """
    tiles, steps, height = times.shape
    flat = times.reshape(-1, height)
    rows, spikes = row_signals(np.tile(values, (tiles, 1, 1)), flat)
    products = [at_cycle(rows, flat + column) for column in range(values.shape[-1])]
    products = np.stack(products, axis=-1).reshape(tiles, steps, height, -1)
    return products ^ (negative[..., None] * np.uint16(0x8000)), spikes


def accumulate(products: np.ndarray) -> np.ndarray:
    """Return the outputs of tiles, uint16 (tiles · H, columns): products added in BF16 along k."""
    total = np.zeros_like(products[:, 0])
    for step in range(products.shape[1]):
        total = add(total, products[:, step])
    return total.reshape(-1, products.shape[-1])


def ready_cycles(times: np.ndarray, windows_before: int) -> np.ndarray:
    """Return the cycle of the first product of each window and row, (windows, H)."""
    times = times.reshape(-1, times.shape[-1])
    begin = WINDOW_CYCLES * (windows_before + np.arange(len(times)))[:, None]
    return np.where(times == NEVER, _IDLE, begin + times)
