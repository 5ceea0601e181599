"""Areas by open synthesis beside the published ones: component by component, array by array."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from figures import marks, output, paper
from mugi.errors import InputError
from mugi.files import read_table

PUBLISHED, OPEN = "#9AA5AD", "#0072B2"
UNITS = ["unit", "components", "open_adders", "published_adders"]
OPEN_AREAS = ["listed_adders", "missing_adders", "open_adders"]
BASELINE = "SA (16)"


def draw_units(axis, units: pd.DataFrame) -> None:
    """Draw each component's open area over its published one, on a logarithmic axis."""
    ratio = units["open_adders"] / units["published_adders"]
    for place, value in enumerate(ratio):
        axis.plot([1, value], [place, place], color=OPEN, lw=1)
        axis.plot(value, place, marker="o", color=OPEN, ms=2.5)
        side = (
            {"ha": "left", "xytext": (4, 0)} if value >= 1 else {"ha": "right", "xytext": (-4, 0)}
        )
        how = {"textcoords": "offset points", "va": "center", "fontsize": 4.5}
        axis.annotate(f"{value:.2g}", (value, place), **how, **side)
    axis.axvline(1, color="0.4", lw=0.6, zorder=0)
    axis.set_yticks(range(len(units)), units["unit"], fontsize=5)
    axis.set(xscale="log", xlim=(ratio.min() / 1.8, ratio.max() * 1.8))
    axis.set(ylim=(len(units) - 0.5, -0.5), title="open over published area")
    axis.set_xticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    axis.minorticks_off()
    marks.tidy(axis)


def draw_arrays(axis, arrays: pd.DataFrame) -> None:
    """Draw published and open bars of each array, what the list lacks hatched, over SA's."""
    base = arrays.set_index("label").loc[BASELINE]
    for place, row in enumerate(arrays.itertuples()):
        areas = (row.listed_adders, row.missing_adders, row.open_adders)
        listed, missing, total = (area / base["open_adders"] for area in areas)
        bars = {"height": 0.36, "edgecolor": "white", "lw": 0.3}
        if pd.notna(row.published_adders):
            published = row.published_adders / base["published_adders"]
            axis.barh(place - 0.2, published, color=PUBLISHED, **bars)
            axis.text(published + 0.04, place - 0.2, f"{published:.2f}", fontsize=5, va="center")
        axis.barh(place + 0.2, listed, color=OPEN, **bars)
        axis.barh(place + 0.2, missing, left=listed, color=OPEN, hatch="/////", **bars)
        text = f"{total:.2f} ({listed:.2f})" if missing else f"{total:.2f}"
        axis.text(total + 0.04, place + 0.2, text, fontsize=5, va="center")
    axis.set_yticks(range(len(arrays)), arrays["label"], fontsize=6)
    axis.set(ylim=(len(arrays) - 0.5, -0.6), title=f"area over that of {BASELINE}")
    axis.set_xlim(0, 1.25 * arrays["open_adders"].max() / base["open_adders"])
    marks.tidy(axis)


def make(tables: list[Path], stem: Path) -> None:
    """Draw the figure from the tables of arrays and of units."""
    arrays = read_table(tables[0], ["label", "published_adders"], OPEN_AREAS)
    published = pd.to_numeric(arrays["published_adders"])  # empty where the paper has no such array
    arrays = arrays.assign(published_adders=published)
    units = read_table(tables[1], UNITS, ["open_adders", "published_adders"])
    if BASELINE not in set(arrays["label"]):
        raise InputError(f"{tables[0]}: needs {BASELINE}")
    units = units.sort_values("unit", key=lambda names: names != "bf16_adder", kind="stable")
    figure, axes = marks.panels(1, 2, (2 * paper.COLUMN_IN, 3.4), width_ratios=[1, 1.2])
    draw_units(axes[0, 0], units)
    draw_arrays(axes[0, 1], arrays)
    handles = [
        plt.Rectangle((0, 0), 1, 1, facecolor=PUBLISHED),
        plt.Rectangle((0, 0), 1, 1, facecolor=OPEN),
        plt.Rectangle((0, 0), 1, 1, facecolor=OPEN, edgecolor="white", hatch="/////"),
    ]
    labels = ["published", "synthesised, in the published list", "synthesised, not in the list"]
    figure.legend(handles, labels, ncols=3, **marks.LEGEND)
    drawn = pd.concat(
        [
            arrays.rename(columns={"label": "name"}).assign(panel="arrays"),
            units[["unit", "open_adders", "published_adders"]]
            .rename(columns={"unit": "name", "open_adders": "listed_adders"})
            .assign(panel="units", missing_adders=0.0),
        ],
        ignore_index=True,
    )
    columns = ["panel", "name", "published_adders", "listed_adders", "missing_adders"]
    output.save_figure(figure, stem, drawn[columns])


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
