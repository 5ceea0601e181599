"""exp, SiLU and GELU on the array in Verilog: bits of the tables, cycles of `mugi.array`."""

import itertools

import numpy as np
import pytest

from mugi.array.converter import Array
from mugi.bf16 import CODES, to_bf16
from mugi.methods import parse
from tests.rtl import nonlinear
from tests.rtl.operands import CORNERS
from tests.rtl.simulation import VERILATOR

HEIGHT = 8
METHOD = parse(f"vlp:lut=12,max_exp=3,group={HEIGHT}")
NEGATIVE = CODES[0x8000:]


TOPS = range(-1, 4)  # highest exponents of the sliding window, at its five places in this LUT


def around(top: int, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mappings with all `codes` while the sliding window ends at `top`, and what is valid.

    One row places the window; the others do not compete, as if they were masked, so that every
    code meets every window.
    """
    rows = HEIGHT - 1
    codes = np.append(codes, codes[: -len(codes) % rows]).reshape(-1, rows)
    anchor = np.full((len(codes), 1), to_bf16(np.array(-(2.0**top))))
    mappings = np.hstack([anchor, codes])
    return mappings, np.arange(HEIGHT) == np.zeros((len(mappings), 1))


def check_edges(function: str, tops, folder, **options) -> None:
    """Run codes around the edges of LUT and windows that end at `tops`, ties and special ones."""
    signs = [0x8000] if function == "exp" else [0, 0x8000]
    edges = [(127 + exponent) << 7 for exponent in (-9, -8, -1, 3, 4)]
    codes = [edge + step | sign for edge in edges for step in (-8, -4, 0, 8, 48) for sign in signs]
    special = CORNERS[len(CORNERS) // 2 if function == "exp" else 0 :]
    places = [around(top, np.array([*codes, *special], np.uint16)) for top in tops]
    mappings, valid = (np.concatenate(part) for part in zip(*places, strict=True))
    nonlinear.run(Array(HEIGHT), METHOD, function, mappings, valid, folder, **options)


@pytest.mark.parametrize("tops", [(0,), pytest.param(TOPS, marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("function", ["exp", "silu", "gelu"])
def test_codes_around_the_edges_of_windows(function, tops, tmp_path):
    check_edges(function, tops, tmp_path)


@pytest.mark.slow
def test_every_code_at_every_place_of_the_window(tmp_path, verilator):
    array = Array(HEIGHT)
    for function in ("exp", "silu", "gelu"):
        codes, runs = (NEGATIVE, 2) if function == "exp" else (CODES, 5)  # some 30,000 cycles each
        for top, part in itertools.product(TOPS, np.array_split(codes, runs)):
            mappings = around(top, part)
            nonlinear.run(array, METHOD, function, *mappings, tmp_path, simulator=VERILATOR)


RANDOM = [  # height, width, method, function
    (16, 8, "lut=12,max_exp=3", "silu"),
    (8, 5, "lut=9,max_exp=-2,window=5", "exp"),
    (8, 8, "lut=8,max_exp=4", "gelu"),
    (16, 4, "lut=16,max_exp=6,window=4", "silu"),
    (128, 8, "lut=12,max_exp=3", "exp"),  # broadcast registers
]


@pytest.mark.slow
@pytest.mark.parametrize("case", RANDOM, ids=str)
def test_groups_of_random_inputs(case, tmp_path):
    """All rows compete, some are masked, some idle."""
    height, width, text, function = case
    random = np.random.default_rng(height + width)
    codes = to_bf16(np.exp2(random.normal(0, 4, (40, 1))) * random.normal(size=(40, height)))
    codes[::7] = random.integers(0, 1 << 16, (len(codes[::7]), height))
    codes |= 0x8000 * np.uint16(function == "exp")
    used = np.broadcast_to(np.arange(height) < height - 3, codes.shape)
    method = parse(f"vlp:{text},group={height}")
    valid = random.random(codes.shape) < 0.8
    nonlinear.run(Array(height, width), method, function, codes, valid, tmp_path, used)
