"""What figures draw with: style, legends, bars, panels of bars, heat maps."""

import math
from textwrap import fill

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from figures.paper import COLUMN_IN, EVENT_COLOURS, LABELS, name_of
from mugi.colours import DESIGN_COLOURS, colour_of, hatch_of
from mugi.errors import InputError

LEGEND = {
    "loc": "outside upper center",
    "frameon": False,
    "handlelength": 0.8,
    "handletextpad": 0.3,
    "columnspacing": 0.9,
}
PAGE_IN = 7.6  # the widest figure: 2,280 dots, still read where a page has 1,600
CELL_IN = 0.22  # side of a cell of a heat map
PANEL_IN = 0.9  # of a panel of cells at least, for its title
CELL_COLOURS = sns.color_palette("blend:#FFFFFF,#D55E00", as_cmap=True)
DARK = 0.6  # from here on along the colours the text is white
CLOSEST = {"ec": "black", "lw": 1.2}
LOWEST = {"ec": DESIGN_COLOURS["carat"], "lw": 1.2, "ls": (0, (2, 1))}


def use_style() -> None:
    """Set fonts and lines for a figure one column wide."""
    sns.set_theme(context="paper", style="ticks")
    small = dict.fromkeys(["xtick.labelsize", "ytick.labelsize", "legend.fontsize"], 6)
    plt.rcParams.update(
        {
            **small,
            "font.size": 7,
            "axes.titlesize": 7,
            "axes.labelsize": 7,
            "axes.linewidth": 0.6,
            "hatch.linewidth": 0.3,
            "pdf.fonttype": 42,
            "savefig.dpi": 300,
        }
    )


def panels(
    rows: int,
    columns: int,
    size: tuple[float, float],
    **how,
):
    """Return a figure of `size` inches, in our style, and its axes, rows × columns."""
    use_style()
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **how)


def tidy(axis, **edges: bool) -> None:
    """Leave an axis short ticks and, but for `edges`, lines on the left and below only."""
    axis.tick_params(length=2, pad=1)
    sns.despine(ax=axis, **edges)


def lighter(colour: str):
    """Return a lighter shade of a colour."""
    return sns.blend_palette([colour, "white"], 5)[2]


def look(design: str, variant: str, hollow: bool = False) -> dict:
    """Return how a design's bars are filled: variants are hatched, the smaller of two sizes not."""
    colour = colour_of(variant, design)
    if hollow:
        return {"facecolor": "white", "edgecolor": colour, "lw": 0.6}
    hatch = hatch_of(variant, design)
    return {"facecolor": colour, "hatch": hatch, "edgecolor": "white", "lw": 0}


def legend(figure, looks: dict[str, dict], ncols: int) -> None:
    """Put a legend of filled squares (name -> how they are filled) on top of `figure`."""
    handles = [plt.Rectangle((0, 0), 1, 1, **{"lw": 0} | filled) for filled in looks.values()]
    figure.legend(handles, list(looks), ncols=ncols, **LEGEND)


def grouped_bars(axis, ratios: pd.DataFrame, looks: dict[str, dict]) -> None:
    """Draw a group of bars for each row of `ratios`, a bar for each column; nothing where NaN.

    Bars begin at 1: twice as much goes up as far as half as much goes down. A ratio of 1 is a line.
    """
    width = 0.86 / len(ratios.columns)
    for place, (name, values) in enumerate(ratios.items()):
        left = [group + (place - len(ratios.columns) / 2) * width for group in range(len(ratios))]
        bar = looks[name]
        axis.bar(left, values - 1, width, 1, align="edge", **bar)
        colour = bar["edgecolor" if bar["lw"] else "facecolor"]
        axis.hlines(values, left, [start + width for start in left], color=colour, lw=0.9)
    axis.set_xticks(range(len(ratios)), ratios.index)
    axis.set_xlim(-0.55, len(ratios) - 0.45)
    axis.axhline(1, color="0.4", lw=0.4, zorder=0)
    tidy(axis)
    axis.tick_params(axis="x", length=0)


def ratio_axis(axis, low: float, high: float) -> None:
    """Give an axis of ratios from `low` to `high` a logarithmic scale, with ticks that are read."""
    low, high = min(low, 1) / 1.08, max(high, 1) * 1.08
    steps = (1, 2, 5) if high / low > 5 else (1, 1.2, 1.5, 2, 3, 5, 6, 7, 8, 9)
    axis.set(yscale="log", ylim=(low, high))
    axis.yaxis.set_major_locator(LogLocator(subs=steps if high / low < 100 else (1,)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())


def bar_panels(panels_of: dict[str, list[pd.DataFrame]], titles: list[str], looks: dict):
    """Draw a row of panels of grouped bars for each y label of `panels_of`; return the figure.

    `titles` are those of the columns of panels.
    """
    figure, axes = panels(
        len(panels_of),
        len(titles),
        (2 * COLUMN_IN, 0.5 + 0.95 * len(panels_of)),
        width_ratios=[len(panel) for panel in next(iter(panels_of.values()))],
        sharex="col",
        sharey="row",
    )
    for axes_of_row, (label, bars) in zip(axes, panels_of.items(), strict=True):
        axes_of_row[0].set_ylabel(label, fontsize=6)
        bars = [panel.reindex(columns=list(looks)) for panel in bars]
        for axis, panel in zip(axes_of_row, bars, strict=True):
            grouped_bars(axis, panel, looks)
        drawn = pd.concat(bars)
        ratio_axis(axes_of_row[0], drawn.min(axis=None), drawn.max(axis=None))
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure


def stacked_panels(bars_of: dict[str, pd.DataFrame], value: str, label: str):
    """Draw a row of panels for each name of `bars_of`, one panel a model; return the figure.

    The y label is `label` and the row's name, as `value` is over Mugi(256) (bar M).
    """
    drawn = pd.concat(bars_of.values())
    models = drawn["model"].unique()
    figure, axes = panels(
        len(bars_of), len(models), (COLUMN_IN, 0.6 + 1.2 * len(bars_of)), sharey="row"
    )
    chips = drawn.drop_duplicates("bar").set_index("bar")
    for axes_of_row, (name, bars) in zip(axes, bars_of.items(), strict=True):
        axes_of_row[0].set_ylabel(f"{label} over M\n({name})")
        for axis, model in zip(axes_of_row, models, strict=True):
            stacked_bars(axis, bars[bars["model"] == model], value, list(chips.index))
    for axis, model in zip(axes[0], models, strict=True):
        axis.set_title(LABELS[model])
        bar_heights(axis, list(chips["array_height"]))
    stacked = set(drawn["event"])
    events = {LABELS[e]: {"facecolor": c} for e, c in EVENT_COLOURS.items() if e in stacked}
    legend(figure, events, ncols=len(events))
    names = [
        f"{bar}: {name_of(chip['design'], chip['variant'])}({chip['array_height']})"
        for bar, chip in chips.iterrows()
    ]
    figure.supxlabel("   ".join(names), fontsize=5)
    return figure


def stacked_bars(axis, bars: pd.DataFrame, value: str, letters: list[str]) -> None:
    """Draw one panel: a bar a letter, its events stacked in the order of the table."""
    panel = bars.set_index(["bar", "event"])[value].unstack()
    panel = panel.reindex(index=letters, columns=bars["event"].unique())
    panel.plot.bar(ax=axis, stacked=True, width=0.8, legend=False, color=EVENT_COLOURS, rot=0, lw=0)
    axis.set_xlabel("")
    tidy(axis)
    axis.tick_params(axis="x", length=0)


def bar_heights(axis, heights: list[int]) -> None:
    """Write the array height of each bar above the panel, as the paper does."""
    above = axis.secondary_xaxis("top")
    above.set_xticks(range(len(heights)), heights)
    above.tick_params(length=0, pad=0, labelsize=5, rotation=90)
    above.spines["top"].set_visible(False)


def heat_maps(panels_of: dict[str, dict[str, pd.DataFrame]], norm: Normalize, label: str):
    """Draw a row of heat maps for each model (what stands above it -> panels); return the figure.

    A panel (title -> cells) has `row` and `column` with what they are in `row_parameter` and
    `column_parameter`, `text` and `colour`, and bools `closest` and `lowest`.
    """
    rows_of = {title: in_rows(maps) for title, maps in panels_of.items()}
    tall = {
        title: [CELL_IN * max(cells["row"].nunique() for cells in row.values()) for row in rows]
        for title, rows in rows_of.items()
    }
    use_style()
    height = 0.5 + sum(0.35 + sum(row + 0.45 for row in rows) for rows in tall.values())
    figure = plt.figure(figsize=(PAGE_IN, height))
    top = height
    for title, rows in rows_of.items():
        top -= 0.35
        figure.text(0.35 / PAGE_IN, top / height, fill(title, 120), fontsize=7)
        for maps, high in zip(rows, tall[title], strict=True):
            top -= high + 0.45
            left = 0.35
            for name, cells in maps.items():
                shape = [CELL_IN * cells[side].nunique() for side in ["column", "row"]]
                heat_map(add_axes(figure, [left, top + 0.25, *shape]), cells, name, norm)
                left += width_of(cells)
    bar = add_axes(figure, [PAGE_IN - 2.5, 0.3, 2.2, 0.08])
    colours = plt.cm.ScalarMappable(norm, CELL_COLOURS)
    figure.colorbar(colours, cax=bar, extend="max", orientation="horizontal")
    bar.set_title(label, fontsize=6, pad=2)
    bar.xaxis.set_major_formatter("{x:g}")
    bar.tick_params(labelsize=6, length=2)
    handles = [
        Line2D([], [], marker="s", ls="", ms=6, mfc="none", mec=CLOSEST["ec"]),
        Line2D([], [], color=LOWEST["ec"], lw=LOWEST["lw"], ls=LOWEST["ls"]),
    ]
    names = ["closest to exact", "lowest loss (the paper's rule), where it is another cell"]
    figure.legend(handles, names, loc="lower left", ncols=2, frameon=False, fontsize=6)
    return figure


def in_rows(maps: dict[str, pd.DataFrame]) -> list[dict[str, pd.DataFrame]]:
    """Return heat maps in as many rows as a page is wide for."""
    rows, left = [{}], PAGE_IN - 0.35
    for name, cells in maps.items():
        if rows[-1] and width_of(cells) > left + 0.35:  # nothing stands beside the last one
            rows.append({})
            left = PAGE_IN - 0.35
        rows[-1][name] = cells
        left -= width_of(cells)
    return rows


def width_of(cells: pd.DataFrame) -> float:
    """Return the width of a heat map and of what stands between it and the next one, in inches."""
    return max(PANEL_IN, CELL_IN * cells["column"].nunique()) + 0.4


def add_axes(figure, box: list[float]):
    """Return axes at `box`: left, bottom, width and height in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes([box[0] / width, box[1] / height, box[2] / width, box[3] / height])


def heat_map(axis, cells: pd.DataFrame, title: str, norm: Normalize) -> None:
    """Draw one heat map: colours, texts, and frames around the best cells of the method."""
    if cells.duplicated(["row", "column"]).any():
        twice = cells[cells.duplicated(["row", "column"])].iloc[0]
        raise InputError(f"{title}: two methods at {twice['row']} × {twice['column']}")
    rows, columns = (sorted(cells[side].unique()) for side in ["row", "column"])
    colours = cells.pivot(index="row", columns="column", values="colour").astype(float)
    axis.pcolormesh(colours, norm=norm, cmap=CELL_COLOURS, edgecolors="white", lw=0.3)
    for cell in cells.itertuples():
        corner = columns.index(cell.column), rows.index(cell.row)
        dark = norm(cell.colour) > DARK
        middle = {"ha": "center", "va": "center", "color": "white" if dark else "0.15"}
        axis.text(corner[0] + 0.5, corner[1] + 0.5, cell.text, fontsize=4.5, **middle)
        for marked, frame in [(cell.closest, CLOSEST), (cell.lowest and not cell.closest, LOWEST)]:
            if marked:
                axis.add_patch(plt.Rectangle(corner, 1, 1, fill=False, clip_on=False, **frame))
    axis.set_xlabel(cells["column_parameter"].iloc[0], fontsize=6, labelpad=1)
    axis.set_ylabel(cells["row_parameter"].iloc[0], fontsize=6, labelpad=1)
    axis.set_xticks([n + 0.5 for n in range(len(columns))], map(tick, columns))
    axis.set_yticks([n + 0.5 for n in range(len(rows))], map(tick, rows), rotation=0)
    axis.tick_params(length=0, pad=1, labelsize=6)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=6.5, pad=2, loc="left")


def tick(value: object) -> str:
    """Return a parameter's value as it stands beside a heat map."""
    return value if isinstance(value, str) else f"{value:g}"


def short(value: float) -> str:
    """Return `value` in at most five characters."""
    if not math.isfinite(value):
        return str(value)
    for size, letter in [(1e6, "M"), (1e3, "k")]:
        if value >= size:
            return f"{value / size:.3g}{letter}" if value < 1e8 else ">99M"
    return f"{value:.4g}"
