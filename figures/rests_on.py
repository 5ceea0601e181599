"""What each claim rests on: how far one assumption moves it, on top of all corrections."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from figures import marks, output, paper
from mugi.errors import InputError
from mugi.files import read_table
from mugi.ledger import LEDGER, load_ledger

LEAST = 0.01  # relative: less is not drawn
MOST = 2.0  # factor of the darkest colour


def matrix(switches: pd.DataFrame, base: str = "corrected") -> pd.DataFrame:
    """Return the factor by which an assumption's value moves a claim most, a row a pair.

    Claims of one side only, such as the cells of a table, are left out.
    """
    claims = load_ledger(LEDGER)
    compared = [name for name in switches["claim"].unique() if claims[name].over]
    table = switches[(switches["base"] == base) & switches["claim"].isin(compared)].copy()
    table["factor"] = table["computed"] / table["base_value"]
    moved = np.log(table["factor"]).abs()
    table = table.assign(moved=moved)[moved >= np.log1p(LEAST)]
    strongest = table.sort_values("moved", ascending=False, kind="stable")
    strongest = strongest.drop_duplicates(["claim", "assumption"]).sort_index()
    return strongest.drop(columns="moved").reset_index(drop=True)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the table of switches."""
    columns = ["claim", "base", "assumption", "value"]
    table = matrix(read_table(path, columns, ["computed", "base_value"]))
    if table.empty:
        raise InputError(f"{path}: no assumption moves a claim")
    strength = np.log2(table["factor"]).abs().groupby(table["assumption"]).sum()
    order = list(strength.sort_values(ascending=False, kind="stable").index)
    grid = table.pivot(index="claim", columns="assumption", values="factor")
    grid = grid.loc[table["claim"].unique(), order]
    size = (2 * paper.COLUMN_IN, 1.2 + 0.14 * len(grid))
    figure, axes = marks.panels(1, 1, size)
    axis, limit = axes[0][0], np.log2(MOST)
    image = axis.imshow(np.log2(grid), cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    for row, claim in enumerate(grid.index):
        for column, name in enumerate(grid):
            factor = grid.loc[claim, name]
            if not np.isnan(factor):
                white = abs(np.log2(factor)) > marks.DARK * limit
                axis.text(column, row, f"{factor:.3g}", ha="center", va="center", fontsize=4.5,
                          color="white" if white else "black")  # fmt: skip
    axis.set_yticks(range(len(grid)), grid.index, fontsize=5)
    axis.set_xticks(range(len(order)), order, rotation=90, fontsize=5)
    axis.xaxis.tick_top()
    bar = figure.colorbar(image, ax=axis, shrink=0.4, ticks=[-1, 0, 1])
    bar.ax.set_yticklabels(["halved", "as it is", "doubled"], fontsize=5)
    output.save_figure(figure, stem, table)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
