"""Off-chip words of softmax summed over positions, at a cost that hardly depends on their number.

A matrix of m rows and s columns moves in tiles of t = floor(s / 2^j) columns, with the smallest j
that makes them fit. All 2^j positions with the same t and j form a block whose words have a closed
form, so levels (j) and blocks (t) are all there is to go through.
"""

from dataclasses import dataclass

import numpy as np

from mugi.hardware.memory import ACTIVATION_BITS


@dataclass
class Words:
    """Words of tiles by number of columns, from 0 on, and the sum of those of fewer columns."""

    tile: np.ndarray
    fewer: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, widest: int, width: np.ndarray) -> "Words":
        """Return the words of `width` bits of tiles of up to `widest` columns: (cases, columns)."""
        bits = ACTIVATION_BITS * np.arange(widest + 1.0)
        tile = np.ceil(bits * rows[:, None] / width[:, None])
        return cls(tile, np.cumsum(tile, axis=1) - tile)


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
    widest = int(min(fitting.max(), position.max()))
    words = [Words.of(rows, widest, width) for width in widths]
    last = np.floor(fitting)  # position that level 0 ends with
    end = np.minimum(position, last[which]).astype(int)
    result = np.array([w.fewer[which, end] + w.tile[which, end] for w in words])
    level = 0
    while np.any(last[which] < position):
        level += 1
        size = 2**level
        start, last = last + 1, np.floor(fitting * size)
        ending = np.minimum(last, position.max())
        first = np.floor(start / size)
        case = np.arange(len(rows))[:, None]
        tile = first[:, None] + np.arange(np.floor(ending / size - first).max() + 1)
        stop = np.minimum(last[:, None] + 1, (tile + 1) * size)
        whole = position >= last[which]
        inside = np.flatnonzero((position >= start[which]) & ~whole)
        case_in, end = which[inside], position[inside]
        tile_in = np.floor(end / size)
        blocks = _blocks(words, case, tile, stop, size)
        skipped = _blocks(words, case, first[:, None], start[:, None], size)
        parts = _blocks(words, case_in, tile_in, end + 1, size)
        for sums, block, skip, part in zip(result, blocks, skipped, parts, strict=True):
            total = np.cumsum(block, axis=1)
            before = total - block - skip
            sums += np.where(whole, total[which, -1] - skip[which, 0], 0)
            sums[inside] += before[case_in, (tile_in - first[case_in]).astype(int)] + part
    return result


def _blocks(words: list[Words], case, tile, stop, size: int) -> list[np.ndarray]:
    """Return the words of the positions of blocks of `size` before `stop`, for each width."""
    before = np.maximum(stop - tile * size, 0)
    columns = np.clip(tile, 1, words[0].tile.shape[1] - 1).astype(int)
    rounds = np.floor(before / columns)
    rest = (before - rounds * columns).astype(int)
    tiles = size * before + rounds * (columns * (rounds - 1) / 2 + rest)
    return [
        tiles * w.tile[case, columns] + rounds * w.fewer[case, columns] + w.fewer[case, rest]
        for w in words
    ]
