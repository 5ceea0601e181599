"""Fig. 3: the lookup table of a VLP approximation, by mantissa and exponent, and a worked lookup.

Drawn from the tables that models run with. The black frame is the sliding window that the group of
inputs written into the cells selects; the whole table is the LUT window.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
from mugi.files import read_table
from mugi.methods import FUNCTIONS

NUMBERS = ["mantissa", "exponent", "argument", "value"]


def make(table: Path, stem: Path) -> None:
    """Draw one panel a sign, and below them how each input of the group is looked up."""
    text = ["function", "method", "sign", "value_code", "in_sliding_window", "read_by"]
    entries = read_table(table, text, NUMBERS)
    entries["read_by"] = entries["read_by"].astype(str)
    signs = list(entries["sign"].unique())
    figure, axes = marks.panels(len(signs), 1, (2 * paper.COLUMN_IN, 0.7 + 2.1 * len(signs)))
    for axis, sign in zip(axes[:, 0], signs, strict=True):
        draw(axis, entries[entries["sign"] == sign])
    first = entries.iloc[0]
    axes[0][0].set_title(f"{first['function']}, {first['method']}")
    figure.supxlabel("\n".join(lookups(entries)), fontsize=6, family="monospace")
    output.save_figure(figure, stem, entries)


def draw(axis, entries: pd.DataFrame) -> None:
    """Draw the entries of one sign: BF16 values, the inputs that read them, and the window."""
    values = entries.pivot(index="mantissa", columns="exponent", values="value")
    read = entries.pivot(index="mantissa", columns="exponent", values="read_by")
    inside = entries.pivot(index="mantissa", columns="exponent", values="in_sliding_window")
    labels = values.map(lambda value: f"{value:.3g}")
    labels = labels + read.map(lambda inputs: f"\n← {inputs}" if inputs else "")
    shade = inside.astype(str).eq("True") * 1.0 + (read != "") * 1.0
    sns.heatmap(
        shade,
        annot=labels,
        fmt="",
        annot_kws={"size": 5, "color": "black"},
        cmap=sns.color_palette(["#F1F1F1", "#FBE3D3", "#F0A878"], as_cmap=True),
        vmin=0,
        vmax=2,
        cbar=False,
        linewidths=0.5,
        ax=axis,
    )
    columns = np.flatnonzero(inside.astype(str).eq("True").all())
    height = len(values)
    frame = plt.Rectangle(
        (columns[0], 0), len(columns), height, fill=False, ec="black", lw=1.4, clip_on=False
    )
    axis.add_patch(frame)
    sign, levels = entries["sign"].iloc[0], height
    axis.set_yticks(np.arange(height) + 0.5, [f"{m}/{levels}" for m in values.index], rotation=0)
    axis.set(xlabel="exponent (one column)", ylabel=f"mantissa of {sign}x (one row)")
    axis.tick_params(length=0)


def lookups(entries: pd.DataFrame) -> list[str]:
    """Return a line for each input: rounded to a row and column, the value there, the exact one."""
    levels = entries["mantissa"].max() + 1
    lines = []
    for entry in entries[entries["read_by"] != ""].itertuples():
        for text in entry.read_by.split():
            exact = FUNCTIONS[entry.function](np.array(float(text)))
            lines.append(
                f"{text:>6} → {entry.sign}(1 + {entry.mantissa}/{levels})·2^{entry.exponent:<3}= "
                f"{entry.argument:8.5f} → {entry.function} = {entry.value:<8.3g} "
                f"({entry.value_code}); exact {exact:<8.3g}"
            )
    return lines


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
