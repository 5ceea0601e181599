"""Fig. 13: area and power by component, of one node without SRAM and of a 4×4 NoC, on Llama 2 7B.

The left panel counts as the paper does: what is named accumulator is in its own group and in the
accumulators too, and the control of Mugi is left out. If the corrected preset was run, the right
panel has every component of it once. Labels are totals.
"""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output, paper, work
from figures.runs import RUN, chip_name, pick_runs, presets_of
from mugi.files import read_table

CHIPS = [
    *[(f"Mugi ({height})", "mugi", "vlp", height) for height in (128, 256)],
    *[(f"Mugi-L ({height})", "mugi", "lut", height) for height in (128, 256)],
    *[(f"Carat ({height})", "carat", "", height) for height in (128, 256)],
    *[(f"SA-F ({height})", "systolic", "figna", height) for height in (8, 16)],
    *[(f"SD-F ({height})", "simd", "figna", height) for height in (8, 16)],
]
MODEL = "llama_2_7b"
# of a node, and browns for a NoC; told apart by lightness too, only small parts are pale
NODE = {
    "accumulator": ("Acc", "#12246F"),
    "fifo": ("FIFO", "#6594EC"),
    "pe": ("PE", "#8E5976"),
    "nonlinear": ("Nonlinear", "#F0961E"),
    "vector": ("Vector", "#1F6B14"),
    "tc": ("TC", "#F1DC89"),
    "value_reuse": ("VR", "#B9E6F2"),
    "control": ("Control", "#1E1412"),
}
NOC = {
    "array": ("Array", "#5B1A1A"),
    "sram": ("SRAM", "#B98A63"),
    "router": ("NoC", "#F0D9B5"),
}
OTHER = ("other", "#B0B0B0")  # groups of components that only other designs have
# rule fig13_groups -> accounting, and what the panel is called
ACCOUNTINGS = {
    "double_counted": ("as-published", "as published"),
    "partition": ("corrected", "each once"),
}
# level, measure -> unit of the label, factor to it; the bars of a chip from top to bottom
BARS = {
    ("node", "area_mm2"): ("mm²", 1),
    ("node", "power_mw"): ("mW", 1),
    ("noc", "area_mm2"): ("mm²", 1),
    ("noc", "power_mw"): ("W", 1e-3),
}
MEASURES = ["area_mm2", "leakage_mw", "dynamic_power_mw", "power_mw"]
KEYS = ["preset", "accounting", "level", "chip", "design", "variant", "array_height"]


def components(breakdown: pd.DataFrame, hardware: pd.DataFrame, presets: list[str]) -> pd.DataFrame:
    """Return area and power of every on-chip component, as published and, if run, corrected."""
    batch = {"batch_size": [paper.PAPER_RUN["batch_size"]]}
    parts = []
    for level, mesh in {"node": (1, 1), "noc": (4, 4)}.items():
        chips = [(*chip, *mesh) for chip in CHIPS]
        runs = pick_runs(hardware, chips, [MODEL], presets, (mesh,), name_of_node, **batch)
        runs = runs[["chip", "runtime_s", *RUN]].assign(level=level)
        parts.append(runs.merge(breakdown.rename(columns={"level": "part"}), on=RUN))
    table = pd.concat(parts, ignore_index=True)
    dynamic = table["dynamic_energy_nj"] * 1e-6 / table["runtime_s"]
    table = table.assign(dynamic_power_mw=dynamic, power_mw=table["leakage_mw"] + dynamic)
    array = (table["level"] == "node") & (table["part"] == "array")
    noc = (table["level"] == "noc") & (table["part"] != "dram")
    table["group"] = table["tag"].where(table["level"] == "node", table["part"])
    return table[array | noc]


def name_of_node(*chip: object) -> str:
    """Return what a chip is called whatever its network."""
    return chip_name(*chip[:3])


def groups(table: pd.DataFrame) -> pd.DataFrame:
    """Return the sum of each group, and of all in the group `total`, in both ways of counting."""
    node = table["level"] == "node"
    again = table[node & (table["component"] == "accumulator") & (table["group"] != "accumulator")]
    published = pd.concat([table[table["group"] != "control"], again.assign(group="accumulator")])
    ways = [published.assign(accounting="as-published"), table.assign(accounting="corrected")]
    both = pd.concat(ways, ignore_index=True)
    both = pd.concat([both, both.assign(group="total")])
    return both.groupby([*KEYS, "group"], sort=False)[MEASURES].sum().reset_index()


def draw(axis, sums: pd.DataFrame) -> None:
    """Draw a stacked bar of percents and its total for each chip and kind of bar."""
    chips = list(sums["chip"].unique())
    groups_of = {"node": NODE, "noc": NOC}
    for place, chip in enumerate(chips):
        for number, ((level, measure), (unit, factor)) in enumerate(BARS.items()):
            shown = sums[(sums["chip"] == chip) & (sums["level"] == level)]
            values, left, row = shown.set_index("group")[measure], 0.0, 5 * place + number
            if not len(values):  # another design, without a network of 4×4
                continue
            others = dict.fromkeys(set(values.index) - {*groups_of[level], "total"}, OTHER)
            for group, (_, colour) in (groups_of[level] | others).items():
                width = 100 * values.get(group, 0) / values["total"]
                axis.barh(row, width, left=left, height=0.85, color=colour, lw=0)
                left += width
            total = f"{values['total'] * factor:.1f} {unit}"
            axis.text(102, row, total, va="center", fontsize=4.5)
    axis.set_yticks([5 * place + 1.5 for place in range(len(chips))], chips)
    axis.set_ylim(5 * len(chips) - 0.8, -0.8)
    axis.set_xlim(0, 100)
    axis.set_xticks([0, 50, 100])
    marks.tidy(axis, left=True)
    axis.tick_params(axis="y", length=0)


def make(paths: list[Path], stem: Path) -> None:
    """Draw the figure from the tables of runs and of their breakdown, in any order."""
    tables = {path.stem: path for path in paths}
    hardware = read_table(tables["hardware"], RUN, ["runtime_s"])
    columns = [*RUN, "component", "tag", "level"]
    breakdown = read_table(tables["breakdown"], columns, [*MEASURES[:2], "dynamic_energy_nj"])
    presets = presets_of(hardware)
    sums = groups(components(breakdown, hardware, presets))
    panels = {}
    for preset in presets:
        accounting, name = ACCOUNTINGS[work.rules(hardware, preset)["fig13_groups"]]
        panels[preset, accounting] = "corrected, " * (preset != presets[0]) + name
    designs = sums.drop_duplicates("chip")["design"]
    height = 5.4 * max(1, len(designs) / len(CHIPS))
    figure, axes = marks.panels(1, len(panels), (paper.COLUMN_IN, height), sharey=True)
    for axis, ((preset, accounting), name) in zip(axes[0], panels.items(), strict=True):
        draw(axis, sums[(sums["preset"] == preset) & (sums["accounting"] == accounting)])
        axis.set_title(name, fontsize=6)
    figure.supxlabel("share [%] of: array area, array power, 4×4 area, 4×4 power", fontsize=6)
    colours = {name: {"facecolor": colour} for name, colour in (NODE | NOC).values()}
    marks.legend(figure, colours, ncols=6)
    output.save_figure(figure, stem, sums)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
