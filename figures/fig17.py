"""Fig. 17: throughput and efficiency of networks of nodes, over SA(8)'s on a 4×4 mesh.

Geometric means of Llama 2 7B, 13B, 70B and 70B GQA; the paper's caption names three models, its
numbers need all four. The paper's energy efficiency is throughput over energy. If the corrected
preset was run, the rows below show tokens/s and tokens/J of it.
"""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output, paper, work
from figures.runs import CHIP, RUN, chip_name, pick_runs, presets_of
from mugi.files import read_table

# groups of bars -> array height of the value-level designs, of SA and SD, nodes of the tensor core
GROUPS = {"64/8/S": (64, 8, (1, 1)), "128/16/2": (128, 16, (2, 1)), "256/SU/4": (256, 64, (2, 2))}
DESIGNS = {
    "Mugi": ("mugi", "vlp"),
    "Carat": ("carat", ""),
    "SA": ("systolic", "mac"),
    "SA-F": ("systolic", "figna"),
    "SD": ("simd", "mac"),
    "SD-F": ("simd", "figna"),
}
MESHES = {"": 4, " 8×8": 8}
TITLES = ["4×4 nodes (SU: one; tensor: 1, 2, 4)", "8×8 nodes"]
PUBLISHED = {
    "paper_throughput_gop_per_s": "Throughput",
    "paper_energy_efficiency_gop_per_s_per_j": "Energy eff.\n(speed/energy)",
    "paper_power_efficiency_gop_per_j": "Power eff.\n(work/energy)",
}
TOKENS = {
    "tokens_per_s": "Throughput",
    "tokens_per_s_per_j": "Energy eff.\n(speed/energy)",
    "tokens_per_j": "Tokens/J",
}
METRICS = {"published": PUBLISHED, "elements": TOKENS}  # by the rule nonlinear_work
VALUES = [*PUBLISHED, *TOKENS]
MODELS = {"four": list(paper.MODELS), "three": paper.MHA_MODELS}  # by the rule fig17_models
KEYS = ["preset", "group", "bar", *CHIP, "nodes", "area_mm2"]


def chips() -> list[tuple]:
    """Return group and bar, design, variant, array height and nodes of everything drawn."""
    bars = []
    for group, (height, side, tensor) in GROUPS.items():
        for name, run in DESIGNS.items():
            square = name[0] == "S"
            if square and side == 64:  # scaled up instead of out
                bars.append(((group, name), *run, side, 1, 1))
                continue
            size = side if square else height
            bars += [((group, f"{name}{mesh}"), *run, size, n, n) for mesh, n in MESHES.items()]
        bars.append(((group, "Tensor"), "tensor", "", 8, *tensor))
    return bars


def name_of_bar(design: str, variant: str, height: int, nodes: int, _: int) -> tuple[str, str]:
    """Return group and bar of a design that is not in the paper: a group of its own."""
    name = chip_name(design, variant, height)
    return name, name + next(mesh for mesh, n in MESHES.items() if n == nodes)


def metrics(hardware: pd.DataFrame, presets: list[str]) -> pd.DataFrame:
    """Return the metrics of every bar and their ratios to SA(8) on 4×4."""
    meant = {preset: MODELS[work.rules(hardware, preset)["fig17_models"]] for preset in presets}
    runs = pd.concat(
        [
            pick_runs(hardware, chips(), models, [preset], ((4, 4), (8, 8)), name_of_bar)
            for preset, models in meant.items()
        ],
        ignore_index=True,
    )
    published = work.efficiency(runs, work.published_gops(runs), work.ALL, "op")
    published = published.rename(columns={name.removeprefix("paper_"): name for name in PUBLISHED})
    runs = runs.assign(group=runs["chip"].str[0], bar=runs["chip"].str[1])
    table = runs[[*KEYS, *TOKENS]].join(published)
    means = work.geomean(table, KEYS, [*published, *TOKENS])
    return work.over_baseline(means, VALUES, {"group": "64/8/S", "bar": "SA"}, ["preset"])


def panels(means: pd.DataFrame, preset: str, value: str) -> list[pd.DataFrame]:
    """Return the bars of each panel: group × bar."""
    shown = means[means["preset"] == preset]
    groups = paper.in_order(means["group"], GROUPS)
    bars = shown.pivot(index="group", columns="bar", values=f"{value}_ratio").reindex(groups)
    large = bars.columns.str.endswith(" 8×8")
    return [
        bars.loc[:, large == bool(mesh)].rename(columns=lambda bar: bar.removesuffix(" 8×8"))
        for mesh in MESHES
    ]


def make(path: Path, stem: Path) -> None:
    """Draw the paper's three rows, and below them two of the corrected preset."""
    columns = [*work.COSTS, "area_mm2", *TOKENS]
    hardware = read_table(path, [*RUN, "nodes"], columns)
    presets = presets_of(hardware)
    means = metrics(hardware, presets)
    shown = work.drawn(
        hardware,
        presets,
        lambda rule: work.efficiencies(METRICS[rule["nonlinear_work"]], rule),
    )
    rows = {label: panels(means, preset, value) for preset, value, label in shown}
    bars = means.drop_duplicates("bar")[["bar", "design", "variant"]]
    looks = {
        bar: marks.look(design, variant)
        for bar, design, variant in bars.itertuples(index=False)
        if not bar.endswith(" 8×8")
    }
    figure = marks.bar_panels(rows, TITLES, looks)
    marks.legend(figure, looks, ncols=len(looks))
    figure.supxlabel(
        "height of Mugi, Carat / of SA, SD (SU: one 64×64 node) / tensor cores; "
        "bars over SA (8) on 4×4",
        fontsize=6,
    )
    output.save_figure(figure, stem, means)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
