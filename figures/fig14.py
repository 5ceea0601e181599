"""Fig. 14: throughput and energy by batch size and sequence length, over SA(8)'s of batch 1.

Geometric means of Llama 2 7B, 13B and 70B. The paper's energy "per token" is dynamic energy over
the sequence length, not over batch times length, so that it rises with the batch. If the corrected
preset was run, the rows below show tokens/s, and total energy over all tokens: lower is better.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from figures import marks, output, paper, work
from figures.runs import RUN, pick_runs, presets_of
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


def draw(axis, means: pd.DataFrame, value: str) -> None:
    """Draw one panel: a segment a length, in it a line a chip over the batch sizes."""
    for number, length in enumerate(LENGTHS):
        places = [number * (len(BATCHES) + 1) + place for place in range(len(BATCHES))]
        segment = means[means["seq_len"] == length]
        for (chip, design, variant, height), line in segment.groupby(CHIP, sort=False):
            axis.plot(
                places,
                line.set_index("batch_size").loc[BATCHES, value],
                color=marks.look(design, variant)["facecolor"],
                linestyle=":" if variant == "figna" else "-",
                marker="s" if height in (16, 256) else "^",
                markersize=1.8,
                markeredgewidth=0,
                lw=0.6,
                label=chip if number == 0 else None,
            )
    middles = [number * (len(BATCHES) + 1) + 2.5 for number in range(len(LENGTHS))]
    axis.set_xticks(middles, LENGTHS)
    for place in range(1, len(LENGTHS)):
        axis.axvline(place * (len(BATCHES) + 1) - 1, color="0.85", lw=0.4)
    axis.set_ylim(bottom=0)
    marks.tidy(axis)
    axis.tick_params(axis="x", length=0)


def make(path: Path, stem: Path) -> None:
    """Draw the paper's two panels, and below them two of the corrected preset."""
    columns = ["runtime_s", "dynamic_energy_nj", "tokens", "tokens_per_s", "tokens_per_j"]
    hardware = read_table(path, RUN, columns)
    presets = presets_of(hardware)
    means = metrics(hardware, presets)
    rows = work.drawn(hardware, presets, panels)
    size = (paper.COLUMN_IN, 0.7 + 1.05 * len(rows))
    figure, axes = marks.panels(len(rows), 1, size, sharex=True)
    for axis, (preset, value, label) in zip(axes[:, 0], rows, strict=True):
        draw(axis, means[means["preset"] == preset], f"{value}_ratio")
        axis.set_ylabel(label, fontsize=6)
    figure.supxlabel(
        "sequence length [tokens], in each segment batch 1, 2, 4 … 32\n"
        "all over SA (8) of batch 1 at the same length",
        fontsize=6,
    )
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=6, **(marks.LEGEND | {"handlelength": 1.2}), fontsize=5)
    output.save_figure(figure, stem, means)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
