"""Random configurations, inside and outside the paper's, for property tests."""

import numpy as np
import pandas as pd

from mugi.assumptions import REGISTRY, acting_in

DESIGNS = [
    ("mugi", "vlp"), ("mugi", "lut"), ("carat", ""), ("systolic", "mac"), ("systolic", "figna"),
    ("systolic", "pwl"), ("systolic", "taylor"), ("simd", "mac"), ("simd", "figna"), ("tensor", ""),
]  # fmt: skip
TALL, SQUARE = [24, 48, 64, 128, 200, 256, 512], [4, 8, 12, 16, 20, 32, 64, 128]
MODELS = ["llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA"]
LENGTHS = [64, 65, 128, 256, 257, 300, 1000, 1024, 2048, 2500, 4096]


def random_runs(count: int, seed: int, flips: int = 0) -> pd.DataFrame:
    """Return `count` runs, each with up to `flips` assumptions flipped."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        design, variant = DESIGNS[rng.integers(len(DESIGNS))]
        heights = TALL if design in ("mugi", "carat") else [8] if design == "tensor" else SQUARE
        row = {
            "design": design,
            "variant": variant,
            "array_height": int(rng.choice(heights)),
            "noc_rows": int(rng.choice([1, 1, 2, 3, 4, 8])),
            "noc_cols": int(rng.choice([1, 1, 2, 4, 5, 8])),
            "model": str(rng.choice(MODELS)),
            "batch_size": int(rng.choice([1, 2, 3, 8, 16, 32])),
            "seq_len": int(rng.choice(LENGTHS)),
            "preset": str(rng.choice(["as-published", "corrected"])),
        }
        for name in rng.choice(
            sorted(acting_in("evaluate")), rng.integers(0, flips + 1), replace=False
        ):
            values = REGISTRY[name].choices
            row[f"assumption.{name}"] = values[rng.integers(len(values))]
        rows.append(row)
    return pd.DataFrame(rows)
