"""Tiling against enumeration of every tile."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mugi.hardware.memory import nonlinear_offchip, words
from mugi.hardware.tiling import cut

sizes = st.integers(1, 1500)
tiles = st.integers(1, 300)


def pieces(size: int, tile: int) -> list[int]:
    """Return the sizes of the tiles of a dimension, one by one."""
    return [min(tile, size - start) for start in range(0, size, tile)]


@given(sizes, tiles, tiles)
def test_features_of_a_dimension(size, offchip, onchip):
    dimension = cut(np.array([float(size)]), np.array([float(offchip)]), np.array([float(onchip)]))
    outer = pieces(size, offchip)
    inner = [pieces(part, onchip) for part in outer]
    expected = {
        "tiles": len(outer),
        "passes": sum(map(len, inner)),
        "mean": sum(part / len(cuts) for part, cuts in zip(outer, inner, strict=True)),
        "padded": sum(len(cuts) * cuts[0] for cuts in inner),
        "per_tile": sum(part / cuts[0] for part, cuts in zip(outer, inner, strict=True)),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(dimension, name), value, rtol=1e-12, err_msg=name)
    assert sum(float((part * count)[0]) for part, count in dimension.onchip) == size


coarse = st.integers(40, 300)


@given(sizes, sizes, coarse, coarse, st.sampled_from([64, 128, 384]))
def test_words_round_up_tile_by_tile(rows, columns, row_tile, column_tile, width):
    row = cut(np.array([float(rows)]), np.array([float(row_tile)]), np.array([1e9]))
    column = cut(np.array([float(columns)]), np.array([float(column_tile)]), np.array([1e9]))
    expected = sum(
        math.ceil(16 * a * b / width)
        for a in pieces(rows, row_tile)
        for b in pieces(columns, column_tile)
    )
    assert words(row.offchip, column.offchip, 16, width)[0] == expected


@given(
    sizes, st.integers(1, 100_000), st.sampled_from([64, 100, 256]), st.sampled_from([4096, 16384])
)
def test_nonlinear_tiles_fit(rows, columns, lanes, elements):
    row = min(rows, lanes)
    halvings = 0
    while columns / 2**halvings * row > elements:
        halvings += 1
    tile = math.floor(columns / 2**halvings)
    count, accesses, _ = nonlinear_offchip(
        np.array([float(rows)]), np.array([float(columns)]), lanes, elements, 128
    )
    found = [(a, b) for a in pieces(rows, lanes) for b in pieces(columns, tile)]
    assert count[0] == len(found)
    assert accesses[0] == sum(math.ceil(16 * a * b / 128) for a, b in found)
