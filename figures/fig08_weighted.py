"""Where the error of approximations comes from in a real model: how often each input occurs.

Top, the share of inputs; middle, the mean error there; bottom, the two multiplied, which adds up to
the mean absolute error over all inputs, in the legend.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from figures import marks, output, paper
from mugi.analysis.select import family_of
from mugi.colours import colour_of
from mugi.files import read_table
from mugi.methods import parse

NEAR, FAR = -8, 7  # powers of two: bins closer to zero are drawn as one, farther ones are not
ROWS = {
    "share_of_inputs": ("share of inputs", "linear"),
    "mean_absolute_error": ("mean |error|", "log"),
    "error_contribution": ("share × error", "log"),
}


def make(table: Path, stem: Path) -> None:
    """Draw a column a function of the first model."""
    text = ["inputs", "function", "method", "chosen_by"]
    weighted = read_table(table, text, ["input_low", "input_high", *ROWS])
    shown = weighted[weighted["inputs"] == weighted["inputs"].iloc[0]]
    rows = zip(shown["function"], shown["method"], shown["chosen_by"], strict=True)
    by = [paper.chosen_by(function, text, "Fig. 6" in by) for function, text, by in rows]
    shown = shown.assign(chosen_by=by)
    functions = paper.in_order(shown["function"], paper.FUNCTIONS)
    figure, axes = marks.panels(len(ROWS), len(functions), (2 * paper.COLUMN_IN, 4.6), sharex="col")
    for column, function in zip(axes.T, functions, strict=True):
        rows = shown[shown["function"] == function]
        draw(column, rows)
        column[0].set_title(f"{paper.FUNCTIONS.get(function, function)}, {rows['inputs'].iloc[0]}")
        column[-1].set_xlabel("input")
    for axis, (label, _) in zip(axes[:, 0], ROWS.values(), strict=True):
        axis.set_ylabel(label)
    output.save_figure(figure, stem, shown)


def places(rows: pd.DataFrame) -> pd.Series:
    """Return where on the axis a bin stands: 0 is zero, then two bins a power of two either way."""
    near = rows[["input_low", "input_high"]].abs().min(axis=1)
    with np.errstate(divide="ignore"):
        steps = 2 * (np.log2(near.clip(lower=2.0 ** (NEAR - 1))) - NEAR).round(2).clip(lower=-0.5)
    steps = np.floor(steps + 1)
    return np.where(rows["input_low"] + rows["input_high"] < 0, -steps, steps)


def draw(axes, rows: pd.DataFrame) -> None:
    """Draw one function: shares once, error and contribution of each method."""
    rows = rows.assign(place=places(rows))
    rows = rows[rows["place"].abs() <= 2 * (FAR - NEAR)]
    for (method, by), of_method in rows.groupby(["method", "chosen_by"], sort=False):
        summed = of_method.groupby("place")[["share_of_inputs", "error_contribution"]].sum()
        summed["mean_absolute_error"] = summed["error_contribution"] / summed["share_of_inputs"]
        kind = family_of(parse(method))
        look = {
            "color": colour_of(kind),
            "ls": "-" if "Fig. 6" in by else ":",
            "lw": 0.8,
        }
        total = of_method["error_contribution"].sum()
        for axis, name in zip(axes[1:], list(ROWS)[1:], strict=True):
            shown = summed[name].where(summed[name] > 0)
            label = f"{method} ({by}): {total:.2g}"
            axis.plot(summed.index, shown, drawstyle="steps-mid", label=label, **look)
    axes[0].bar(summed.index, summed["share_of_inputs"], width=1, color="0.7", lw=0)
    for axis, (_, scale) in zip(axes, ROWS.values(), strict=True):
        axis.set_yscale(scale)
        marks.tidy(axis)
    axes[1].set_ylim(bottom=1e-7)
    axes[2].set_ylim(bottom=1e-9)
    axes[2].legend(fontsize=4.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.35))
    ticks(axes[-1], rows["place"].min(), rows["place"].max())


def ticks(axis, low: float, high: float) -> None:
    """Label every fourth power of two, and zero."""
    at = {0: "0"}
    for power in range(NEAR + 4, FAR, 4):
        place = 2 * (power - NEAR) + 1
        at |= {place: f"$2^{{{power}}}$", -place: f"$-2^{{{power}}}$"}
    kept = {place: text for place, text in at.items() if low <= place <= high}
    axis.set_xticks(list(kept), list(kept.values()))


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
