"""Fig. 4: distributions of the values and exponents that softmax and activation get."""

import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
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
LAYER_COLOURS = ["#0072B2", "#7A7A7A", "#D55E00"]  # early, middle, late
LAYER_NAMES = ["first", "middle", "last"]


def make(tables: list[Path], stem: Path) -> None:
    """Draw values and exponents by both recipes, a pair of columns a model."""
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
    rows = [(axis, recipe) for axis in AXES for recipe in RECIPES]
    columns = [(model, operation) for model in drawn["model"].unique() for operation in RANGES]
    size = (paper.COLUMN_IN * len(columns) / 2, 0.4 + 1.2 * len(rows))
    figure, axes = marks.panels(len(rows), len(columns), size)
    for row, (axis, recipe) in enumerate(rows):
        for column, (model, operation) in enumerate(columns):
            panel = {"axis": axis, "recipe": recipe, "model": model, "operation": operation}
            there = (drawn[list(panel)] == pd.Series(panel)).all(axis=1)
            draw(axes[row, column], drawn[there], axis, lengths)
        axes[row, 0].set_ylabel(f"{RECIPES[recipe]} [%]")
        for panel_axis in axes[row]:
            panel_axis.set_xlabel(axis)
    for column, (model, operation) in enumerate(columns):
        axes[0, column].set_title(f"{model}: {operation}")
    legend(figure, lengths)
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


def draw(axis, bins: pd.DataFrame, kind: str, lengths: list[int]) -> None:
    """Draw one panel: a curve a layer and length, colour by layer, darker the longer."""
    layers = sorted(bins["layer"].unique())
    for (layer, length), curve in bins.groupby(["layer", "seq_len"]):
        colour = LAYER_COLOURS[layers.index(layer)]
        shade = shades(colour, len(lengths))[lengths.index(length)]
        centre = (curve["bin_left"] + curve["bin_right"]) / 2
        axis.plot(centre, curve["percent"], color=shade, lw=0.7, marker="." * (kind != "value"))
    if kind == "exponent":
        axis.axvspan(-3.5, 4.5, color="0.93", zorder=0)
    axis.set_ylim(bottom=0)
    marks.tidy(axis)


def shades(colour: str, count: int) -> list:
    """Return `count` shades of a colour, light to full."""
    return sns.light_palette(colour, count + 1)[1:]


def legend(figure, lengths: list[int]) -> None:
    """Explain colours and shades above the panels, a row each."""
    rows = [
        [(f"{name} layer", c) for name, c in zip(LAYER_NAMES, LAYER_COLOURS, strict=True)],
        [(f"{n} tokens", c) for n, c in zip(lengths, shades("#333333", len(lengths)), strict=True)],
    ]
    columns = [entry for pair in zip_longest(*rows, fillvalue=("", "none")) for entry in pair]
    handles = [plt.Line2D([], [], color=colour) for _, colour in columns]
    labels = [label for label, _ in columns]
    figure.legend(handles, labels, ncols=len(columns) // 2, **marks.LEGEND)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
