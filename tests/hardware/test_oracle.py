"""Every flip of every assumption against the naive model in oracle.py."""

import numpy as np
import pandas as pd
import pytest

from mugi.assumptions import PRESETS, REGISTRY, acting_in, resolve
from mugi.hardware import evaluate
from tests.hardware.oracle import Oracle

CHIPS = [
    ("mugi", "vlp", [64, 128, 256]), ("mugi", "lut", [128, 256]), ("carat", "", [64, 128, 256]),
    ("systolic", "mac", [8, 16, 32, 64]), ("systolic", "figna", [8, 16, 64]),
    ("systolic", "pwl", [16]), ("systolic", "taylor", [16]), ("simd", "mac", [8, 16, 64]),
    ("simd", "figna", [16, 32]), ("tensor", "", [8]),
]  # fmt: skip
MODELS = ["llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA"]
MESHES = [(1, 1), (4, 4), (8, 8), (2, 1), (3, 5)]
NAMES = acting_in("evaluate")


def run(rng, chip: tuple, preset: str, flips: list[str]) -> dict:
    """Return a random run of a chip with a random value of each of `flips`."""
    design, variant, heights = chip
    rows, cols = MESHES[rng.integers(len(MESHES))]
    chosen = {
        "design": design, "variant": variant, "array_height": int(rng.choice(heights)),
        "noc_rows": rows, "noc_cols": cols, "model": MODELS[rng.integers(len(MODELS))],
        "batch_size": int(rng.choice([1, 2, 4, 8, 16, 32])), "preset": preset,
        "seq_len": int(rng.choice([64, 65, 100, 128, 257])),
    }  # fmt: skip
    for name in flips:
        values = REGISTRY[name].choices
        chosen[f"assumption.{name}"] = values[rng.integers(len(values))]
    return chosen


def check(runs: list[dict]) -> None:
    """Compare every value that the naive model gives."""
    results = evaluate(pd.DataFrame(runs))
    for row, chosen in enumerate(runs):
        flips = {k.partition(".")[2]: v for k, v in chosen.items() if "." in k}
        naive = Oracle(chosen, resolve(chosen["preset"], flips)).evaluate()
        for name, value in naive.items():
            assert results[name][row] == pytest.approx(value, rel=1e-12), (name, chosen)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_value_of_every_assumption(preset):
    rng = np.random.default_rng(0)
    runs = []
    for name in NAMES:
        for value in REGISTRY[name].choices:
            chips = rng.permutation(len(CHIPS))[:2]
            drawn = [run(rng, CHIPS[chip], preset, []) for chip in chips]
            runs += [chosen | {f"assumption.{name}": value} for chosen in drawn]
    check(runs)


@pytest.mark.parametrize("flips", [4, 16])
def test_many_at_once(flips):
    rng = np.random.default_rng(flips)
    check(
        [
            run(rng, chip, preset, list(rng.choice(NAMES, flips, replace=False)))
            for chip in CHIPS
            for preset in PRESETS
        ]
    )
