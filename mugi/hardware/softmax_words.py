"""Off-chip words of softmax summed over positions, at a cost that hardly depends on their number.

A matrix of m rows and s columns moves in tiles of t = floor(s / 2^j) columns, with the smallest j
that makes them fit; see `memory.nonlinear_offchip` for one position, and `spans`.
"""

import numpy as np

from mugi.hardware.chunk import alike
from mugi.hardware.floors import floor_sum
from mugi.hardware.memory import ACTIVATION_BITS
from mugi.hardware.spans import Spans


def span_words(rows: np.ndarray, width: np.ndarray, spans: Spans) -> np.ndarray:
    """Return the words of `width` bits of all positions of spans; all arguments are by span."""
    total = np.zeros(len(spans.run))
    even, block = ACTIVATION_BITS * rows % width == 0, (spans.multiples == 0) & (spans.size > 1)
    for chosen, sums in (
        (even, _line),
        (~even & block, _of_block),
        (~even & ~block & (spans.every == 1), _of_level),
        (~even & (spans.multiples != 0), _of_multiples),
    ):
        some = np.flatnonzero(chosen)
        if some.size:
            total[some] += sums(rows[some], width[some], spans.pick(some))
    return total


def _line(rows, width, spans: Spans) -> np.ndarray:
    return ACTIVATION_BITS * rows / width * spans.of_positions()


def _of_block(rows, width, spans: Spans) -> np.ndarray:
    """Return words where all tiles but the last have the same columns, of which there are few."""
    tile = spans.low // spans.size
    first, run = alike(spans.run)
    columns = np.arange(tile.max() + 2)
    words = np.ceil(ACTIVATION_BITS * columns * rows[first, None] / width[first, None])
    before = np.cumsum(words, axis=1) - words  # of tiles of fewer columns
    start, end = (spans.tiles - 1) * tile, spans.high + 1
    full = (spans.tiles - 1) * words[run, tile] * (end - spans.low)
    return full + before[run, end - start] - before[run, spans.low - start]


def _of_level(rows, width, spans: Spans) -> np.ndarray:
    """Return words of all positions of a level, multiples of the size included.

    Position n t + r takes n tiles of t columns and one of r; those up to n t - 1 take n n for each
    tile of fewer columns than t, and t for each of fewer than n.
    """
    size, (low, high) = spans.size, (spans.low, spans.high + 1)
    if np.max(size) == 1:
        return between(rows, width, low, high)
    (first, start), (last, end) = np.divmod(low, size), np.divmod(high, size)
    tiles = size * between(rows, width, first, last)
    for tile, rest, sign in ((last, end, 1), (first, start, -1)):
        tiles += sign * rest * np.ceil(ACTIVATION_BITS * rows * tile / width).astype(np.int64)
    rests = (last - first) * between(rows, width, 0, size)
    return size * tiles + rests + between(rows, width, 0, end) - between(rows, width, 0, start)


def _of_multiples(rows, width, spans: Spans) -> np.ndarray:
    """Return words of the multiples, which take tiles of the same columns, times their sign."""
    first, last = -(-spans.low // spans.size), spans.high // spans.size
    return spans.multiples * spans.size * between(rows, width, first, last + 1)


def between(rows, width, low, high) -> np.ndarray:
    """Return the sum of the words of tiles of `low` to `high` - 1 columns."""
    bits = (ACTIVATION_BITS * rows).astype(np.int64)
    return floor_sum(high - low, bits * low + width.astype(np.int64) - 1, bits, width)
