"""Fig. 14: throughput and energy by batch size and sequence length, over SA(8)'s of batch 1.

Geometric means of Llama 2 7B, 13B and 70B. The paper's energy "per token" is dynamic energy over
the sequence length, not over batch times length, so that it rises with the batch. If the corrected
preset was run, the rows below show tokens/s, and total energy over all tokens: lower is better.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from figures import marks, output, paper, work
from figures.runs import RUN, pick_runs, presets_of
from mugi.colours import colour_of
from mugi.files import read_table

CHIPS = [
    ("Carat (64)", "carat", "", 64),
    ("Carat (256)", "carat", "", 256),
    ("SA (8)", "systolic", "mac", 8),
    ("SA (16)", "systolic", "mac", 16),
    ("SA-F (8)", "systolic", "figna", 8),
    ("SA-F (16)", "systolic", "figna", 16),
    ("SD (8)", "simd", "mac", 8),
    ("SD (16)", "simd", "mac", 16),
    ("SD-F (8)", "simd", "figna", 8),
    ("SD-F (16)", "simd", "figna", 16),
    ("Mugi (64)", "mugi", "vlp", 64),
    ("Mugi (256)", "mugi", "vlp", 256),
]
REFERENCE = "Mugi (256)"  # drawn behind all others
LENGTHS = [128, 256, 512, 1024, 2048, 4096]
BATCHES = [1, 2, 4, 8, 16, 32]
# rule nonlinear_work -> throughput, rule fig14_energy_per_token -> energy, with their labels
THROUGHPUT = {
    "published": ("paper_throughput_gop_per_s", "Throughput\n(op/s)"),
    "elements": ("throughput_tokens_per_s", "Throughput\n(tokens/s)"),
}
ENERGY = {
    "dynamic_per_position": ("paper_energy_j_per_position", "Dynamic energy\nper position"),
    "total_per_token": ("energy_per_token_j", "Energy per token\nlower is better"),
}
DRAWN = [column for column, _ in (*THROUGHPUT.values(), *ENERGY.values())]
VALUES = [*DRAWN, "dynamic_energy_per_token_j"]
CHIP = ["chip", "design", "variant", "array_height"]
KEYS = ["preset", "seq_len", "batch_size", *CHIP]


def metrics(hardware: pd.DataFrame, presets: list[str]) -> pd.DataFrame:
    """Return the metrics of every chip, batch size and length, and their ratios to SA(8)."""
    sweep = {"seq_len": LENGTHS, "batch_size": BATCHES}
    runs = pick_runs(hardware, CHIPS, paper.MHA_MODELS, presets, **sweep)
    dynamic = runs["dynamic_energy_nj"] * 1e-9
    runs = runs.assign(
        paper_throughput_gop_per_s=work.published_gops(runs) / runs["runtime_s"],
        paper_energy_j_per_position=dynamic / runs["seq_len"],
        throughput_tokens_per_s=runs["tokens_per_s"],
        energy_per_token_j=1 / runs["tokens_per_j"],
        dynamic_energy_per_token_j=dynamic / runs["tokens"],
    )
    means = work.geomean(runs, KEYS, VALUES)
    baseline = {"chip": "SA (8)", "batch_size": 1}
    means = work.over_baseline(means, VALUES, baseline, ["preset", "seq_len"])
    best = means.groupby(["preset", "seq_len", "chip"])["throughput_tokens_per_s"]
    return means.assign(
        throughput_over_best=means["throughput_tokens_per_s"] / best.transform("max")
    )


def panels(rule: Mapping) -> dict[str, str]:
    """Return the two metrics that are drawn, with their labels."""
    return dict([THROUGHPUT[rule["nonlinear_work"]], ENERGY[rule["fig14_energy_per_token"]]])


def draw(axis, means: pd.DataFrame, value: str, top: float) -> None:
    """Draw the arrays of one design: a line a length over the batch sizes, the longer the darker.

    The large array is solid, the others dashed; its shortest and longest length are labelled.
    `top` is the highest of all panels beside it.
    """
    design, variant = means[["design", "variant"]].iloc[0]
    shades = sns.light_palette(colour_of(variant, design), len(LENGTHS) + 2)[2:]
    large = means["array_height"].max()
    for (length, height), line in means.groupby(["seq_len", "array_height"], sort=False):
        dashes = "-" if height == large else (0, (2, 1))
        shade = shades[LENGTHS.index(length)]
        axis.plot(places(line), line[value], color=shade, ls=dashes, lw=0.8, marker=".", ms=2)
    full = means[(means["array_height"] == large) & (means["batch_size"] == BATCHES[-1])]
    ends = full.set_index("seq_len")[value].loc[[LENGTHS[0], LENGTHS[-1]]].sort_values()
    # the texts stand where the lines end, or as far apart as they are high
    apart = max(ends.iloc[1] - ends.iloc[0], 0.1 * top) / 2
    for (length, end), place in zip(ends.items(), [-apart, apart], strict=True):
        at = len(BATCHES) - 0.8, ends.mean() + place
        axis.text(*at, f"{length}: {end:.3g}", fontsize=5, va="center")
    axis.set_xlim(-0.3, len(BATCHES) + 2.2)
    axis.set_xticks(range(len(BATCHES)), BATCHES)
    marks.tidy(axis)


def places(line: pd.DataFrame) -> list[int]:
    """Return where on the axis each batch size of a line stands."""
    return [BATCHES.index(size) for size in line["batch_size"]]


def make(path: Path, stem: Path) -> None:
    """Draw a column a design: the paper's two metrics, below them two of the corrected preset."""
    columns = ["runtime_s", "dynamic_energy_nj", "tokens", "tokens_per_s", "tokens_per_j"]
    hardware = read_table(path, RUN, columns)
    presets = presets_of(hardware)
    means = metrics(hardware, presets)
    rows = work.drawn(hardware, presets, panels)
    named = zip(means["design"], means["variant"], strict=True)
    names = pd.Series([paper.name_of(*chip) for chip in named], index=means.index)
    designs = paper.in_order(names, paper.DESIGNS.values())
    size = (marks.PAGE_IN, 0.7 + 1.1 * len(rows))
    figure, axes = marks.panels(len(rows), len(designs), size, sharex=True, sharey="row")
    for axes_of_row, (preset, value, label) in zip(axes, rows, strict=True):
        shown = means[means["preset"] == preset]
        best = shown[(shown["chip"] == REFERENCE) & (shown["seq_len"] == LENGTHS[-1])]
        for axis, design in zip(axes_of_row, designs, strict=True):
            axis.plot(places(best), best[f"{value}_ratio"], color="0.85", lw=3, zorder=0)
            of_design = shown[names[shown.index] == design]
            if len(of_design):  # another design may be in one of the presets alone
                draw(axis, of_design, f"{value}_ratio", shown[f"{value}_ratio"].max())
        axes_of_row[0].set_ylabel(label, fontsize=6)
        axes_of_row[0].set_ylim(bottom=0)
    for axis, design in zip(axes[0], designs, strict=True):
        axis.set_title(design)
    figure.supxlabel("batch size; all over SA (8) of batch 1 at the same length", fontsize=6)
    looks = {
        "large array: 256 rows or 16×16": {"color": "0.2"},
        "small array: 64 rows or 8×8": {"color": "0.2", "ls": (0, (2, 1))},
        f"{REFERENCE}, {LENGTHS[-1]} tokens": {"color": "0.85", "lw": 3},
    }
    lines = [plt.Line2D([], [], **({"lw": 0.8} | line)) for line in looks.values()]
    lines.append(plt.Line2D([], [], ls=""))
    texts = [*looks, "shade: sequence length, the longer the darker"]
    figure.legend(lines, texts, ncols=len(texts), **(marks.LEGEND | {"handlelength": 1.8}))
    output.save_figure(figure, stem, means)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
