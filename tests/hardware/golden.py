"""This project's own results, kept to notice unintended changes.

`python tests/hardware/golden.py compare` lists what differs from the files in data/;
`python tests/hardware/golden.py regenerate` rewrites them after an intended change.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.hardware import breakdown, evaluate, expand

DATA = Path(__file__).parent / "data"
BASE = {"model": ["llama_2_7b", "llama_2_70b_GQA"], "batch_size": 8, "seq_len": 1024}
PRESETS = {"preset": ["as-published", "corrected"]}
GRIDS = [
    {"design": "mugi", "variant": ["vlp", "lut"], "array_height": 256, **BASE, **PRESETS},
    {"design": "mugi", "array_height": [64, 128], **BASE, **PRESETS},
    {"design": "carat", "array_height": [128, 256], **BASE, **PRESETS},
    {"design": "systolic", "variant": ["mac", "figna", "pwl", "taylor"], "array_height": 16}
    | BASE
    | PRESETS,
    {"design": "simd", "variant": ["mac", "figna"], "array_height": [16, 64], **BASE, **PRESETS},
    {"design": "tensor", "array_height": 8, **BASE, **PRESETS},
]
MORE = [  # NoCs, and shapes outside the paper
    {"design": "mugi", "array_height": 256, "noc_rows": 4, "noc_cols": 4},
    {"design": "mugi", "array_height": 200, "noc_rows": 3, "noc_cols": 5},
    {"design": "systolic", "array_height": 16, "noc_rows": 8, "noc_cols": 8},
    {"design": "systolic", "array_height": 12, "array_width": 20, "noc_rows": 1, "noc_cols": 1},
    {"design": "carat", "array_height": 128, "noc_rows": 8, "noc_cols": 8},
    {"design": "tensor", "array_height": 8, "noc_rows": 2, "noc_cols": 1},
]


def golden() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return results and components of the golden runs."""
    runs = pd.concat(
        [expand(GRIDS), *(expand([grid | BASE | PRESETS]) for grid in MORE)], ignore_index=True
    )
    parts = breakdown(runs)
    parts.insert(0, "run", (parts["component"] == "isram").cumsum() - 1)
    return evaluate(runs), parts[
        ["run", "component", "area_mm2", "leakage_mw", "dynamic_energy_nj"]
    ]


def differences() -> list[str]:
    """Return a line for every column that is further than 1e-12 from its golden values."""
    lines = []
    for name, ours in zip(("golden", "golden_components"), golden(), strict=True):
        kept = pd.read_csv(DATA / f"{name}.csv")
        if len(kept) != len(ours) or list(kept) != list(ours):
            lines.append(f"{name}.csv: other rows or columns than now")
            continue
        for column in kept.select_dtypes("number"):
            scale = np.maximum(np.abs(kept[column]), 1e-300)
            error = float((np.abs(ours[column].astype(float) - kept[column]) / scale).max())
            if error > 1e-12:
                lines.append(f"{name}.csv: {column} differs by up to {error:.1e} relative")
    return lines


if __name__ == "__main__":
    if sys.argv[1:] == ["regenerate"]:
        for stem, table in zip(("golden", "golden_components"), golden(), strict=True):
            table.to_csv(DATA / f"{stem}.csv", index=False)
    elif sys.argv[1:] == ["compare"]:
        print("\n".join(differences()) or "no differences")
    else:
        sys.exit(__doc__)
