"""`mugi concentration`: where the inputs that `mugi profile` counted lie."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.bf16 import CODES, from_bf16, split
from mugi.errors import InputError, nearest
from mugi.files import write_table

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
    """Read a table of `mugi profile`; `InputError` if it is missing, broken or another."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path}: {reason}; `mugi profile` makes it") from None
    missing = [name for name in PROFILE_COLUMNS if name not in table]
    if missing:
        names = [f"'{name}'{nearest(name, table.columns)}" for name in missing]
        raise InputError(f"{path}: missing column {', '.join(names)}")
    return table


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi concentration`."""
    parser.add_argument("profiles", nargs="+", type=Path, help="tables of `mugi profile`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tidy CSV")


def run(args: argparse.Namespace) -> None:
    """Describe every profile and write one table."""
    tables = [concentration(read_profile(path)) for path in args.profiles]
    write_table(pd.concat(tables), args.output)
