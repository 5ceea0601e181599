"""A row of the array at work: values on a column, spikes, products that wait, the adder."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from figures import marks, output, paper
from mugi.files import read_table

SIGNALS = [
    *["cycle", "count", "running", "column_0", "spikes_current", "spikes_previous", "full"],
    *["behind", "taken", "taken_column", "product", "partial_sum"],
]
WINDOW = 8  # cycles
COLOURS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7"]  # of windows


def columns_of(spikes: int) -> list[int]:
    """Return the columns whose bits are set."""
    return [column for column in range(8) if spikes >> column & 1]


def events(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is drawn: cycle, what (value, spike, waiting, taken), window, column, value."""
    rows, last = [], table.loc[table["running"] == 1, "cycle"].max() // WINDOW
    for one in table.itertuples():
        window = min(one.cycle // WINDOW, last)
        if one.running:
            rows.append((one.cycle, "value", window, 0, one.column_0))
        rows += [(one.cycle, "spike", window, c, 1.0) for c in columns_of(one.spikes_current)]
        rows += [(one.cycle, "spike", window - 1, c, 1.0) for c in columns_of(one.spikes_previous)]
        rows.append((one.cycle, "waiting", window, 0, float(len(columns_of(one.full)))))
    taken = table[table["taken"] == 1]
    for place, one in enumerate(taken.itertuples()):
        rows.append((one.cycle, "taken", place // 8, one.taken_column, one.product))
    return pd.DataFrame(rows, columns=["cycle", "what", "window", "column", "value"])


def draw(axes, drawn: pd.DataFrame) -> None:
    """Draw the four panels above each other, over the same cycles."""
    of = dict(iter(drawn.groupby("what")))
    small = {"fontsize": 4.5, "ha": "center", "va": "center"}
    for one in of["value"].itertuples():
        axes[0].text(one.cycle, 0, f"{one.value:g}", color=COLOURS[one.window], **small)
    axes[0].set(ylim=(-0.5, 0.5), yticks=[], title="value on the first column (its input is 1/8)")
    for what, axis, title in (
        ("spike", axes[1], "spike of the row, at a column"),
        ("taken", axes[3], "column whose product the adder takes"),
    ):
        for window, rows in of[what].groupby("window"):
            axis.plot(rows["cycle"], rows["column"], "o", ms=3, color=COLOURS[window])
        axis.set(ylim=(7.6, -0.6), yticks=[0, 7], title=title)
    waiting = of["waiting"]
    axes[2].bar(waiting["cycle"], waiting["value"], color="#9AA5AD", width=1)
    most = int(waiting["value"].max())
    axes[2].set(ylim=(0, most + 0.5), yticks=[0, most], title="products that wait for the adder")
    for axis in axes:
        axis.title.set_fontsize(6)
        for begin in range(0, int(drawn["cycle"].max()) + 1, WINDOW):
            axis.axvline(begin - 0.5, color="0.7", lw=0.5, zorder=0)
        marks.tidy(axis)
    axes[3].set(xlabel="cycle", xticks=range(0, int(drawn["cycle"].max()) + 1, WINDOW))


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the signals."""
    drawn = events(read_table(path, numbers=SIGNALS))
    size, heights = (2 * paper.COLUMN_IN, 3.2), {"height_ratios": [1, 3, 2, 3]}
    figure, axes = marks.panels(4, 1, size, sharex=True, gridspec_kw=heights)
    draw(axes[:, 0], drawn)
    windows = sorted(drawn["window"].unique())[: len(COLOURS)]
    weights = drawn[drawn["what"] == "taken"].groupby("window")["value"].first() * 8
    handles = [plt.Line2D([], [], marker="o", ls="", ms=3, color=COLOURS[w]) for w in weights.index]
    labels = [f"window {w + 1}, weight {weights[w]:g}" for w in windows if w in weights.index]
    figure.legend(handles, labels, ncols=len(labels), **marks.LEGEND)
    output.save_figure(figure, stem, drawn)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
