"""What all figures share: colours, fonts, picking rows, stacked panels, saving."""

import argparse
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from mugi.colours import DESIGN_COLOURS
from mugi.errors import InputError
from mugi.files import pictures, write_bytes, write_table

COLUMN_IN = 3.3  # width of one column of the paper
MISTAKES_SHOWN = 10
# stacked events: blues told apart by lightness too, warm for nonlinear, neutral for the rest
EVENT_COLOURS = {
    "projection": "#0B3C5D",
    "attention": "#4F8FC0",
    "ffn": "#B9D9EE",
    "nonlinear": "#E8871E",
    "output": "#3C3C3C",
    "embodied": "#9B9B9B",
}
LABELS = {
    "projection": "Projection",
    "attention": "Attention",
    "ffn": "FFN",
    "nonlinear": "Nonlinear",
    "output": "LM head",
    "embodied": "Embodied",
    "llama_2_7b": "7B",
    "llama_2_13b": "13B",
    "llama_2_70b": "70B",
    "llama_2_70b_GQA": "70B GQA",
}
# model -> KV heads in the paper's runs
MODELS = {"llama_2_7b": 32, "llama_2_13b": 40, "llama_2_70b": 64, "llama_2_70b_GQA": 8}
MHA_MODELS = [model for model in MODELS if not model.endswith("GQA")]
# the configuration of every table and figure here: paper §6.3, batch 8, sequence length 4096
PAPER_RUN = {"batch_size": 8, "seq_len": 4096}
RUN = [
    *["design", "variant", "array_height", "noc_rows", "noc_cols"],
    *["model", "kv_heads", "batch_size", "seq_len", "preset"],
]
# letter under a bar -> design, variant, array height (Figs. 15 and 16)
BARS = {
    "M": ("mugi", "vlp", 256),
    "C": ("carat", "", 256),
    "S": ("systolic", "mac", 16),
    "D": ("simd", "mac", 16),
    "T": ("systolic", "taylor", 16),
    "P": ("systolic", "pwl", 16),
}
# function and method of the published Fig. 8 (nonlinear_data.py of the authors' program)
PUBLISHED_FIG08 = {
    ("exp", "vlp:lut=12,max_exp=3"),
    ("exp", "pwl:segments=22,range=15"),
    ("exp", "taylor:degree=9,center=-4.5"),
    ("silu", "vlp:lut=11,max_exp=1"),
    ("silu", "pwl:segments=22,range=5"),
    ("silu", "partial"),
    ("gelu", "vlp:lut=11,max_exp=1"),
    ("gelu", "pwl:segments=22,range=5"),
}
# kind of approximation -> the design whose colour it has
KIND_COLOURS = {
    "vlp": "mugi",
    "adaptive_vlp": "carat",
    "pwl": "pwl",
    "taylor": "taylor",
    "partial": "simd",
    "exact": "tensor",
}
BAR_NAMES = {"M": "Mugi", "C": "Carat", "S": "SA", "D": "SD", "T": "SA Taylor", "P": "SA PWL"}
LEGEND = {
    "loc": "outside upper center",
    "frameon": False,
    "handlelength": 0.8,
    "handletextpad": 0.3,
    "columnspacing": 0.9,
}


def chosen_by(function: str, method: str, selected: bool) -> str:
    """Return who chose a method of Fig. 8: the sweep of Fig. 6, the authors or the user."""
    published = (function, method) in PUBLISHED_FIG08
    if selected:
        return "Fig. 6 and published" if published else "Fig. 6"
    return "published" if published else "configured"


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


def presets(table: pd.DataFrame) -> list[str]:
    """Return which presets of the hardware model `table` has, the published one first."""
    found = [name for name in ["as-published", "corrected"] if name in set(table["preset"])]
    if not found:
        raise InputError("column preset: neither 'as-published' nor 'corrected' is there")
    return found


def pick(table: pd.DataFrame, wanted: list[dict]) -> pd.DataFrame:
    """Return the one row of `table` for each of `wanted`, in that order; else `InputError`.

    All of `wanted` have the same keys.
    """
    keys = pd.DataFrame(wanted)
    numbered = keys.assign(_place=range(len(keys)))
    rows = table.merge(numbered, on=list(keys)).sort_values("_place", kind="stable")
    found = rows["_place"].value_counts().reindex(numbered["_place"], fill_value=0)
    mistakes = [
        f"{count} rows with {', '.join(f'{k}={v}' for k, v in wanted[place].items())}; "
        "exactly one is needed"
        for place, count in found.items()
        if count != 1
    ]
    if len(mistakes) > MISTAKES_SHOWN:
        mistakes[MISTAKES_SHOWN:] = [f"and {len(mistakes) - MISTAKES_SHOWN} more like these"]
    if mistakes:
        raise InputError(*mistakes)
    return rows.drop(columns="_place").reset_index(drop=True)


def pick_runs(
    table: pd.DataFrame, chips: list[tuple], models: list[str], presets: list[str], **lists
) -> pd.DataFrame:
    """Return the runs of every preset × model × value in `lists` × chip, in that order.

    A chip is a name (or any text), design, variant and array height, and rows and columns of nodes
    where it has a NoC; the column `chip` is its name.
    """
    lists = {**{key: [value] for key, value in PAPER_RUN.items()}, **lists}
    names, wanted = [], []
    for preset, model, *values, chip in product(presets, models, *lists.values(), chips):
        name, design, variant, height, *mesh = chip
        names.append(name)
        keys = {"preset": preset, "design": design, "variant": variant, "array_height": height}
        keys |= dict(zip(["noc_rows", "noc_cols"], mesh or (1, 1), strict=True))
        keys |= {"model": model, "kv_heads": MODELS[model]}
        wanted.append(keys | dict(zip(lists, values, strict=True)))
    runs = pick(table, wanted)
    runs.insert(0, "chip", names)
    return runs


def pick_bars(table: pd.DataFrame, letters: str, events: list[str], **keys) -> pd.DataFrame:
    """Return the rows behind stacked bars: models of `table` × `letters` × `events`, in order.

    A model is drawn if Mugi(256) was run on it; then every other design is needed on it too.
    """
    single = {**PAPER_RUN, "noc_rows": 1, "noc_cols": 1, **keys}
    mugi = table[(table["design"] == "mugi") & (table["seq_len"] == PAPER_RUN["seq_len"])]
    models = [model for model in MODELS if (mugi["model"] == model).any()]
    if not models:
        raise InputError(f"no run of mugi on any of {', '.join(MODELS)}")
    wanted = [
        {
            "model": model,
            **dict(zip(["design", "variant", "array_height"], BARS[letter], strict=True)),
            "kv_heads": MODELS[model],
            **single,
            "event": event,
        }
        for model in models
        for letter in letters
        for event in events
    ]
    bars = pick(table, wanted)
    bars.insert(0, "bar", [letter for _ in models for letter in letters for _ in events])
    return bars


def per_mugi_total(bars: pd.DataFrame, value: str) -> pd.Series:
    """Divide `value` by the sum over the events of Mugi(256) on the same model."""
    totals = bars[bars["bar"] == "M"].groupby("model")[value].sum()
    return bars[value] / bars["model"].map(totals)


def look(design: str, variant: str, light: bool = False) -> dict[str, str]:
    """Return how a design's bars are filled: FIGNA is hatched, the smaller of two sizes lighter."""
    colour = DESIGN_COLOURS.get(variant, DESIGN_COLOURS[design])
    if light:
        colour = sns.blend_palette([colour, "white"], 5)[2]
    return {"facecolor": colour, "hatch": "//////" * (variant == "figna"), "edgecolor": "white"}


def grouped_bars(axis, values: pd.DataFrame, looks: dict[str, dict]) -> None:
    """Draw a group of bars for each row of `values`, a bar for each column; nothing where NaN."""
    width = 0.86 / len(values.columns)
    for place, name in enumerate(values):
        left = [group + (place - len(values.columns) / 2) * width for group in range(len(values))]
        axis.bar(left, values[name], width=width, align="edge", lw=0, **looks[name])
    axis.set_xticks(range(len(values)), values.index)
    axis.set_xlim(-0.55, len(values) - 0.45)
    axis.axhline(1, color="0.4", lw=0.4, zorder=0)
    axis.tick_params(axis="x", length=0, pad=1)
    axis.tick_params(axis="y", length=2, pad=1)
    sns.despine(ax=axis)


def bar_panels(rows: dict[str, list[pd.DataFrame]], titles: list[str], looks: dict[str, dict]):
    """Draw a row of panels of grouped bars for each of `rows` (y label -> panels); return it all.

    `titles` are those of the columns of panels.
    """
    widths = [len(panel) for panel in next(iter(rows.values()))]
    figure, axes = plt.subplots(
        len(rows),
        len(titles),
        figsize=(COLUMN_IN, 0.5 + 0.9 * len(rows)),
        width_ratios=widths,
        sharex="col",
        layout="constrained",
        squeeze=False,
    )
    for axes_of_row, (label, panels) in zip(axes, rows.items(), strict=True):
        axes_of_row[0].set_ylabel(label, fontsize=6)
        for axis, panel in zip(axes_of_row, panels, strict=True):
            grouped_bars(axis, panel.reindex(columns=list(looks)), looks)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure


def stacked_panels(rows: dict[str, pd.DataFrame], value: str, label: str):
    """Draw one row of panels for each of `rows` (name -> bars), one panel a model; return it all.

    The y label is `label` and the row's name, as `value` is over Mugi(256) (bar M).
    """
    first = next(iter(rows.values()))
    models = first["model"].unique()
    figure, axes = plt.subplots(
        len(rows),
        len(models),
        figsize=(COLUMN_IN, 0.6 + 1.2 * len(rows)),
        sharey="row",
        layout="constrained",
        squeeze=False,
    )
    for axes_of_row, (name, bars) in zip(axes, rows.items(), strict=True):
        axes_of_row[0].set_ylabel(f"{label} over M\n({name})")
        for axis, model in zip(axes_of_row, models, strict=True):
            stacked_bars(axis, bars[bars["model"] == model], value)
    for axis, model in zip(axes[0], models, strict=True):
        axis.set_title(LABELS[model])
        bar_heights(axis, list(first["bar"].unique()))
    drawn = set(pd.concat(rows.values())["event"])
    events = {LABELS[e]: {"facecolor": c} for e, c in EVENT_COLOURS.items() if e in drawn}
    legend(figure, events, ncols=len(events))
    names = [f"{bar}: {BAR_NAMES[bar]}({BARS[bar][2]})" for bar in first["bar"].unique()]
    figure.supxlabel("   ".join(names), fontsize=5)
    return figure


def stacked_bars(axis, bars: pd.DataFrame, value: str) -> None:
    """Draw one panel: a bar a letter, its events stacked in the order of the table."""
    letters, events = bars["bar"].unique(), bars["event"].unique()
    panel = bars.set_index(["bar", "event"])[value].unstack().loc[letters, events]
    panel.plot.bar(ax=axis, stacked=True, width=0.8, legend=False, color=EVENT_COLOURS, rot=0, lw=0)
    axis.set_xlabel("")
    for tick in axis.get_xticklabels():
        design, variant, _ = BARS[tick.get_text()]
        tick.set(color=DESIGN_COLOURS.get(variant, DESIGN_COLOURS[design]), weight="bold")
    axis.tick_params(axis="x", length=0, pad=1)
    axis.tick_params(axis="y", length=2, pad=1)
    sns.despine(ax=axis)


def bar_heights(axis, letters: list[str]) -> None:
    """Write the array height of each bar above the panel, as the paper does."""
    heights = axis.secondary_xaxis("top")
    heights.set_xticks(range(len(letters)), [BARS[letter][2] for letter in letters])
    heights.tick_params(length=0, pad=0, labelsize=5, rotation=90)
    heights.spines["top"].set_visible(False)


def legend(figure, looks: dict[str, dict], ncols: int) -> None:
    """Put a legend of filled squares (name -> how they are filled) on top of `figure`."""
    handles = [plt.Rectangle((0, 0), 1, 1, lw=0, **fill) for fill in looks.values()]
    figure.legend(handles, list(looks), ncols=ncols, **LEGEND)


def save(figure, stem: Path, frame: pd.DataFrame) -> None:
    """Write `figure` as stem.pdf and stem.png, without dates, and its table as stem.csv."""
    files = pictures(figure)
    plt.close(figure)
    write_table(frame, stem.with_name(f"{stem.name}.csv"))
    for suffix, content in files.items():
        write_bytes(stem.with_name(f"{stem.name}.{suffix}"), content)


def run_script(make: Callable, description: str, tables: str | None = None) -> int:
    """Run a figure script: call `make(table, stem)` with the paths on the command line.

    With `tables="+"` the first is a list of paths. Returns 0, or 2 after printing one line for each
    mistake in the input.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("table", type=Path, nargs=tables, help="result table to draw")
    parser.add_argument("-o", "--output", type=Path, required=True, help="path without suffix")
    args = parser.parse_args()
    try:
        make(args.table, args.output)
    except InputError as error:
        for line in str(error).splitlines():
            print(f"{Path(sys.argv[0]).stem}: {line}", file=sys.stderr)
        return 2
    return 0
