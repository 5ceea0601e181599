"""GEMM on the array in Verilog: bits and cycles of `mugi.array`."""

import numpy as np
import pytest

from mugi.array.converter import Array
from mugi.bf16 import to_bf16
from tests.rtl import gemm
from tests.rtl.operands import CORNERS


def operands(m: int, k: int, n: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return BF16 inputs (m, k), normal, any code, or subnormals and specials; weights (k, n)."""
    random = np.random.default_rng(m + k + n)
    inputs = {
        "normal": lambda: to_bf16(random.normal(size=(m, k))),
        "any": lambda: random.integers(0, 1 << 16, (m, k)).astype(np.uint16),
        "corners": lambda: random.choice(CORNERS, (m, k)),
    }[kind]()
    return inputs, random.integers(-7, 8, (k, n))


SIZES = [  # height, width, m, k, n, kind, whether outputs leave in words of oSRAM
    (8, 8, 8, 8, 8, "normal", True),  # whole tiles
    (8, 8, 11, 3, 13, "corners", False),  # ragged tiles in all directions
    (8, 3, 4, 9, 8, "any", True),
]
MORE = [
    (8, 8, 19, 40, 19, "normal", True),
    (16, 8, 24, 16, 40, "any", True),
    (16, 8, 13, 17, 21, "corners", True),
    (8, 1, 3, 20, 9, "normal", True),
    (8, 5, 9, 2, 17, "any", False),
    (24, 7, 8, 9, 50, "normal", True),
    (8, 8, 16, 1, 24, "any", False),  # one step of k a tile
    (128, 8, 8, 8, 200, "normal", True),  # broadcast registers
]


@pytest.mark.parametrize(
    "sizes", SIZES + [pytest.param(sizes, marks=pytest.mark.slow) for sizes in MORE], ids=str
)
def test_sums_cycles_and_outputs_are_those_of_the_simulator(sizes, tmp_path):
    height, width, m, k, n, kind, words = sizes
    gemm.run(Array(height, width), *operands(m, k, n, kind), tmp_path, words)


def test_the_longest_waits(tmp_path):
    """Weights that make rows wait the most: the latest spike, then the earliest."""
    inputs, _ = operands(8, 12, 8, "normal")
    weights = np.array([[7, 0, -7, 0, 7, 7, 0, 0, 7, 1, 0, -1]]).T.repeat(8, axis=1)
    weights[:, 4:] = np.roll(weights[:, 4:], 1, axis=0)
    gemm.run(Array(8), inputs, weights, tmp_path, words=True)


@pytest.mark.slow
def test_what_a_row_stores(tmp_path):
    """Outputs that leave in words of oSRAM, one a cycle, wait in 8 entries a row: 7 are too few."""
    operands_of_tiles = operands(8, 8, 24, "normal")
    gemm.run(Array(8), *operands_of_tiles, tmp_path, words=True, OUTPUT_DEPTH=8)
    for depth in (2, 7):
        with pytest.raises(AssertionError, match="ran over"):
            gemm.run(Array(8), *operands_of_tiles, tmp_path, words=True, OUTPUT_DEPTH=depth)
