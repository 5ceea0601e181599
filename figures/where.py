"""Where the paper's conclusions hold: Mugi over the best rival, by batch size and length."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from figures import marks, output, paper
from mugi.errors import InputError
from mugi.files import read_table

KINDS = {"equal_area": "equal area", "equal_peak": "equal peak", "tensor_core": "Tensor (8)"}
METRICS = {
    "throughput": "tokens/s",
    "tokens_per_joule_with_dram": "tokens/J, DRAM",
    "throughput_per_area": "tokens/s/mm²",
}
HEIGHT = 256  # of the abstract
MOST = 4.0  # ratio of the darkest colour
POINT = ["model", "batch_size", "seq_len", "array_height"]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the height, kinds and metrics that are drawn."""
    heights = table["array_height"].unique()
    height = HEIGHT if HEIGHT in heights else heights.max()
    chosen = table["rival_kind"].isin(KINDS) & table["metric"].isin(METRICS)
    return table[chosen & (table["array_height"] == height)].reset_index(drop=True)


def draw(axis, cells: pd.DataFrame):
    """Draw one map, its limit at 1 and the paper's point; return its image."""
    grid = cells.pivot(index="batch_size", columns="seq_len", values="ratio")
    limit = np.log2(MOST)
    image = axis.pcolormesh(np.log2(grid), cmap="PuOr_r", vmin=-limit, vmax=limit, lw=0)
    holds = cells.pivot(index="batch_size", columns="seq_len", values="holds").loc[grid.index]
    for row, column in np.argwhere(~holds.to_numpy(bool)):
        # a stroke where it does not hold, for those who do not see the colours
        dark = abs(np.log2(grid.iloc[row, column])) > marks.DARK * limit
        ends = [column + 0.2, column + 0.8], [row + 0.2, row + 0.8]
        axis.plot(*ends, color="white" if dark else "0.25", lw=0.5)
    for cell in cells[cells["is_paper_point"]].itertuples():
        corner = grid.columns.get_loc(cell.seq_len), grid.index.get_loc(cell.batch_size)
        for colour, width in (("white", 2.2), ("black", 1.0)):
            axis.add_patch(plt.Rectangle(corner, 1, 1, fill=False, ec=colour, lw=width))
    axis.set_xticks(np.arange(len(grid.columns)) + 0.5, [named(n) for n in grid.columns])
    axis.set_yticks(np.arange(len(grid.index)) + 0.5, grid.index)
    axis.tick_params(length=0, pad=1, labelsize=4.5)
    axis.tick_params(axis="x", rotation=90)
    axis.spines[:].set_visible(False)
    return image


def named(length: int) -> str:
    """Return a length as it stands at an axis, such as 32k."""
    return f"{length // 1024}k" if length % 1024 == 0 else str(length)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the table of maps."""
    columns = [*POINT, "rival_kind", "metric", "holds", "is_paper_point"]
    table = shown(read_table(path, columns, ["ratio", "batch_size", "seq_len"]))
    if table.empty:
        raise InputError(f"{path}: no rows of {', '.join(KINDS)} and {', '.join(METRICS)}")
    models = list(table["model"].unique())
    size = (2 * paper.COLUMN_IN, 0.9 + 0.95 * len(models))
    figure, axes = marks.panels(len(models), len(KINDS) * len(METRICS), size)
    maps = [(kind, metric) for kind in KINDS for metric in METRICS]
    for row, model in zip(axes, models, strict=True):
        for axis, (kind, metric) in zip(row, maps, strict=True):
            wanted = {"model": model, "rival_kind": kind, "metric": metric}
            cells = table[(table[[*wanted]] == [*wanted.values()]).all(axis=1)]
            if cells.empty:
                axis.set_axis_off()
                continue
            image = draw(axis, cells)
            if axis is not row[0]:
                axis.set_yticklabels([])
            if model != models[-1]:
                axis.set_xticklabels([])
        row[0].set_ylabel(f"{model}\nbatch", fontsize=5)
    for axis, (kind, metric) in zip(axes[0], maps, strict=True):
        axis.set_title(f"{KINDS[kind]}\n{METRICS[metric]}", fontsize=5)
    figure.supxlabel("sequence length", fontsize=6)
    handles = [
        plt.Line2D([], [], color="0.25", lw=0.5, marker="$/$", ls="", ms=4),
        plt.Line2D([], [], marker="s", ls="", ms=5, mfc="none", mec="black"),
    ]
    figure.legend(handles, ["Mugi is not ahead", "the paper's point"], ncols=2, **marks.LEGEND)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=[-2, -1, 0, 1, 2], pad=0.01, aspect=30)
    bar.ax.set_yticklabels(["¼", "½", "1", "2", "4"], fontsize=5)
    bar.set_label("Mugi over the best rival", fontsize=5)
    output.save_figure(figure, stem, table)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
