"""Cost of a lane against error, for every method of the search on the embedded model's inputs.

A lane computes one element at a time: one of the 256 rows of Mugi, one of the 16 of a systolic
array's vector unit. Its area is that of the components that switch in the operation, over the
lanes, with those that matrix products use as well (`area_used`) or without (`area_added`). Energy
is dynamic, of the array and of the input SRAM, which holds Mugi's lookup table. Output SRAM and
DRAM hold the same elements with any method and are left out. Costs are those of Llama 2 7B at batch
8 and 4096 tokens; those of other sizes than the evaluated follow from what the size instantiates.
"""

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from figures import marks, output, paper, work
from figures.runs import RUN, pick_runs, presets_of
from mugi.colours import DESIGN_COLOURS, MARKERS, colour_of
from mugi.files import read_table
from mugi.methods import Method, parse

# kind of method on a chip -> its name, the chip's design, variant and array height, and its colour
CHIPS = {
    "vlp": ("VLP (Mugi)", "mugi", "vlp", 256, "mugi"),
    "adaptive_vlp": ("adaptive VLP", "mugi", "vlp", 256, "carat"),
    "vlp_lut": ("VLP (Mugi-L)", "mugi", "lut", 256, "simd"),
    "pwl": ("PWL", "systolic", "pwl", 16, "pwl"),
    "taylor": ("Taylor", "systolic", "taylor", 16, "taylor"),
    "partial": ("PA (assumed)", "systolic", "taylor", 16, "tensor"),
    "exact": ("precise", "systolic", "mac", 16, "systolic"),
}
MODEL = "llama_2_7b"
GROUP = {"softmax": "softmax", "activation": "silu"}  # operation -> group of the cost model
COSTS = [
    *["area_used_um2_per_lane", "area_added_um2_per_lane", "energy_pj_per_element"],
    *["lane_cycles_per_element", "area_time_um2_us"],
]
# drawn: what a lane takes on the chip, what it burns, and what its throughput takes
DRAWN = {
    "area_used_um2_per_lane": "area of a lane [µm²]",
    "energy_pj_per_element": "energy of an element [pJ]",
    "area_time_um2_us": "area × time of an element [µm²·µs]",
}
HOLLOW = {"markerfacecolor": "none", "markeredgewidth": 0.5}
ERRORS = {"weighted_absolute_error": "mean |error|", "kl_divergence_nats": "KL [nats]"}
GEMMS = [f"dynamic_energy_{group}_nj" for group in work.GEMMS]
SEGMENTS, DEGREE, EXPONENTS = 22, 9, 12  # of the evaluated chips
MHZ = 400


def components(hardware: pd.DataFrame, breakdown: pd.DataFrame) -> pd.DataFrame:
    """Return the components that switch, by kind of chip and operation: area, energy an element."""
    chips = [(kind, *chip[1:4]) for kind, chip in CHIPS.items()]
    runs = pick_runs(hardware, chips, [MODEL], presets_of(hardware)[-1:])
    elements = work.operations(runs)
    of_operations = []
    for operation, group in GROUP.items():
        energy = f"dynamic_energy_{group}_nj"
        chip = runs[["chip", *RUN]].assign(
            operation=operation,
            lanes=runs["array_height"],
            lane_cycles_per_element=runs[f"cycles_{group}"]
            * runs["array_height"]
            / (elements[group] * 1e9),
        )
        parts = chip.assign(elements=elements[group] * 1e9).merge(breakdown, on=RUN)
        own = (parts["level"] == "array") | (parts["component"] == "isram")
        parts = parts[own & (parts[energy] > 0)]
        parts["energy_pj"] = 1e3 * parts[energy] / parts["elements"]
        parts["shared"] = parts[GEMMS].sum(axis=1) > 0
        of_operations.append(parts)
    table = pd.concat(of_operations, ignore_index=True)
    columns = ["chip", "operation", "lanes", "lane_cycles_per_element", "component", "level"]
    return table[[*columns, "area_mm2", "energy_pj", "shared"]]


def factors(method: Method, kind: str) -> tuple[dict[str, float], float]:
    """Return by how much a method's size multiplies components, and its time.

    Registers and comparators of PWL go with its segments; steps of a series with its degree; reads
    and registers of a lookup table with its exponents. Adaptive VLP has a second selector of
    windows and, an assumption, loads the 8 entries of one exponent every `leak` groups. Partial
    approximation, of which the cost model has no unit, is taken to run on the unit of the series:
    an addition, a clipping and two multiplications, in a cycle each.
    """
    if kind == "pwl":
        names = ["pwl_register", "pipeline_register", "pwl_encoder"]
        registers = dict.fromkeys(names, method.segments / SEGMENTS)
        return registers | {"pwl_comparator": (method.segments - 1) / (SEGMENTS - 1)}, 1.0
    if kind == "taylor":
        return {"taylor_register": method.degree / DEGREE}, (method.degree + 1) / (DEGREE + 1)
    if kind == "partial":
        return {"taylor_register": 2 / DEGREE}, 4 / (DEGREE + 1)
    if kind == "exact":
        return {}, 1.0
    size = {"isram": method.lut / EXPONENTS, "lut_register": method.lut / EXPONENTS}
    if kind == "adaptive_vlp":
        size["isram"] += 1 / (8 * method.leak)
        size["window_select"] = 2.0
    return size, 1.0


def steps(method: Method, kind: str) -> dict[str, float]:
    """Return by how much a method's size multiplies the switching, beyond its instances."""
    if kind == "partial":
        return {
            "multiplier_vector": 2 / DEGREE,
            "adder_vector": 1 / DEGREE,
            "register_vector": 4 / (DEGREE + 1),
        }
    if kind != "taylor":
        return {}
    moves = (method.degree + 1) / (DEGREE + 1)
    terms = dict.fromkeys(["multiplier_vector", "adder_vector"], method.degree / DEGREE)
    return terms | {"register_vector": moves}


def cost(parts: pd.DataFrame, method: Method, kind: str) -> dict[str, float]:
    """Return the costs of a lane; `parts` are the components of one chip and operation."""
    size, time = factors(method, kind)
    instances = parts["component"].map(size).fillna(1.0)
    moves = instances * parts["component"].map(steps(method, kind)).fillna(1.0)
    area = (parts["area_mm2"] * instances).where(parts["level"] == "array", 0.0)
    lanes = parts["lanes"].iloc[0]
    used = 1e6 * area.sum() / lanes
    cycles = parts["lane_cycles_per_element"].iloc[0] * time
    return {
        "area_used_um2_per_lane": used,
        "area_added_um2_per_lane": 1e6 * area[~parts["shared"]].sum() / lanes,
        "energy_pj_per_element": (parts["energy_pj"] * moves).sum(),
        "lane_cycles_per_element": cycles,
        "area_time_um2_us": used * cycles / MHZ,
    }


def points(fit: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Return costs and errors of every method; NaN where no chip of the cost model computes it."""
    fit = fit[(fit["layer"] == "all") & fit["error"].isin(ERRORS)]
    mugi_l = fit[fit["family"] == "vlp"].assign(family="vlp_lut")
    rows = []
    for (operation, kind, text), errors in pd.concat([fit, mugi_l]).groupby(
        ["operation", "family", "method"], sort=False
    ):
        method = parse(text)
        chip = parts[(parts["chip"] == kind) & (parts["operation"] == operation)]
        costs = cost(chip, method, kind) if has_chip(operation, kind, method) else {}
        costs = dict.fromkeys(COSTS, math.nan) | costs | {"arithmetic": arithmetic(method)}
        if kind == "vlp_lut" and not has_chip(operation, kind, method):
            continue  # it stands among those of `vlp`
        rows += [{**row, "family": kind, **costs} for row in errors.to_dict("records")]
    keys = ["inputs", "operation", "function", "family", "method", "arithmetic", "error", "value"]
    return pd.DataFrame(rows)[[*keys, *COSTS]]


def has_chip(operation: str, kind: str, method: Method) -> bool:
    """Return whether a chip of the cost model computes the operation by a method.

    Other mantissas are another sweep of the array's counters, other groups another array.
    """
    if kind not in CHIPS or (operation == "activation" and kind == "taylor"):
        return False
    return "vlp" not in kind or (method.mantissa, method.group) == (3, 256)


def arithmetic(method: Method) -> str:
    """Return the precision of a method's steps; the cost model's units are BF16."""
    fp32 = getattr(method, "coefficients", "") == "fp32" or (
        getattr(method, "evaluation", "") == "horner"
    )
    return "fp32" if fp32 else "bf16"


def front(table: pd.DataFrame, cost_name: str) -> pd.DataFrame:
    """Return the rows of one operation and error that no other beats in both cost and error."""
    table = table.dropna(subset=cost_name).sort_values([cost_name, "value"], kind="stable")
    return table[table["value"] < table["value"].cummin().shift(fill_value=float("inf"))]


def make(paths: list[Path], stem: Path) -> None:
    """Draw the figure from the tables of the search, of runs and of their breakdown."""
    tables = {path.stem: path for path in paths}
    fit = read_table(tables["fit"], ["inputs", "operation", "family", "method", "error"], ["value"])
    hardware = read_table(tables["hardware"], RUN, ["cycles_softmax", "cycles_silu"])
    breakdown = read_table(tables["breakdown"], [*RUN, "component", "level"], ["area_mm2"])
    fit = fit[fit["inputs"] == fit["inputs"].iloc[0]]
    table = points(fit, components(hardware, breakdown))
    panels = [panel for _, panel in table.groupby(["operation", "error"], sort=False)]
    size = (2 * paper.COLUMN_IN, 0.6 + 1.6 * len(panels))
    figure, axes = marks.panels(len(panels), len(DRAWN), size, sharey="row", sharex="col")
    for row, panel in zip(axes, panels, strict=True):
        first = panel.iloc[0]
        row[0].set_ylabel(f"{first['function']}: {ERRORS[first['error']]}")
        for axis, name in zip(row, DRAWN, strict=True):
            draw(axis, panel, name)
    for axis, label in zip(axes[-1], DRAWN.values(), strict=True):
        axis.set_xlabel(label)
    costed = table.dropna(subset=COSTS)
    kinds = {kind: CHIPS[kind][0] for kind in CHIPS if kind in set(costed["family"])}
    handles = [plt.Line2D([], [], ls="", **look(kind)) for kind in kinds]
    others = table.loc[table.index.difference(costed.index), "family"].unique()
    handles += [plt.Line2D([], [], ls=":", color=colour_of(kind)) for kind in others]
    hollow = {"ls": "", "marker": "o", "color": "0.3", "ms": 3.5}
    handles += [plt.Line2D([], [], **hollow | HOLLOW), plt.Line2D([], [], color="0.5", lw=0.6)]
    names = [*kinds.values(), *(f"{kind} (no chip)" for kind in others)]
    names += ["hollow: steps in FP32", "Pareto front"]
    figure.legend(handles, names, ncols=math.ceil(len(names) / 2), **marks.LEGEND)
    output.save_figure(figure, stem, marked(table).assign(preset=presets_of(hardware)[-1]))


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column a cost: whether the row is on its Pareto front."""
    panels = [panel for _, panel in table.groupby(["operation", "error"], sort=False)]
    for name in COSTS:
        kept = [index for panel in panels for index in front(panel, name).index]
        table = table.assign(**{f"on_front_{name}": table.index.isin(kept)})
    return table


def look(kind: str) -> dict:
    """Return how the points of a kind of method are drawn."""
    design = CHIPS[kind][4]
    colour, marker = DESIGN_COLOURS[design], MARKERS[design]
    return {"marker": marker, "color": colour, "markersize": 3.5, "markeredgewidth": 0}


def draw(axis, panel: pd.DataFrame, cost_name: str) -> None:
    """Draw every method and the Pareto front of one cost; without a chip, the least error."""
    uncosted = panel[panel[cost_name].isna()]
    for kind, least in uncosted.groupby("family")["value"].min().items():
        axis.axhline(least, color=colour_of(kind), ls=":", lw=0.8)
    panel = panel.drop(uncosted.index)
    best = front(panel, cost_name)
    axis.step(best[cost_name], best["value"], where="post", color="0.5", lw=0.6, zorder=0)
    for (kind, precision), rows in panel.groupby(["family", "arithmetic"], sort=False):
        hollow = HOLLOW if precision == "fp32" else {}
        axis.plot(rows[cost_name], rows["value"], ls="", **look(kind) | hollow)
    axis.set(yscale="log", xlim=(0, None))
    marks.tidy(axis)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
