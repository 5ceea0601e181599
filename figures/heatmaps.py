"""What the heat maps of Fig. 6 share: which panel a method belongs to, where, and drawing it."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import style
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from mugi.errors import InputError
from mugi.methods import NATIVE, OPERATIONS, parse

# operation, method, anchored end of the LUT -> title; panels stand in this order
PANELS = {
    ("softmax", "vlp", "max"): "VLP softmax, max build",
    ("softmax", "vlp", "min"): "VLP softmax, min build",
    ("softmax", "pwl", ""): "PWL softmax",
    ("softmax", "taylor", ""): "Taylor softmax",
    ("activation", "vlp", "max"): "VLP SiLU/GELU, max build",
    ("activation", "vlp", "min"): "VLP SiLU/GELU, min build",
    ("activation", "pwl", ""): "PWL SiLU/GELU",
}
PANEL = ["operation", "method", "build"]
AXES = {
    "vlp": ("LUT size", "highest exponent", "lowest exponent"),
    "pwl": ("segments", "range", ""),
    "taylor": ("degree", "center", ""),
}
CELL_IN = 0.2  # side of a cell
PANEL_IN = 0.9  # of a panel at least, for its title
COLOURS = sns.color_palette("blend:#FFFFFF,#D55E00", as_cmap=True)
DARK = 0.6  # from here on along the colours the text is white
CLOSEST = {"ec": "black", "lw": 1.2}
LOWEST = {"ec": style.DESIGN_COLOURS["carat"], "lw": 1.2, "ls": (0, (2, 1))}


def places(table: pd.DataFrame) -> pd.DataFrame:
    """Return panel, row and column of each method in the columns softmax and activation.

    Rows that replace neither or both of the operations have no place: they are left out.
    """
    found = {}
    for index, (softmax, activation) in table[["softmax", "activation"]].iterrows():
        if (softmax == NATIVE) != (activation == NATIVE):
            operation = "softmax" if activation == NATIVE else "activation"
            place = _place(operation, softmax if activation == NATIVE else activation)
            found |= {index: place} if place else {}
    return pd.DataFrame.from_dict(found, orient="index", columns=[*PANEL, "row", "column"])


def _place(operation: str, text: str) -> tuple | None:
    method = parse(text, *OPERATIONS[operation])
    if method.name == "vlp":
        build = "max" if method.max_exp is not None else "min"
        anchor = method.max_exp if build == "max" else method.min_exp
        return operation, "vlp", build, method.lut, anchor
    if method.name == "pwl":
        return operation, "pwl", "", method.segments, method.range
    if method.name == "taylor":
        return operation, "taylor", "", method.degree, method.center
    return None


def best(cells: pd.DataFrame, column: str) -> pd.Series:
    """Return whether a cell has the lowest `column` of its model, operation and method."""
    return cells[column] == cells.groupby(["model", "operation", "method"])[column].transform("min")


def draw(cells: pd.DataFrame, norm: Normalize, label: str, titles: dict[str, str]):
    """Draw a row of panels for each model (name -> what stands above it); return the figure.

    `cells` has a panel, row and column, `text` and `colour`, and bools `closest` and `lowest`.
    """
    models = {model: panels_of(cells[cells["model"] == model]) for model in titles}
    width = max(0.6 + sum(map(width_of, panels.values())) for panels in models.values())
    width = max(2 * style.COLUMN_IN, width)
    rows = [panel["row"].nunique() for panels in models.values() for panel in panels.values()]
    rows = max(4, *rows)
    height = CELL_IN * rows + 0.62
    style.use_style()
    figure = plt.figure(figsize=(width, height * len(titles) + 0.25))
    for number, (model, panels) in enumerate(models.items()):
        top = figure.get_figheight() - number * height
        figure.text(0.3 / width, (top - 0.1) / figure.get_figheight(), titles[model], fontsize=6)
        left = 0.3
        for key, panel in panels.items():
            columns = panel["column"].nunique()
            box = [left, top - height + 0.3, CELL_IN * columns, CELL_IN * panel["row"].nunique()]
            heat_map(add_axes(figure, box), panel, key, norm)
            left += width_of(panel)
        bar = add_axes(figure, [left - 0.2, top - height + 0.3, 0.08, CELL_IN * rows])
        colours = plt.cm.ScalarMappable(norm, COLOURS)
        figure.colorbar(colours, cax=bar, extend="max").set_label(label, fontsize=5)
        bar.yaxis.set_major_formatter("{x:g}")
        bar.tick_params(labelsize=5, length=2)
    handles = [
        Line2D([], [], marker="s", ls="", ms=6, mfc="none", mec=CLOSEST["ec"]),
        Line2D([], [], color=LOWEST["ec"], lw=LOWEST["lw"], ls=LOWEST["ls"]),
    ]
    names = ["closest to exact", "lowest loss (the paper's rule), where it is another cell"]
    figure.legend(handles, names, loc="lower center", ncols=2, frameon=False, fontsize=6)
    return figure


def panels_of(cells: pd.DataFrame) -> dict[tuple, pd.DataFrame]:
    """Return the panels of one model that have cells, in the order of PANELS."""
    panels = {key: cells[(cells[PANEL] == list(key)).all(axis=1)] for key in PANELS}
    return {key: panel for key, panel in panels.items() if len(panel)}


def width_of(panel: pd.DataFrame) -> float:
    """Return the width of a panel and of what stands between it and the next one, in inches."""
    return max(PANEL_IN, CELL_IN * panel["column"].nunique()) + 0.35


def add_axes(figure, box: list[float]):
    """Return axes at `box`: left, bottom, width and height in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes([box[0] / width, box[1] / height, box[2] / width, box[3] / height])


def heat_map(axis, panel: pd.DataFrame, key: tuple, norm: Normalize) -> None:
    """Draw one panel: colours, texts, and frames around the best cells of the method."""
    if panel.duplicated(["row", "column"]).any():
        twice = panel[panel.duplicated(["row", "column"])].iloc[0]
        raise InputError(f"{PANELS[key]}: two methods at {twice['row']} × {twice['column']}")
    rows, columns = (sorted(panel[side].unique()) for side in ["row", "column"])
    colours = panel.pivot(index="row", columns="column", values="colour").astype(float)
    axis.pcolormesh(colours, norm=norm, cmap=COLOURS, edgecolors="white", lw=0.3)
    for cell in panel.itertuples():
        corner = columns.index(cell.column), rows.index(cell.row)
        dark = norm(cell.colour) > DARK
        middle = {"ha": "center", "va": "center", "color": "white" if dark else "0.15"}
        axis.text(corner[0] + 0.5, corner[1] + 0.5, cell.text, fontsize=4, **middle)
        for marked, look in [(cell.closest, CLOSEST), (cell.lowest and not cell.closest, LOWEST)]:
            if marked:
                axis.add_patch(plt.Rectangle(corner, 1, 1, fill=False, clip_on=False, **look))
    below = AXES[key[1]]
    axis.set_xlabel(below[2] if key[2] == "min" else below[1], fontsize=5, labelpad=1)
    axis.set_ylabel(below[0], fontsize=5, labelpad=1)
    axis.set_xticks([n + 0.5 for n in range(len(columns))], [f"{c:g}" for c in columns])
    axis.set_yticks([n + 0.5 for n in range(len(rows))], [f"{r:g}" for r in rows], rotation=0)
    axis.tick_params(length=0, pad=1, labelsize=5)
    axis.spines[:].set_visible(False)
    axis.set_title(PANELS[key], fontsize=6, pad=2, loc="left")


def short(value: float) -> str:
    """Return `value` in at most five characters."""
    if not math.isfinite(value):
        return str(value)
    for size, letter in [(1e6, "M"), (1e3, "k")]:
        if value >= size:
            return f"{value / size:.3g}{letter}" if value < 1e8 else ">99M"
    return f"{value:.4g}"
