"""What moves the abstract's figures: one assumption at a time, on top of all corrections."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
from mugi.colours import DESIGN_COLOURS
from mugi.errors import InputError
from mugi.files import read_table
from mugi.judge.multiverse import HEADLINES
from mugi.ledger import LEDGER, load_ledger

MOST_BARS = 8  # of a claim
LEAST = 0.01  # relative: less is not drawn
LOWER, HIGHER = DESIGN_COLOURS["carat"], DESIGN_COLOURS["mugi"]


def tornado(switches: pd.DataFrame, base: str = "corrected") -> pd.DataFrame:
    """Return the assumptions that move each headline most, the strongest first."""
    table = switches[(switches["base"] == base) & switches["claim"].isin(HEADLINES)].copy()
    table["ratio"] = table["computed"] / table["base_value"]
    table["moved"] = np.log(table["ratio"]).abs()
    table = table[table["moved"] >= np.log1p(LEAST)]
    ordered = table.sort_values(["claim", "moved"], ascending=[True, False], kind="stable")
    return ordered.groupby("claim").head(MOST_BARS).drop(columns="moved").reset_index(drop=True)


def draw(axis, bars: pd.DataFrame, claim) -> None:
    """Draw a bar a row, from the corrected value to the one of another assumption."""
    base = bars["base_value"].iloc[0]
    for place, row in enumerate(bars.itertuples()):
        low, high = sorted([base, row.computed])
        is_higher = row.computed > base
        colour, hatch = (HIGHER, "") if is_higher else (LOWER, "////")
        axis.barh(place, high - low, left=low, color=colour, height=0.7, hatch=hatch, ec="white")
        axis.text(row.computed, place, f" {row.computed:.3g} ", fontsize=4.5, va="center",
                  ha="left" if is_higher else "right")  # fmt: skip
    axis.axvline(base, color="black", lw=0.8)
    axis.axvline(claim.printed_number, color="0.4", lw=0.8, ls=":")
    labels = [f"{row.assumption}\n{row.value}" for row in bars.itertuples()]
    axis.set_yticks(range(len(bars)), labels, fontsize=4.5)
    axis.set(xscale="log", ylim=(MOST_BARS - 0.4, -0.6))
    axis.set_title(f"{claim.statement}\ncorrected {base:.3g}, printed {claim.printed}", fontsize=6)
    ends = [*bars["computed"], base, claim.printed_number]
    axis.set_xlim(min(ends) / 1.5, max(ends) * 1.5)
    ticks = np.unique([float(f"{x:.2g}") for x in np.geomspace(min(ends), max(ends), 4)])
    axis.set_xticks(ticks, [f"{x:g}" for x in ticks], minor=False)
    axis.minorticks_off()
    sns.despine(ax=axis)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the table of switches."""
    switches = read_table(
        path, ["claim", "base", "assumption", "value"], ["computed", "base_value"]
    )
    table, claims = tornado(switches), load_ledger(LEDGER)
    shown = list(table["claim"].unique())
    if not shown:
        raise InputError(f"{path}: no assumption moves a claim of {', '.join(HEADLINES)}")
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = marks.panels(rows, columns, (2 * paper.COLUMN_IN, 1.7 * rows))
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, shown, strict=False):
        draw(axis, table[table["claim"] == name], claims[name])
    output.save_figure(figure, stem, table)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
