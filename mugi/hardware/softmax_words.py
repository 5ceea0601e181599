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
    width: np.ndarray,
    which: np.ndarray,
    position: np.ndarray,
) -> np.ndarray:
    """Return words of `width` bits of all positions from 1 to `position`: (sums,).

    rows (of a tile), fitting (columns of the largest tile, not rounded) and width have the shape
    (cases,); `which` is the case and `position` the last position of each sum. See
    `memory.nonlinear_offchip` for one position.
    """
    result = np.zeros(len(which))
    size, last = 1, np.zeros(len(rows))
    while np.any(last[which] < position):
        start, last = last + 1, np.floor(fitting * size)
        inside = np.flatnonzero(position >= start[which])
        case = which[inside]
        end = np.minimum(position[inside], last[case]).astype(int)
        deep = (np.floor(start / size) < size)[case]
        for chosen, sums in ((~deep, _shallow), (deep, _deep)):
            if chosen.any():
                some, entry = np.unique(case[chosen], return_inverse=True)
                part = rows[some], width[some], size, start[some]
                result[inside[chosen]] += sums(*part, entry, end[chosen] + 1)
        size *= 2
    return result


def _shallow(rows, width, size, start, case, end) -> np.ndarray:
    """Return the words of positions from start to end - 1 of cases whose blocks are not above t."""
    first = _before(rows, width, size, start)[case]
    return _before(rows[case], width[case], size, end) - first


def _before(rows, width, size, end) -> np.ndarray:
    """Return the words of positions before `end`, where the rest takes one tile at most.

    Position n t + r takes n tiles of t columns and one of r. What does not hold for positions
    before a level cancels out in differences.
    """
    tile, rest = np.divmod(end, size)
    if np.max(size) == 1:
        return fewer(rows, width, tile)
    tiles = size * size * fewer(rows, width, tile) + tile * fewer(rows, width, size)
    words = np.ceil(ACTIVATION_BITS * rows * tile / width)
    return tiles + size * rest * words + fewer(rows, width, rest)


def fewer(rows, width, columns) -> np.ndarray:
    """Return the sum of the words of tiles of fewer columns."""
    return floor_sum(columns, width - 1, ACTIVATION_BITS * rows, width)


def _deep(rows, width, size, start, case, end) -> np.ndarray:
    """Return the words of positions from start to end - 1, block by block."""
    first = np.floor(start / size)
    tile = first[:, None] + np.arange(np.max(end // size - first[case]) + 1)
    entry, place = np.arange(len(rows))[:, None], (end // size - first[case]).astype(int)
    columns = np.arange(tile.max() + 1)
    words = np.ceil(ACTIVATION_BITS * columns * rows[:, None] / width[:, None])
    scope = words, np.cumsum(words, axis=1) - words, size
    blocks = _blocks(entry, tile, (tile + 1) * size, *scope)
    blocks[:, :1] -= _blocks(entry, first[:, None], start[:, None], *scope)
    earlier = np.cumsum(blocks, axis=1) - blocks
    found = earlier[case, place] + _blocks(case, tile[case, place], end, *scope)
    return found - np.where(place == 0, _blocks(case, first[case], start[case], *scope), 0)


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
    """Return words where all tiles but the last have the same columns."""
    tile, end = spans.low // spans.size, spans.high + 1
    start = (spans.tiles - 1) * tile
    full = (spans.tiles - 1) * np.ceil(ACTIVATION_BITS * rows * tile / width)
    last = fewer(rows, width, end - start) - fewer(rows, width, spans.low - start)
    return full * (end - spans.low) + last


def _of_level(rows, width, spans: Spans) -> np.ndarray:
    """Return words of all positions of a level, multiples of the size included."""
    ends = (_before(rows, width, spans.size, end) for end in (spans.high + 1, spans.low))
    return np.subtract(*ends)


def _of_multiples(rows, width, spans: Spans) -> np.ndarray:
    """Return words of the multiples, which take tiles of the same columns, times their sign."""
    first, last = -(-spans.low // spans.size), spans.high // spans.size
    tiles = fewer(rows, width, last + 1) - fewer(rows, width, first)
    return spans.multiples * spans.size * tiles
