"""`mugi explore`: evaluate sweeps over any column, and find and draw their Pareto fronts."""

import argparse
import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.colours import DESIGN_COLOURS
from mugi.errors import InputError, nearest, unknown
from mugi.files import pictures, read_yaml, write_bytes, write_table
from mugi.hardware import check_runs, evaluate, expand
from mugi.hardware.sweep import MOST_RUNS

KEYS = ("runs", "maximize", "minimize", "per", "keep")
KEEP = ("all", "front")
MOST_PANELS = 16
# columns added to those of `mugi.hardware.evaluate`
DERIVED = {
    "tokens_per_s_per_mm2": lambda table: table["tokens_per_s"] / table["area_mm2"],
    "latency_s_per_token": lambda table: table["runtime_s"] / table["seq_len"],
    "power_w": lambda table: table["total_energy_j"] / table["runtime_s"],
    "energy_delay_j_s": lambda table: table["total_energy_j"] * table["runtime_s"],
}
OTHER_COLOURS = ("#56B4E9", "#E69F00", "#7F3C8D", "#8C8C8C")


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for: runs, metrics, and the columns that each front is found within.

    `signs` maps a metric to 1 (less is better) or -1 (more is better).
    """

    runs: pd.DataFrame
    signs: dict[str, int]
    per: list[str]
    keep: str


def load_sweep(path: str) -> Sweep:
    """Read a sweep; raises InputError with a line for every mistake, those of single runs too."""
    sheet = read_yaml(path).content
    lines = [unknown("key", key, KEYS) for key in sheet if key not in KEYS]
    parts = []
    for read in (_runs, _signs, _per, _keep):
        try:
            parts.append(read(sheet))
        except InputError as error:
            lines += str(error).splitlines()
    if lines:
        raise InputError(*(f"{path}: {line}" for line in lines))
    return Sweep(*parts)


def explore(sweep: Sweep, progress: bool = False) -> pd.DataFrame:
    """Evaluate the runs of a sweep, in its order, with DERIVED and `pareto_front` added.

    A run is on the front of its group unless another is at least as good in every metric and better
    in one. With keep = front, the others are left out.
    """
    table = with_derived(evaluate(sweep.runs, progress))
    costs = table[list(sweep.signs)].to_numpy(float) * list(sweep.signs.values())
    front = np.zeros(len(table), bool)
    for rows in _groups(table, sweep.per):
        front[rows] = pareto_front(costs[rows])
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
    numbers = table.groupby(per, dropna=False, sort=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def with_derived(table: pd.DataFrame) -> pd.DataFrame:
    """Return results with the columns of DERIVED added."""
    return table.assign(**DERIVED)


@cache
def metrics() -> list[str]:
    """Return the columns that can be maximized or minimized: all numbers of a result."""
    run = {"design": "mugi", "array_height": 64, "model": "llama_2_7b", "batch_size": 1}
    table = with_derived(evaluate(pd.DataFrame([run | {"seq_len": 128}])))
    return list(table.select_dtypes("number"))


def _runs(sheet: dict) -> pd.DataFrame:
    grids = sheet.get("runs")
    if not isinstance(grids, list) or not all(isinstance(grid, dict) for grid in grids):
        raise InputError("runs must be a list of grids, each mapping columns to values")
    lines, expanded = [], []
    for number, grid in enumerate(grids, 1):
        values = {}
        for key, value in grid.items():
            try:
                values[key] = _values(value)
            except InputError as error:
                lines.append(f"grid {number}: {key}: {error}")
        expanded.append(values)
    if lines:
        raise InputError(*lines)
    runs = expand(expanded)
    mistakes = check_runs(runs)
    if mistakes:
        raise InputError(*(_by_mistake(mistakes, runs)))
    return runs


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
        raise InputError(
            f"a range is from, to, and step or factor, not {', '.join(map(str, value))}"
        )
    wrong = [key for key, number in value.items() if not _is_number(number)]
    if wrong:
        raise InputError(f"{wrong[0]} must be a number, not {value[wrong[0]]!r}")
    low, high = value["from"], value["to"]
    if low > high:
        raise InputError(f"from {low:g} is above to {high:g}")
    kind = "step" if "step" in value else "factor"
    pace = value[kind]
    if kind == "factor" and (pace <= 1 or low <= 0):
        raise InputError("a factor must be above 1, and its from above 0")
    if pace <= 0:
        raise InputError(f"step must be above 0, not {pace:g}")
    paces = (high - low) / pace if kind == "step" else math.log(high / low) / math.log(pace)
    if paces >= MOST_RUNS:
        raise InputError(f"a range of more than {MOST_RUNS:,} values")
    count = math.floor(paces + 1e-9) + 1  # `to` is in, though its quotient may be rounded down
    return [low + pace * i if kind == "step" else low * pace**i for i in range(count)]


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < 1e18  # not NaN


def _by_mistake(mistakes: list[str], runs: pd.DataFrame) -> list[str]:
    """Return a line for each different mistake of `check_runs`, with the first run that has it."""
    rows = {}
    for mistake in mistakes:
        line, _, text = mistake.partition(": ")
        if line.startswith("line "):
            rows.setdefault(text, []).append(int(line.removeprefix("line ")) - 2)
        else:
            rows[mistake] = []
    lines = []
    for text, places in rows.items():
        if places:
            first = runs.iloc[places[0]].dropna()
            shown = ", ".join(
                f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in first.items()
            )
            text += f" ({len(places)} of {len(runs)} runs; first {shown})"
        lines.append(text)
    return lines


def _names(sheet: dict, key: str) -> list[str]:
    names = sheet.get(key) or []
    return [str(name) for name in (names if isinstance(names, list) else [names])]


def _signs(sheet: dict) -> dict[str, int]:
    wanted = [(name, -1) for name in _names(sheet, "maximize")]
    wanted += [(name, 1) for name in _names(sheet, "minimize")]
    names = [name for name, _ in wanted]
    lines = [
        f"unknown metric '{name}'{nearest(name, metrics())}; docs/exploration.md lists them"
        for name in names
        if name not in metrics()
    ]
    lines += [
        f"metric '{name}' is named twice" for name in sorted(set(names)) if names.count(name) > 1
    ]
    if not names:
        lines = ["maximize or minimize must name a metric"]
    if lines:
        raise InputError(*lines)
    return dict(wanted)


def _per(sheet: dict) -> list[str]:
    names, columns = _names(sheet, "per"), {}
    if isinstance(sheet.get("runs"), list):
        columns = {str(key) for grid in sheet["runs"] if isinstance(grid, dict) for key in grid}
    wrong = [name for name in names if name not in columns]
    if wrong:
        texts = [unknown("column of runs", name, sorted(columns)) for name in wrong]
        raise InputError(*(f"per: {text}" for text in texts))
    return names


def _keep(sheet: dict) -> str:
    keep = sheet.get("keep", "all")
    if keep not in KEEP:
        raise InputError(f"keep: {unknown('value', keep, KEEP)}")
    return keep


def draw(table: pd.DataFrame, sweep: Sweep) -> dict[str, bytes]:
    """Return the plot of a sweep's first two metrics as pdf and png, and what it shows as csv.

    Colour and marker are the design's, large markers are on the front, a panel is a group. The
    front is a line if there are just these two metrics.
    """
    import matplotlib

    matplotlib.use("Agg")
    import seaborn

    x, y = list(sweep.signs)[:2]
    columns = dict.fromkeys([*sweep.runs, "variant", x, y, "pareto_front"])
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
    return {"chip": (design + " " + table["variant"]).str.strip(), "group": groups}


def _palette(chips: list[str]) -> dict[str, str]:
    """Return the colour of every chip: its variant's, its design's, or another."""
    colours, others = {}, 0
    for chip in chips:
        design, *variant = chip.split(" ")
        known = [DESIGN_COLOURS[name] for name in (*variant, design) if name in DESIGN_COLOURS]
        colours[chip] = known[0] if known else OTHER_COLOURS[others % len(OTHER_COLOURS)]
        others += not known
    return colours


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi explore`."""
    parser.add_argument("sweep", help="YAML of runs and metrics (docs/exploration.md)")
    parser.add_argument("-o", "--output", required=True, help="results as .csv or .parquet")
    parser.add_argument("--plot", metavar="STEM", help="write STEM.pdf, STEM.png and STEM.csv too")


def run(args: argparse.Namespace) -> None:
    """Write the results of a sweep, and its plot."""
    if not args.output.endswith((".csv", ".parquet")):
        raise InputError(f"'{args.output}' must end in .csv or .parquet")
    sweep = load_sweep(args.sweep)
    if args.plot:
        _check_plot(args, sweep)
    table = explore(sweep, progress=True)
    files = draw(table, sweep) if args.plot else {}
    write_table(table, args.output)
    for suffix, content in files.items():
        write_bytes(f"{args.plot}.{suffix}", content)
    print(f"{args.output}: {len(table)} rows, {table['pareto_front'].sum()} on the front")
    fitted = table["sram_fitted"].sum()
    if fitted:
        print(
            f"mugi explore: {fitted} rows have SRAM sizes CACTI was not run for;"
            " their SRAM costs are fitted (docs/hardware.md)",
            file=sys.stderr,
        )


def _check_plot(args: argparse.Namespace, sweep: Sweep) -> None:
    lines = []
    if len(sweep.signs) < 2:
        lines.append(f"{args.sweep}: --plot needs two metrics under maximize and minimize")
    panels = len(_groups(sweep.runs, sweep.per))
    if panels > MOST_PANELS:
        lines.append(
            f"{args.sweep}: per makes {panels} panels, more than the {MOST_PANELS} of a plot"
        )
    if Path(f"{args.plot}.csv") == Path(args.output):
        lines.append(f"--plot would write {args.output} too")
    if lines:
        raise InputError(*lines)
