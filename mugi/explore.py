"""Sweeps over any column of the cost model: evaluated, their Pareto fronts found and drawn."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field

from mugi.colours import DESIGN_COLOURS, OTHER_COLOURS
from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, closest, raise_all, unknown
from mugi.files import pictures
from mugi.hardware import evaluate, expand, mistakes_by_run
from mugi.hardware.runs import MOST_RUNS
from mugi.schema import Section, validated

MOST_PANELS = 16
# columns added to those of `mugi.hardware.evaluate`
DERIVED = {
    "tokens_per_s_per_mm2": lambda table: table["tokens_per_s"] / table["area_mm2"],
    "latency_s_per_token": lambda table: table["runtime_s"] / table["seq_len"],
    "power_w": lambda table: table["total_energy_j"] / table["runtime_s"],
    "energy_delay_j_s": lambda table: table["total_energy_j"] * table["runtime_s"],
}


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for: runs, metrics, and the columns that each front is found within.

    `signs` maps a metric to 1 (less is better) or -1 (more is better).
    """

    runs: pd.DataFrame
    signs: dict[str, int]
    per: list[str]
    keep: str


def _values(value: object) -> list:
    """Return the values of one column of a grid: one, a list of them, or a range."""
    if isinstance(value, dict):
        return _range(value)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise InputError("an empty list has no runs")
    if any(isinstance(entry, dict | list) for entry in values):
        raise InputError("a list holds single values; a range stands alone")
    return values


def _range(value: dict) -> list[int | float]:
    if set(value) not in ({"from", "to", "step"}, {"from", "to", "factor"}):
        keys = ", ".join(map(str, value))
        raise InputError(f"a range is from, to, and step or factor, not {keys}")
    for key, number in value.items():
        if type(number) not in (int, float) or not abs(number) < 1e18:  # NaN neither
            raise InputError(f"{key} must be a number, not {number!r}")
    low, high, step, factor = (value.get(key) for key in ("from", "to", "step", "factor"))
    if low > high:
        raise InputError(f"from {low:g} is above to {high:g}")
    if step is None and (factor <= 1 or low <= 0):
        raise InputError("a factor must be above 1, and its from above 0")
    if step is not None and step <= 0:
        raise InputError(f"step must be above 0, not {step:g}")
    paces = (high - low) / step if step else math.log(high / low) / math.log(factor)
    if paces >= MOST_RUNS:
        raise InputError(f"a range of more than {MOST_RUNS:,} values")
    count = math.floor(paces + 1e-9) + 1  # `to` is in, though its quotient may be rounded down
    return [low + step * i if step else low * factor**i for i in range(count)]


def _names(value: object) -> list:
    """Return names from YAML: one, a list of them, or nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]


Values = Annotated[list, BeforeValidator(_values)]
Names = Annotated[list[str], BeforeValidator(_names)]


class Sheet(Section):
    """A sweep as its file has it: docs/howto/explore.md explains the keys."""

    runs: list[dict[str, Values]]
    maximize: Names = Field(default_factory=list)
    minimize: Names = Field(default_factory=list)
    per: Names = Field(default_factory=list)
    keep: Literal["all", "front"] = "all"


def load_sweep(path: str | Path) -> Sweep:
    """Read a sweep; raises InputError with every mistake, those of single runs too."""
    document = read_yaml(path).located()
    sheet = validated(Sheet, document)
    runs = pd.DataFrame()
    try:
        runs = expand(sheet.runs)
        mistakes = [("runs", mistake) for mistake in _by_mistake(mistakes_by_run(runs), runs)]
    except InputError as error:
        mistakes = [("runs", mistake) for mistake in error.mistakes]
    for key in ("maximize", "minimize"):
        for name in getattr(sheet, key):
            if name not in metrics():
                what = f"unknown metric '{name}'; docs/howto/explore.md lists them"
                mistakes.append((key, Mistake(what, nearest=closest(name, metrics()))))
    columns = sorted({column for grid in sheet.runs for column in grid})
    mistakes += [
        ("per", unknown("column of runs", name, columns))
        for name in sheet.per
        if name not in columns
    ]
    wrong = [mistake.at(document.where((key,))) for key, mistake in mistakes]
    names = Counter([*sheet.maximize, *sheet.minimize])
    if not names:
        wrong.append(Mistake("maximize or minimize must name a metric", document.where()))
    wrong += [
        Mistake(f"metric '{name}' is named twice", document.where())
        for name, count in sorted(names.items())
        if count > 1
    ]
    raise_all(wrong)
    signs = dict.fromkeys(sheet.maximize, -1) | dict.fromkeys(sheet.minimize, 1)
    return Sweep(runs, signs, sheet.per, sheet.keep)


def _by_mistake(by_run: list[tuple[int, Mistake]], runs: pd.DataFrame) -> list[Mistake]:
    """Return each different mistake of single runs once, with the first run that has it."""
    first = {mistake: run for run, mistake in reversed(by_run)}
    count = Counter(mistake for _, mistake in by_run)
    mistakes = []
    for mistake in count:
        shown = ", ".join(
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in runs.iloc[first[mistake]].dropna().items()
        )
        what = f"{mistake.what} ({count[mistake]} of {len(runs)} runs; first {shown})"
        mistakes.append(replace(mistake, what=what))
    return mistakes


def explore_sweep(*, sweep: Sweep, progress: bool = False) -> pd.DataFrame:
    """Evaluate the runs of a sweep, in its order, with DERIVED and `pareto_front` added.

    A run is on the front of its group unless another is at least as good in every metric and better
    in one. With keep = front, the others are left out.
    """
    table = evaluate(sweep.runs, progress).assign(**DERIVED)
    costs = table[list(sweep.signs)].to_numpy(float) * list(sweep.signs.values())
    front = np.zeros(len(table), bool)
    for group in _groups(table, sweep.per):
        front[group] = pareto_front(costs[group])
    table["pareto_front"] = front
    return table[front].reset_index(drop=True) if sweep.keep == "front" else table


def pareto_front(costs: np.ndarray) -> np.ndarray:
    """Return which rows no other row dominates, all columns minimized; equal rows share a fate."""
    distinct, index = np.unique(costs, axis=0, return_inverse=True)
    kept, left = np.zeros(len(distinct), bool), np.arange(len(distinct))
    while len(left):  # rows are in lexicographic order, so no later one dominates the first
        kept[left[0]] = True
        left = left[(distinct[left] < distinct[left[0]]).any(axis=1)]
    return kept[index.ravel()]


def _groups(table: pd.DataFrame, per: list[str]) -> list[np.ndarray]:
    """Return the rows of each combination of values of `per`, in order of appearance."""
    if not per:
        return [np.arange(len(table))]
    return list(table.groupby(per, dropna=False, sort=False).indices.values())


@cache
def metrics() -> list[str]:
    """Return the columns that can be maximized or minimized: all numbers of a result."""
    run = {"design": "mugi", "array_height": 64, "model": "llama_2_7b", "batch_size": 1}
    table = evaluate(pd.DataFrame([run | {"seq_len": 128}])).assign(**DERIVED)
    return list(table.select_dtypes("number"))


def draw(table: pd.DataFrame, sweep: Sweep) -> dict[str, bytes]:
    """Return the plot of a sweep's first two metrics as pdf and png, and what it shows as csv.

    Colour and marker are the design's, large markers are on the front, a panel is a group. The
    front is a line if there are just these two metrics.
    """
    import matplotlib

    matplotlib.use("Agg")
    import seaborn

    x, y = list(sweep.signs)[:2]
    columns = dict.fromkeys([*sweep.runs, "variant", "preset", x, y, "pareto_front"])
    shown = table[list(columns)].assign(**_labels(table, sweep.per))
    seaborn.set_theme(context="paper", style="ticks", font_scale=0.8)
    matplotlib.rcParams.update({"pdf.fonttype": 42, "savefig.dpi": 200})
    names = list(shown["chip"].unique())
    grid = seaborn.relplot(
        shown,
        x=x,
        y=y,
        hue="chip",
        hue_order=names,
        palette=_palette(names),
        style="chip",
        style_order=names,
        size="pareto_front",
        size_order=[True, False],
        sizes=[40, 12],
        col="group",
        col_wrap=min(3, shown["group"].nunique()),
        height=2,
        aspect=1.1,
        rasterized=True,
    )
    grid.set_titles("{col_name}")
    for group, axis in grid.axes_dict.items():
        if len(sweep.signs) == 2:
            front = shown[(shown["group"] == group) & shown["pareto_front"]].sort_values([x, y])
            steps = "steps-pre" if sweep.signs[x] < 0 else "steps-post"
            axis.plot(front[x], front[y], drawstyle=steps, color="0.6", lw=0.8, zorder=0)
        for scale, values in ((axis.set_xscale, shown[x]), (axis.set_yscale, shown[y])):
            if values.min() > 0 and values.max() > 20 * values.min():
                scale("log")
    files = {"csv": shown.to_csv(index=False, lineterminator="\n").encode()} | pictures(grid)
    matplotlib.pyplot.close(grid.figure)
    return files


def _labels(table: pd.DataFrame, per: list[str]) -> dict[str, pd.Series]:
    """Return what each run is in the plot: its chip, such as `systolic figna`, and its group."""
    design = table["design"].map(lambda name: Path(name).stem)
    groups = pd.Series("", index=table.index)
    for name in per:
        value = table[name].map(str)
        groups += (", " if groups.iloc[0] else "") + name.removeprefix("assumption.") + " " + value
    labels = {"chip": (design + " " + table["variant"]).str.strip(), "group": groups}
    # between two dollars matplotlib would read a formula
    return {name: text.str.replace("$", r"\$", regex=False) for name, text in labels.items()}


def _palette(chips: list[str]) -> dict[str, str]:
    """Return the colour of every chip: its variant's, its design's, or another."""
    colours, others = {}, cycle(OTHER_COLOURS)
    for chip in chips:
        design, *variant = chip.split(" ")
        known = next((name for name in (*variant, design) if name in DESIGN_COLOURS), None)
        colours[chip] = DESIGN_COLOURS[known] if known else next(others)
    return colours


def check_plot(sweep: Sweep) -> None:
    """Raise InputError if `draw` cannot draw a sweep."""
    mistakes, panels = [], len(_groups(sweep.runs, sweep.per))
    if len(sweep.signs) < 2:
        mistakes.append("--plot needs two metrics under maximize and minimize")
    if panels > MOST_PANELS:
        mistakes.append(f"per makes {panels} panels, more than the {MOST_PANELS} of a plot")
    raise_all(mistakes)
