"""Adaptive against fixed LUT windows when the inputs are larger or smaller than those fitted to.

Inputs of the embedded model, multiplied by powers of two. Fixed and adaptive windows are those that
are best on the inputs as they are, kept; 1 is the best fixed window of each shift, which nobody
knows beforehand.
"""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output, paper
from mugi.colours import DESIGN_COLOURS
from mugi.errors import InputError
from mugi.files import read_table
from mugi.methods import parse

LABELS = {
    "weighted_absolute_error": "mean |error|",
    "kl_divergence_nats": "KL to exact [nats]",
}
KEPT, EACH = "fixed", "fixed, of each shift"
LOOKS = {"adaptive": "mugi", KEPT: "carat"}


def make(table: Path, stem: Path) -> None:
    """Draw one panel an operation and error, one line a LUT size and kind of window."""
    text = ["inputs", "operation", "function", "layer", "family", "method", "error"]
    shifted = read_table(table, text, ["shift_log2", "value"])
    shifted = shifted[shifted["inputs"] == shifted["inputs"].iloc[0]]
    shifted = shifted[shifted["family"].isin(["vlp", "adaptive_vlp"])]
    if not ((shifted["family"] == "vlp") & (shifted["shift_log2"] == 0)).any():
        raise InputError(f"{table}: no fixed VLP window on inputs as they are (shift_log2 0)")
    keys = ["operation", "function", "error"]
    lines = pd.concat([compared(rows) for _, rows in shifted.groupby(keys, sort=False)])
    panels = [panel for _, panel in lines.groupby(keys, sort=False)]
    figure, axes = marks.panels(1, len(panels), (2 * paper.COLUMN_IN, 2.4))
    for axis, panel in zip(axes[0], panels, strict=True):
        draw(axis, panel)
    axes[0][0].set_ylabel("error over that of the best\nfixed window of each shift")
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=3, **marks.LEGEND)
    output.save_figure(figure, stem, lines)


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the best adaptive and the best fixed window of unshifted inputs, at every shift, and
    the best fixed one of each shift."""
    rows = rows.assign(lut_size=[parse(text).lut for text in rows["method"]])
    lines = []
    fixed_sizes = rows.loc[rows["family"] == "vlp", "lut_size"]
    for _, of_size in rows[rows["lut_size"].isin(fixed_sizes)].groupby("lut_size"):
        fixed = of_size[of_size["family"] == "vlp"]
        best_fixed = fixed.loc[fixed.groupby("shift_log2")["value"].idxmin()]
        least = best_fixed.set_index("shift_log2")["value"]
        windows = {}
        for window, family in {"adaptive": "adaptive_vlp", KEPT: "vlp"}.items():
            kind = of_size[of_size["family"] == family]
            unshifted = kind[kind["shift_log2"] == 0].sort_values("value", kind="stable")
            windows[window] = kind[kind["method"].isin(unshifted["method"].head(1))]
        windows[EACH] = best_fixed
        for window, line in windows.items():
            lines.append(line.assign(window=window, least=line["shift_log2"].map(least)))
    lines = pd.concat(lines)
    lines["value_over_best_fixed"] = lines["value"] / lines["least"]
    keys = ["inputs", "operation", "function", "error", "lut_size", "window", "method"]
    return lines[[*keys, "shift_log2", "value", "value_over_best_fixed"]]


def draw(axis, panel: pd.DataFrame) -> None:
    """Draw the lines of one operation and error, over the best fixed window of each shift."""
    axis.axhline(1, color="0.8", lw=0.6, zorder=0)
    smallest = panel["lut_size"].min()
    for (size, window), line in panel.groupby(["lut_size", "window"], sort=False):
        if window == EACH:
            continue
        axis.plot(
            line["shift_log2"],
            line["value_over_best_fixed"],
            ls=":" if size == smallest else "-",
            color=DESIGN_COLOURS[LOOKS[window]],
            label=f"{window}, LUT {size}",
        )
    first = panel.iloc[0]
    axis.set(yscale="log", xlabel="k, of inputs times 2$^k$")
    axis.set_title(f"{first['function']}: {LABELS.get(first['error'], first['error'])}")
    marks.tidy(axis)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
