"""Fig. 8: relative error of approximations of exp, SiLU and GELU, with a close-up at zero.

Dark are the methods that the sweep of Fig. 6 selects on the embedded model, light those of the
published figure's program.
"""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output, paper
from mugi.analysis.select import family_of
from mugi.colours import colour_of
from mugi.files import read_table
from mugi.methods import parse

CLOSE_UP = {"exp": (-0.5, 0.0), "silu": (-0.5, 0.5), "gelu": (-0.5, 0.5)}  # the paper's insets
EXACT = "exact"  # the control has no error to draw
SELECTED = "selected"  # folder of the tables of what Fig. 6 selects


def make(paths: list[Path], stem: Path) -> None:
    """Draw a row a function and a column a kind of method, each with its close-up."""
    columns = ["function", "method"], ["x", "relative_error_percent"]
    tables = [
        read_table(path, *columns).assign(selected=path.parent.name == SELECTED) for path in paths
    ]
    errors = pd.concat(tables, ignore_index=True)
    errors["family"] = errors["method"].map({m: family_of(parse(m)) for m in set(errors["method"])})
    errors = errors[errors["family"] != EXACT].sort_values("selected", kind="stable")
    errors = errors.drop_duplicates(["function", "method", "x"], keep="last", ignore_index=True)
    keys = ["function", "method", "selected"]
    by = {
        key: paper.chosen_by(*key) for key in errors[keys].drop_duplicates().itertuples(index=False)
    }
    errors["chosen_by"] = [by[key] for key in zip(*(errors[name] for name in keys), strict=True)]
    panels = {
        name: paper.in_order(errors.loc[errors["function"] == name, "family"], paper.KINDS)
        for name in paper.in_order(errors["function"], paper.FUNCTIONS)
    }
    most = max(map(len, panels.values()))
    figure, axes = marks.panels(
        len(panels), most, (max(2, most / 2) * paper.COLUMN_IN, 1.9 * len(panels))
    )
    for axis in axes.flat:
        axis.set_visible(False)
    for row, (function, kinds) in zip(axes, panels.items(), strict=True):
        for axis, kind in zip(row, kinds, strict=False):
            rows = errors[(errors["function"] == function) & (errors["family"] == kind)]
            panel(axis, rows, kind, CLOSE_UP.get(function, CLOSE_UP["silu"]))
        row[0].set_ylabel(f"{paper.FUNCTIONS.get(function, function)}\nerror [%]")
    output.save_figure(figure, stem, errors)


def panel(axis, rows: pd.DataFrame, kind: str, close_up: tuple[float, float]) -> None:
    """Draw the published and the selected method of one kind, and the close-up as an inset."""
    axis.set_visible(True)
    inset = axis.inset_axes((0.3, 0.6, 0.66, 0.36))
    curves = rows.groupby(["chosen_by", "method"], sort=False)
    for (by, _), curve in curves:
        light = "Fig. 6" not in by
        for where in (axis, inset):
            draw(where, curve, kind, light)
    texts = [f"{by}: {method.partition(':')[2] or method}" for (by, method), _ in curves]
    axis.set_title("\n".join([paper.KINDS.get(kind, kind), *texts]), fontsize=5)
    inside = rows[rows["x"].between(*close_up)]["relative_error_percent"]
    inside = inside[inside.abs() < 99]
    room = 0.1 * (inside.max() - inside.min()) + 0.1
    inset.set(xlim=close_up, ylim=(inside.min() - room, inside.max() + room))
    inset.tick_params(labelsize=4)
    axis.set(ylim=(-112, 250), yticks=[-100, 0, 100], xlabel="input")


def draw(axis, curve: pd.DataFrame, kind: str, light: bool) -> None:
    """Draw the error of one method."""
    colour = colour_of(kind)
    shade = marks.lighter(colour) if light else colour
    axis.axhline(0, color="0.8", lw=0.4, zorder=0)
    wide = 1.6 if light else 0.6  # seen on both sides of a dark line on top of it
    axis.plot(curve["x"], curve["relative_error_percent"], color=shade, lw=wide)
    marks.tidy(axis)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
