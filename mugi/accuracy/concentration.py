"""Where the inputs that `mugi profile` counted lie."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.analysis.distribution import read_counts
from mugi.bf16 import CODES, from_bf16, split
from mugi.errors import InputError

PROFILE_COLUMNS = [
    *["model", "operation", "function", "recipe", "layer", "layers", "seq_len", "code", "count"],
]
EXPONENTS = split(CODES).exponent
"""Exponent of each BF16 code, that of the LUT: a value is ±1.m · 2**exponent."""
VALUES = from_bf16(CODES)
WINDOW = 8
"""Exponents of a sliding window, and of the range [-3, 4] in which the paper's §3.3 sees them."""
PAPER_LOW, PAPER_HIGH = -3, 4


def read_profile(path: Path) -> pd.DataFrame:
    """Read a table of `mugi profile`; `InputError` if it is missing, broken or another, or holds
    inputs that are not numbers."""
    try:
        return read_counts(path, PROFILE_COLUMNS)
    except InputError as error:
        made = ", which `mugi profile` makes"
        raise InputError(*(replace(m, where=m.where + made) for m in error.mistakes)) from None


def drawn_layers(layers: int) -> list[int]:
    """Return the first, middle and last layer, from 0, as the paper draws of 7B: 0, 15 and 31."""
    return sorted({0, max(0, layers // 2 - 1), layers - 1})


def concentration(profile: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each recipe, operation, layer and length.

    Layers, counted from 0, are also put together: `all`, `drawn` (the three of Fig. 4) and `deep`
    (the later half).

    inputs: finite inputs. masked_percent: -inf among all. zero_percent: zeros among the inputs.
    window_low_exponent, window_percent: the `WINDOW` consecutive exponents that hold most of the
    inputs other than zero, and how many. at_least_minus_3_percent, at_most_4_percent,
    within_minus_3_to_4_percent: exponents in the range of the paper's §3.3, likewise. median,
    mean: of the inputs' values.
    """
    keys = ["model", "recipe", "operation", "function", "layers", "seq_len"]
    layer, layers = profile["layer"], profile["layers"]
    shown = [number in drawn_layers(total) for number, total in zip(layer, layers, strict=True)]
    together = {"all": profile, "drawn": profile[shown], "deep": profile[layer >= layers // 2]}
    parts = [profile, *(part.assign(layer=name) for name, part in together.items())]
    rows = [
        dict(zip([*keys, "layer"], key, strict=True))
        | _describe(group["code"].to_numpy(), group["count"].to_numpy())
        for part in parts
        for key, group in part.groupby([*keys, "layer"])
    ]
    return pd.DataFrame(rows)


def _describe(codes: np.ndarray, counts: np.ndarray) -> dict[str, float]:
    """Return the statistics of `concentration` for inputs counted by code."""
    finite = np.isfinite(VALUES[codes])
    total, inputs = counts.sum(), counts[finite].sum()
    if not inputs:
        return {"inputs": 0, "masked_percent": 100.0, "median": None, "mean": None}
    order = np.argsort(VALUES[codes[finite]], kind="stable")
    values, weights = VALUES[codes[finite]][order], counts[finite][order]
    exponents = EXPONENTS[codes[finite]][order]
    nonzero = values != 0

    def percent(low: int, high: int) -> float:
        inside = nonzero & (exponents >= low) & (exponents <= high)
        return 100 * weights[inside].sum() / max(1, weights[nonzero].sum())

    lows = np.unique(exponents[nonzero]) if nonzero.any() else [0]
    low = max(lows, key=lambda low: percent(low, low + WINDOW - 1))
    return {
        "inputs": inputs,
        "masked_percent": 100 * (total - inputs) / total,
        "zero_percent": 100 * weights[~nonzero].sum() / inputs,
        "window_low_exponent": low,
        "window_percent": percent(low, low + WINDOW - 1),
        "at_least_minus_3_percent": percent(PAPER_LOW, 1000),
        "at_most_4_percent": percent(-1000, PAPER_HIGH),
        "within_minus_3_to_4_percent": percent(PAPER_LOW, PAPER_HIGH),
        "median": values[np.searchsorted(weights.cumsum(), inputs / 2)],
        "mean": (values * weights).sum() / inputs,
    }
