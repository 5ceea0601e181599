"""Off-chip words of softmax summed over positions, at a cost that hardly depends on their number.

A matrix of m rows and s columns moves in tiles of t = floor(s / 2^j) columns, with the smallest j
that makes them fit. All n = 2^j positions with the same t and j form a block, the blocks of one j
a level.
"""

import numpy as np

from mugi.hardware.floors import floor_sum
from mugi.hardware.memory import ACTIVATION_BITS
from mugi.hardware.spans import Spans


def word_sums(
    rows: np.ndarray,
    fitting: np.ndarray,
    widths: list[np.ndarray],
    which: np.ndarray,
    position: np.ndarray,
) -> np.ndarray:
    """Return words of each of `widths` bits of all positions from 1 to `position`: (widths, sums).

    rows (of a tile), fitting (columns of the largest tile, not rounded) and each of the widths have
    the shape (cases,); `which` is the case and `position` the last position of each sum. See
    `memory.nonlinear_offchip` for one position.
    """
    result = np.zeros((len(widths), len(which)))
    size, last = 1, np.zeros(len(rows))
    while np.any(last[which] < position):
        start, last = last + 1, np.floor(fitting * size)
        inside = np.flatnonzero(position >= start[which])
        ends, index = np.unique(
            np.stack([which[inside], np.minimum(position, last[which])[inside]]),
            axis=1, return_inverse=True,
        )  # fmt: skip
        case, end = ends.astype(int)
        level = np.zeros((len(widths), len(case)))
        deep = (np.floor(start / size) < size)[case]
        for chosen, sums in ((~deep, _shallow), (deep, _deep)):
            if chosen.any():
                some, entry = np.unique(case[chosen], return_inverse=True)
                part = [width[some] for width in widths]
                level[:, chosen] = sums(rows[some], part, size, start[some], entry, end[chosen] + 1)
        result[:, inside] += level[:, index.ravel()]
        size *= 2
    return result


def _shallow(rows, widths, size, start, case, end) -> list[np.ndarray]:
    """Return the words of positions from start to end - 1 of cases whose blocks are not above t."""
    return [
        _before(rows[case], width[case], size, end) - _before(rows, width, size, start)[case]
        for width in widths
    ]


def _before(rows, width, size, end) -> np.ndarray:
    """Return the words of positions before `end`, where the rest takes one tile at most.

    Position n t + r takes n tiles of t columns and one of r. What does not hold for positions
    before a level cancels out in differences.
    """
    tile, rest = np.divmod(end, size)
    tiles = size * size * fewer(rows, width, tile) + tile * fewer(rows, width, size)
    words = np.ceil(ACTIVATION_BITS * rows * tile / width)
    return tiles + size * rest * words + fewer(rows, width, rest)


def fewer(rows, width, columns) -> np.ndarray:
    """Return the sum of the words of tiles of fewer columns."""
    return floor_sum(columns, width - 1, ACTIVATION_BITS * rows, width)


def _deep(rows, widths, size, start, case, end) -> list[np.ndarray]:
    """Return the words of positions from start to end - 1, block by block."""
    first = np.floor(start / size)
    tile = first[:, None] + np.arange(np.max(end // size - first[case]) + 1)
    entry, place = np.arange(len(rows))[:, None], (end // size - first[case]).astype(int)
    found = []
    for width in widths:
        columns = np.arange(tile.max() + 1)
        words = np.ceil(ACTIVATION_BITS * columns * rows[:, None] / width[:, None])
        scope = words, np.cumsum(words, axis=1) - words, size
        blocks = _blocks(entry, tile, (tile + 1) * size, *scope)
        blocks[:, :1] -= _blocks(entry, first[:, None], start[:, None], *scope)
        earlier = np.cumsum(blocks, axis=1) - blocks
        found.append(earlier[case, place] + _blocks(case, tile[case, place], end, *scope))
        found[-1] -= np.where(place == 0, _blocks(case, first[case], start[case], *scope), 0)
    return found


def _blocks(case, tile, stop, words, fewer_words, size: int) -> np.ndarray:
    """Return the words of the positions before `stop` of blocks of tiles of `tile` columns."""
    before = np.minimum(np.maximum(stop - tile * size, 0), size)
    columns = np.maximum(tile, 1).astype(int)
    rounds = np.floor(before / columns)
    rest = (before - rounds * columns).astype(int)
    tiles = size * before + rounds * (columns * (rounds - 1) / 2 + rest)
    return (
        tiles * words[case, columns] + rounds * fewer_words[case, columns] + fewer_words[case, rest]
    )


def span_words(rows: np.ndarray, width: np.ndarray, spans: Spans) -> np.ndarray:
    """Return the words of `width` bits of all positions of spans; all arguments are by span."""
    size, end = spans.size, spans.high + 1
    tile = spans.low // size
    start = (spans.tiles - 1) * tile
    deep = (spans.tiles - 1) * np.ceil(ACTIVATION_BITS * rows * tile / width) * (end - spans.low)
    deep += fewer(rows, width, end - start) - fewer(rows, width, spans.low - start)
    one_block = (spans.multiples == 0) & (size > 1)
    every = _before(rows, width, size, end) - _before(rows, width, size, spans.low)
    first, last = -(-spans.low // size), spans.high // size
    even = size * (fewer(rows, width, last + 1) - fewer(rows, width, first))
    return spans.every * np.where(one_block, deep, every) + spans.multiples * even
