"""Fig. 4: distributions of the values and exponents that softmax and activation get."""

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output
from mugi.accuracy.concentration import EXPONENTS, VALUES, drawn_layers, read_profile

RECIPES = {"lut": "LUT inputs", "published": "as published"}
AXES = ["value", "exponent"]
RANGES = {"softmax": (-20, 0), "activation": (-10, 10)}  # of values, as published
BIN = 0.05  # of values, as published
SMOOTHED_BINS = 20  # values: moving average, as published
EXPONENT_RANGE = (-8, 8)
COLUMNS = [
    *["model", "recipe", "operation", "layer", "layers", "seq_len"],
    *["axis", "bin_left", "bin_right", "percent"],
]
LAYER_NAMES = ["first", "middle", "last"]
DASHES = [":", "--", "-."]


def make(tables: list[Path], stem: Path) -> None:
    """Draw values and exponents by both recipes, a panel a layer, four rows a model."""
    profile = pd.concat([read_profile(path) for path in tables], ignore_index=True)
    keys = ["model", "recipe", "operation", "layer", "layers", "seq_len"]
    layers = profile[["layer", "layers"]].to_numpy()
    profile = profile[[layer in drawn_layers(total) for layer, total in layers]]
    bins = [
        part.assign(**dict(zip(keys, key, strict=True)))
        for key, group in profile.groupby(keys)
        for part in histograms(group, key[1], key[2])
    ]
    drawn = pd.concat(bins, ignore_index=True)[COLUMNS]
    lengths = sorted(drawn["seq_len"].unique())
    models = list(drawn["model"].unique())
    rows = [(model, axis, recipe) for model in models for axis in AXES for recipe in RECIPES]
    columns = [(operation, place) for operation in RANGES for place in range(len(LAYER_NAMES))]
    figure, axes = marks.panels(len(rows), len(columns), (marks.PAGE_IN, 0.4 + 1.1 * len(rows)))
    for row, (model, axis, recipe) in zip(axes, rows, strict=True):
        keys = pd.Series({"model": model, "axis": axis, "recipe": recipe})
        panels = drawn[(drawn[keys.index] == keys).all(axis=1)]
        for panel, (operation, place) in zip(row, columns, strict=True):
            draw(panel, panels[panels["operation"] == operation], place, lengths)
            panel.set_xlabel(axis, labelpad=1)
        row[0].set_ylabel(f"{model}\n" * (len(models) > 1) + f"{RECIPES[recipe]} [%]")
    for panel, (operation, place) in zip(axes[0], columns, strict=True):
        panel.set_title(f"{operation}, {LAYER_NAMES[place]} layer")
    lines = [plt.Line2D([], [], **look(length, lengths)) for length in lengths]
    names = [f"{length} tokens" for length in lengths]
    figure.legend(lines, names, ncols=len(names), **marks.LEGEND | {"handlelength": 2})
    output.save_figure(figure, stem, drawn)


def histograms(group: pd.DataFrame, recipe: str, operation: str) -> Iterator[pd.DataFrame]:
    """Yield the histograms of values and of exponents, in percent, of one curve.

    Values out of range are dropped before the percentage. The published exponent is that of frexp,
    one above the LUT's; there zeros fall into the bin -1, and masked inputs count in the whole.
    """
    codes, counts = group["code"].to_numpy(), group["count"].to_numpy()
    low, high = RANGES[operation]
    edges = np.arange(round((high - low) / BIN) + 1) * BIN + low
    in_bins, _ = np.histogram(VALUES[codes], np.append(edges[:-1], high + 1e-9), weights=counts)
    share = 100 * in_bins / max(1, in_bins.sum())
    smooth = np.convolve(share, np.ones(SMOOTHED_BINS) / SMOOTHED_BINS, mode="same")
    yield _bins("value", edges[:-1], edges[1:], smooth)

    zero = VALUES[codes] == 0
    finite = np.isfinite(VALUES[codes])
    published = recipe == "published"
    exponents = np.where(zero, -1, EXPONENTS[codes] + 1) if published else EXPONENTS[codes]
    whole = counts.sum() if published else counts[finite & ~zero].sum()
    bins = np.arange(EXPONENT_RANGE[0], EXPONENT_RANGE[1] + 1)
    counted = finite if published else finite & ~zero
    in_bins = np.array([counts[counted & (exponents == exponent)].sum() for exponent in bins])
    yield _bins("exponent", bins, bins, 100 * in_bins / max(1, whole))


def _bins(axis: str, left: np.ndarray, right: np.ndarray, percent: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"axis": axis, "bin_left": left, "bin_right": right, "percent": percent})


def draw(axis, bins: pd.DataFrame, place: int, lengths: list[int]) -> None:
    """Draw one layer of `bins`, first, middle or last, a curve a length, as high as all layers."""
    layers = sorted(bins["layer"].unique())
    axis.set_visible(place < len(layers))
    if not axis.get_visible():
        return
    exponents = "exponent" in bins["axis"].to_numpy()
    for length, curve in bins[bins["layer"] == layers[place]].groupby("seq_len"):
        centre = (curve["bin_left"] + curve["bin_right"]) / 2
        marker = {"marker": "."} if exponents else {}
        axis.plot(centre, curve["percent"], **look(length, lengths), **marker)
    if exponents:
        axis.axvspan(-3.5, 4.5, color="0.93", zorder=0)
    axis.set_ylim(0, 1.05 * bins["percent"].max())
    marks.tidy(axis)


def look(length: int, lengths: list[int]) -> dict:
    """Return how a length is drawn: the longer, the darker, and dashed unless it is the longest."""
    place = lengths.index(length)
    shades = sns.light_palette("#12344D", len(lengths) + 1)[1:]
    dashes = "-" if length == lengths[-1] else DASHES[place % len(DASHES)]
    return {"color": shades[place], "ls": dashes, "lw": 0.9, "ms": 3}


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
