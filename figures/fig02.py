"""Fig. 2: temporal spikes of INT4 weights pick multiples of BF16 inputs, from a simulated trace."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
from figures.trace import read_trace
from mugi.colours import DESIGN_COLOURS

UNITS = ["input", "weight", "column", "spike"]
COLOUR = DESIGN_COLOURS["mugi"]


def make(table: Path, stem: Path) -> None:
    """Draw the multiples on the first column, and every row's spikes in all columns below."""
    drawn = read_trace(table, ["gemm"], UNITS)
    figure, axes = marks.panels(2, 1, (paper.COLUMN_IN, 2.6), height_ratios=[1, 1.3], sharex=True)
    above, below = axes[:, 0]
    draw_multiples(above, drawn)
    draw_spikes(below, drawn)
    for axis in (above, below):
        for window in drawn["window"].unique():
            axis.axvline(8 * window - 0.5, color="0.8", lw=0.6, zorder=0)
        marks.tidy(axis)
    below.set(xlabel="cycle", xticks=range(0, int(drawn["cycle"].max()) + 1, 2))
    output.save_figure(figure, stem, drawn)


def draw_multiples(axis, signals: pd.DataFrame) -> None:
    """Draw what column 0 passes, and a dot where a row's spike takes it."""
    first = signals[signals["column"] == 0]
    for window, column in first[first["unit"] == "column"].groupby("window"):
        x = first[(first["unit"] == "input") & (first["window"] == window)]["value"].item()
        axis.step(column["cycle"], column["value"], where="mid", color="0.45", lw=0.8)
        middle = column["cycle"].mean()
        axis.annotate(f"multiples of x = {x:g}", (middle, 1.02), **above_axis(axis))
    taken = first[first["unit"] == "spike"]
    axis.plot(taken["cycle"], taken["value"], "o", color=COLOUR, ms=3)
    axis.set_ylabel("column 0")


def above_axis(axis) -> dict:
    """Return how a text is put above an axis, its x in cycles."""
    return {
        "xycoords": axis.get_xaxis_transform(),
        "ha": "center",
        "va": "bottom",
        "fontsize": 6,
    }


def draw_spikes(axis, signals: pd.DataFrame) -> None:
    """Draw one line a row: spikes, lighter the further the column; the weight at each window."""
    spikes = signals[signals["unit"] == "spike"]
    columns = sorted(spikes["column"].unique())
    shades = sns.light_palette(COLOUR, len(columns) + 2)[:1:-1]
    for column, shade in zip(columns, shades, strict=True):
        at = spikes[spikes["column"] == column]
        for window, part in at.groupby("window"):
            height = 0.28
            base = part["row"] + (window % 2) * height
            axis.vlines(part["cycle"], base - height, base, color=[shade], lw=2.6)
    for _, weight in signals[signals["unit"] == "weight"].iterrows():
        axis.annotate(
            f"w = {weight['value']:g}",
            (weight["cycle"] - 0.4, weight["row"] - 0.32),
            fontsize=5,
            va="bottom",
            bbox={"fc": "white", "ec": "none", "pad": 0.3, "alpha": 0.7},
        )
    rows = sorted(spikes["row"].unique())
    axis.set(yticks=rows, yticklabels=[f"row {row:g}" for row in rows])
    axis.set_ylim(max(rows) + 0.5, min(rows) - 0.75)
    handles = [plt.Line2D([], [], color=shade, lw=2.6) for shade in (shades[0], shades[-1])]
    names = [f"spike in column {columns[0]:g}", f"in column {columns[-1]:g}"]
    axis.figure.legend(handles, names, ncols=2, **marks.LEGEND)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
