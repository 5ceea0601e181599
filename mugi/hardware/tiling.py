"""The one primitive of tiling: a dimension cut into full tiles and a rest."""

from dataclasses import dataclass, field

import numpy as np

OFFCHIP_TILE = 256  # rows or columns of a matrix that move on chip together (published artifact)

Classes = list[tuple[np.ndarray, np.ndarray]]  # (size of a tile, how many there are)


def full_tiles(size: np.ndarray, tile: np.ndarray) -> tuple:
    """Return the size of full tiles of a dimension, how many there are, and the rest."""
    full = np.minimum(size, tile)
    count = np.floor(size / full)
    return full, count, size - count * full


def classes(size: np.ndarray, tile: np.ndarray) -> Classes:
    """Return the full tiles and the rest of a dimension; arrays broadcast."""
    full, count, rest = full_tiles(size, tile)
    return [(full, count), (rest, (rest > 0) * 1.0)] if np.any(rest) else [(full, count)]


@dataclass
class Dimension:
    """One dimension of a matrix product, cut into off-chip tiles and those into on-chip tiles.

    Every field has the broadcast shape of size and tiles. With off-chip tiles of size x, c of each,
    and on-chip tiles of size t, v of each in one off-chip tile:

    tiles: off-chip tiles (sum of c); passes: on-chip tiles (sum of c v); mean: sum of c x/v;
    padded: sum of c v t; per_tile: sum of c x/t; offchip, onchip: the classes themselves.
    """

    offchip: Classes
    onchip: Classes = field(default_factory=list)
    tiles: np.ndarray = 0.0
    passes: np.ndarray = 0.0
    mean: np.ndarray = 0.0
    padded: np.ndarray = 0.0
    per_tile: np.ndarray = 0.0


def cut(size: np.ndarray, offchip_tile: np.ndarray, onchip_tile: np.ndarray) -> Dimension:
    """Cut a dimension of `size` elements; the on-chip tile is that of the array."""
    dimension = Dimension(classes(size, offchip_tile))
    for part, count in dimension.offchip:
        part = np.maximum(part, 1)  # an empty rest counts zero times
        inner = classes(part, onchip_tile)
        passes = sum(number for _, number in inner)
        tile = inner[0][0]
        dimension.onchip += [(small, count * number) for small, number in inner]
        dimension.tiles = dimension.tiles + count
        dimension.passes = dimension.passes + count * passes
        dimension.mean = dimension.mean + count * part / passes
        dimension.padded = dimension.padded + count * passes * tile
        dimension.per_tile = dimension.per_tile + count * part / tile
    return dimension
