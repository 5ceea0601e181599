"""Fig. 10: two mappings of a nonlinear operation walk through the array, from a simulated trace."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from figures import marks, output, paper
from figures.trace import read_trace

UNITS = ["column", "spike", "input", "mantissa", "exponent", "select", "output"]
OPERATIONS = ["exp", "silu", "gelu"]
COLOURS = ["#4F8FC0", "#E8871E"]  # of alternating mappings
PICKED = "#1A1A1A"
GAP = 3  # lanes between rows, for the text


def make(table: Path, stem: Path) -> None:
    """Draw LUT rows on the columns above; below, each row's spikes by column and its outputs."""
    drawn = read_trace(table, OPERATIONS, UNITS)
    rows = drawn["row"].nunique()
    lanes = int(drawn["column"].max()) + 1
    figure, axes = marks.panels(
        2,
        1,
        (paper.COLUMN_IN, 1.3 + 0.075 * rows * (lanes + GAP)),
        height_ratios=[lanes + 1, rows * (lanes + GAP)],
        sharex=True,
    )
    columns, array = axes[:, 0]
    draw_columns(columns, drawn[drawn["unit"] == "column"], lanes)
    draw_rows(array, drawn, lanes + GAP)
    for axis in (columns, array):
        marks.tidy(axis)
    last = int(drawn["cycle"].max())
    array.set(xlabel="cycle", xlim=(-0.6, last + 6), xticks=range(0, last + 1, 2))
    output.save_figure(figure, stem, drawn)


def squares(axis, cycle: pd.Series, lane: pd.Series, **looks) -> None:
    """Draw a square a cycle wide and a lane high at each place."""
    for x, y in zip(cycle, lane, strict=True):
        axis.add_patch(plt.Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, **looks))


def draw_columns(axis, passing: pd.DataFrame, lanes: int) -> None:
    """Draw which LUT row (the mantissa of its values) each column passes at each cycle."""
    for window, part in passing.groupby("window"):
        colour = COLOURS[window % len(COLOURS)]
        squares(axis, part["cycle"], part["column"], fc=colour, alpha=0.35, lw=0)
        for _, value in part.iterrows():
            axis.text(
                value["cycle"],
                value["column"],
                f"{value['count']:g}",
                ha="center",
                va="center_baseline",
                fontsize=4,
            )
    axis.set(ylim=(lanes - 0.4, -0.6), yticks=range(0, lanes, 2), ylabel="column")
    axis.set_title("LUT row on each column (mantissa)", loc="left", fontsize=6, pad=2)


def draw_rows(axis, signals: pd.DataFrame, pitch: int) -> None:
    """Draw a band a row: its mantissa spikes by column, the one its exponent picks, the output."""
    for window, part in signals.groupby("window"):
        colour = COLOURS[window % len(COLOURS)]
        spikes, picks = (part[part["unit"] == unit] for unit in ("spike", "select"))
        squares(axis, spikes["cycle"], spikes["row"] * pitch + spikes["column"], fc=colour, lw=0)
        squares(
            axis, picks["cycle"], picks["row"] * pitch + picks["column"],
            fc="none", ec=PICKED, lw=0.9,
        )  # fmt: skip
        for row, cells in part[part["row"].notna()].groupby("row"):
            values = cells.set_index("unit")["value"]
            picked = cells[cells["unit"] == "select"].iloc[0]
            at = row * pitch
            begin = cells["cycle"].min()
            fields = f"m {values['mantissa']:g}, col {values['exponent']:g}"
            text = f"x = {values['input']:.4g}: {fields}"
            axis.text(begin - 0.4, at - 1, text, fontsize=4.5, color=PICKED, va="center")
            shown = f"{values['output']:.3g}"
            if values["output"] != values["select"]:
                shown += f", not {values['select']:.2g}"
            axis.text(
                picked["cycle"] + 0.7, at + picked["column"], shown,
                fontsize=4.5, color=PICKED, va="center",
            )  # fmt: skip
    rows = sorted(signals["row"].dropna().unique())
    middle = (pitch - 3) / 2 - 0.5
    axis.set(yticks=[row * pitch + middle for row in rows])
    axis.set_yticklabels([f"row {row:g}" for row in rows])
    axis.set_ylim((max(rows) + 1) * pitch - 2, -2)
    title = "spikes by column, framed the one the exponent picks, and the output"
    axis.set_title(title, loc="left", fontsize=6, pad=2)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
