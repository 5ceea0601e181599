"""What all figures share: colours, fonts, picking rows, stacked panels, saving."""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from mugi.errors import InputError
from mugi.files import write_bytes, write_csv

COLUMN_IN = 3.3  # width of one column of the paper
# one colour per design, from Okabe and Ito's colour-blind-safe set (jfly.uni-koeln.de/color),
# the yellows darkened until text in them can be read on white
DESIGN_COLOURS = {
    "mugi": "#D55E00",
    "carat": "#0072B2",
    "systolic": "#007A5A",
    "simd": "#B0487F",
    "tensor": "#000000",
    "taylor": "#8A6D00",
    "pwl": "#5B6770",
}
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
MODELS = ["llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA"]
# the configuration of every table and figure here: paper §6.3, batch 8, sequence length 4096
PAPER_RUN = {"batch_size": 8, "seq_len": 4096}
# letter under a bar -> design, variant, array height (Figs. 15 and 16)
BARS = {
    "M": ("mugi", "vlp", 256),
    "C": ("carat", "", 256),
    "S": ("systolic", "mac", 16),
    "D": ("simd", "mac", 16),
    "T": ("systolic", "taylor", 16),
    "P": ("systolic", "pwl", 16),
}
BAR_NAMES = {"M": "Mugi", "C": "Carat", "S": "SA", "D": "SD", "T": "SA Taylor", "P": "SA PWL"}


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
    """Return the one row of `table` for each of `wanted`, in that order; else `InputError`."""
    rows, mistakes = [], []
    for keys in wanted:
        found = table
        for name, value in keys.items():
            found = found[found[name] == value]
        if len(found) != 1:
            text = ", ".join(f"{name}={value}" for name, value in keys.items())
            mistakes.append(f"{len(found)} rows with {text}; exactly one is needed")
        rows.append(found)
    if mistakes:
        raise InputError("\n".join(mistakes))
    return pd.concat(rows, ignore_index=True)


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
            **({"kv_heads": 8} if model == "llama_2_70b_GQA" else {}),
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
    event_legend(figure, [event for event in EVENT_COLOURS if event in drawn])
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


def event_legend(figure, events: list[str]) -> None:
    """Put the legend of stacked events in one line on top of `figure`."""
    handles = [plt.Rectangle((0, 0), 1, 1, color=EVENT_COLOURS[event]) for event in events]
    figure.legend(
        handles,
        [LABELS[event] for event in events],
        loc="outside upper center",
        ncols=len(events),
        frameon=False,
        handlelength=0.8,
        handletextpad=0.3,
        columnspacing=0.9,
    )


def save(figure, stem: Path, frame: pd.DataFrame) -> None:
    """Write `figure` as stem.pdf and stem.png, without dates, and its table as stem.csv."""
    files = {}
    for suffix, metadata in {"pdf": {"CreationDate": None}, "png": {"Software": None}}.items():
        content = io.BytesIO()
        figure.savefig(content, format=suffix, metadata=metadata)
        files[suffix] = content.getvalue()
    plt.close(figure)
    write_csv(frame, stem.with_name(f"{stem.name}.csv"))
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
