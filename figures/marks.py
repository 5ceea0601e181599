"""What figures draw with: style, legends, bars, panels of bars, heat maps."""

import math

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from figures.paper import COLUMN_IN, EVENT_COLOURS, LABELS, name_of
from mugi.colours import DESIGN_COLOURS, colour_of
from mugi.errors import InputError

LEGEND = {
    "loc": "outside upper center",
    "frameon": False,
    "handlelength": 0.8,
    "handletextpad": 0.3,
    "columnspacing": 0.9,
}
CELL_IN = 0.2  # side of a cell of a heat map
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


def look(design: str, variant: str, light: bool = False) -> dict[str, str]:
    """Return how a design's bars are filled: FIGNA is hatched, the smaller of two sizes lighter."""
    colour = colour_of(variant, design)
    colour = lighter(colour) if light else colour
    return {"facecolor": colour, "hatch": "//////" * (variant == "figna"), "edgecolor": "white"}


def legend(figure, looks: dict[str, dict], ncols: int) -> None:
    """Put a legend of filled squares (name -> how they are filled) on top of `figure`."""
    handles = [plt.Rectangle((0, 0), 1, 1, lw=0, **fill) for fill in looks.values()]
    figure.legend(handles, list(looks), ncols=ncols, **LEGEND)


def grouped_bars(axis, values: pd.DataFrame, looks: dict[str, dict]) -> None:
    """Draw a group of bars for each row of `values`, a bar for each column; nothing where NaN."""
    width = 0.86 / len(values.columns)
    for place, name in enumerate(values):
        left = [group + (place - len(values.columns) / 2) * width for group in range(len(values))]
        axis.bar(left, values[name], width=width, align="edge", lw=0, **looks[name])
    axis.set_xticks(range(len(values)), values.index)
    axis.set_xlim(-0.55, len(values) - 0.45)
    axis.axhline(1, color="0.4", lw=0.4, zorder=0)
    tidy(axis)
    axis.tick_params(axis="x", length=0)


def bar_panels(panels_of: dict[str, list[pd.DataFrame]], titles: list[str], looks: dict):
    """Draw a row of panels of grouped bars for each y label of `panels_of`; return the figure.

    `titles` are those of the columns of panels.
    """
    figure, axes = panels(
        len(panels_of),
        len(titles),
        (COLUMN_IN, 0.5 + 0.9 * len(panels_of)),
        width_ratios=[len(panel) for panel in next(iter(panels_of.values()))],
        sharex="col",
    )
    for axes_of_row, (label, bars) in zip(axes, panels_of.items(), strict=True):
        axes_of_row[0].set_ylabel(label, fontsize=6)
        for axis, panel in zip(axes_of_row, bars, strict=True):
            grouped_bars(axis, panel.reindex(columns=list(looks)), looks)
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
            for tick, (_, chip) in zip(axis.get_xticklabels(), chips.iterrows(), strict=True):
                tick.set(color=colour_of(chip["variant"], chip["design"]), weight="bold")
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
    widths = [0.6 + sum(map(width_of, maps.values())) for maps in panels_of.values()]
    width = max(2 * COLUMN_IN, *widths)
    most_rows = [cells["row"].nunique() for maps in panels_of.values() for cells in maps.values()]
    most_rows = max(4, *most_rows)
    height = CELL_IN * most_rows + 0.62
    use_style()
    figure = plt.figure(figsize=(width, height * len(panels_of) + 0.25))
    for number, (title, maps) in enumerate(panels_of.items()):
        top = figure.get_figheight() - number * height
        figure.text(0.3 / width, (top - 0.1) / figure.get_figheight(), title, fontsize=6)
        left = 0.3
        for name, cells in maps.items():
            columns = cells["column"].nunique()
            box = [left, top - height + 0.3, CELL_IN * columns, CELL_IN * cells["row"].nunique()]
            heat_map(add_axes(figure, box), cells, name, norm)
            left += width_of(cells)
        bar = add_axes(figure, [left - 0.2, top - height + 0.3, 0.08, CELL_IN * most_rows])
        colours = plt.cm.ScalarMappable(norm, CELL_COLOURS)
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


def width_of(cells: pd.DataFrame) -> float:
    """Return the width of a heat map and of what stands between it and the next one, in inches."""
    return max(PANEL_IN, CELL_IN * cells["column"].nunique()) + 0.35


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
        axis.text(corner[0] + 0.5, corner[1] + 0.5, cell.text, fontsize=4, **middle)
        for marked, frame in [(cell.closest, CLOSEST), (cell.lowest and not cell.closest, LOWEST)]:
            if marked:
                axis.add_patch(plt.Rectangle(corner, 1, 1, fill=False, clip_on=False, **frame))
    axis.set_xlabel(cells["column_parameter"].iloc[0], fontsize=5, labelpad=1)
    axis.set_ylabel(cells["row_parameter"].iloc[0], fontsize=5, labelpad=1)
    axis.set_xticks([n + 0.5 for n in range(len(columns))], map(tick, columns))
    axis.set_yticks([n + 0.5 for n in range(len(rows))], map(tick, rows), rotation=0)
    axis.tick_params(length=0, pad=1, labelsize=5)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=6, pad=2, loc="left")


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
