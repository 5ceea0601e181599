"""DRAM roofline: operations per byte of DRAM traffic and speed, with what bounds each chip.

Bytes are those the model moves between DRAM and the chip over all operations and steps or, by the
assumption roofline_traffic, those of the published program's formula. The table has both presets,
the drawing the corrected one if it was run. A multiply-accumulate is two operations, an element of
softmax or SiLU three.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output, paper, work
from figures.runs import RUN, chip_name, pick_runs, presets_of
from mugi.assumptions import REGISTRY
from mugi.colours import colour_of
from mugi.errors import raise_all
from mugi.files import read_table
from mugi.hardware.model import load_model
from mugi.hardware.parts import is_plain
from mugi.hardware.technology import technology

# the last number of a chip: multiply-accumulates a cycle of all its nodes
CHIPS = [
    (("Mugi (64)", 64), "mugi", "vlp", 64),
    (("Mugi (128)", 128), "mugi", "vlp", 128),
    (("Mugi (256)", 256), "mugi", "vlp", 256),
    (("Mugi (256) 8×8", 256 * 64), "mugi", "vlp", 256, 8, 8),
    (("SA (8)", 64), "systolic", "mac", 8),
    (("SA (16)", 256), "systolic", "mac", 16),
    (("SA (16) 8×8", 256 * 64), "systolic", "mac", 16, 8, 8),
    (("Tensor (8)", 2048), "tensor", "", 8),
]
MARKERS = dict(zip(paper.MODELS, "os^D", strict=True))
FILL = {"systolic": "none"}
BANDWIDTH_GB_S = REGISTRY["dram_bandwidth_gb_s"].corrected


def without_peak(*chip: object) -> tuple[str, float]:
    """Return the name of a chip that is not in the paper; its peak is not known here."""
    return chip_name(*chip), np.nan


def published_bytes(runs: pd.DataFrame) -> pd.Series:
    """Return the DRAM traffic of the published program's formula, the same for every design.

    Activations of 2 B, weights and KV cache of 0.5 B, for every position: projections of Q and of
    one of K and V, gate, up and down, SiLU, the head; and for every cached position QK^T, softmax
    and AV. The program counts S + 1/2 cached positions, not S(S + 1)/2, and drops the projections
    of the other of K and V and of the output.
    """
    odd = [name for name in runs["model"].unique() if not is_plain(load_model(name))]
    raise_all([f"the published traffic is that of dense decoders, not of {name}" for name in odd])
    traffic = []
    for run in runs.itertuples():
        model, batch = load_model(run.model), run.batch_size
        kv = run.kv_heads * model.key_dim

        def product(inputs: int, outputs: int, batch: int = batch) -> float:
            return 0.5 * inputs * outputs + 2 * batch * (inputs + outputs)

        position = product(model.dim, model.dim) + product(model.dim, kv)
        position += 3 * product(model.dim, model.ffn_dim) + 4 * batch * model.ffn_dim
        position += 2 * 2 * batch * model.dim  # Q into QK^T and the outputs of AV
        cached = batch * (2 * 0.5 * kv + (2 + 4 + 2) * model.heads)
        of_layers = run.seq_len * position + (run.seq_len + 0.5) * cached
        head = run.seq_len * product(model.dim, model.vocabulary)
        traffic.append(model.layers * of_layers + head)
    return pd.Series(traffic, index=runs.index)


def roofline(hardware: pd.DataFrame, preset: str) -> pd.DataFrame:
    """Return intensity, speed, and the two bounds of every chip on every model."""
    runs = pick_runs(hardware, CHIPS, paper.MODELS, [preset], ((1, 1), (8, 8)), without_peak)
    gops = work.operations(runs)
    gops = gops[work.GEMMS].sum(axis=1) + 3 * (gops["softmax"] + gops["silu"])
    if work.rules(hardware, preset)["roofline_traffic"] == "published":
        runs = runs.assign(dram_bytes=published_bytes(runs))
    intensity = gops * 1e9 / runs["dram_bytes"]
    clock_mhz = runs["technology"].map(lambda name: technology(name).frequency_mhz)
    peak = 2 * runs["chip"].str[1] * clock_mhz / 1e3
    table = runs.assign(
        chip=runs["chip"].str[0],
        intensity_op_per_byte=intensity,
        throughput_gop_per_s=gops / runs["runtime_s"],
        peak_gop_per_s=peak,
        memory_bound_gop_per_s=intensity * BANDWIDTH_GB_S,
        bandwidth_gb_per_s=BANDWIDTH_GB_S,
    )
    table["throughput_over_bound"] = table["throughput_gop_per_s"] / np.minimum(
        peak, table["memory_bound_gop_per_s"]
    )
    keys = ["preset", "chip", "design", "variant", "array_height", "nodes", "model", "kv_heads"]
    return table[[*keys, "dram_bytes", *table.columns[-6:]]]


def draw(axis, table: pd.DataFrame) -> None:
    """Draw the slanted roof of the memory, the flat ones of the arrays, and the points."""
    ends = np.array([2.0, 512.0])
    axis.plot(ends, ends * BANDWIDTH_GB_S, color="0.3", lw=0.8)
    axis.text(2.2, 2.2 * BANDWIDTH_GB_S * 1.25, f"{BANDWIDTH_GB_S} GB/s", rotation=34, fontsize=5)
    for peak, chips in table.groupby("peak_gop_per_s"):
        axis.plot([peak / BANDWIDTH_GB_S, ends[1]], [peak, peak], color="0.6", lw=0.5, ls="--")
        names = ", ".join(chips["chip"].unique())
        axis.text(ends[1], peak * 1.06, names, fontsize=4.5, ha="right", color="0.2")
    for row in table.itertuples():
        axis.plot(
            row.intensity_op_per_byte,
            row.throughput_gop_per_s,
            marker=MARKERS[row.model],
            color=colour_of(row.design),
            markersize=3,
            markerfacecolor=FILL.get(row.design),
            markeredgewidth=0.6,
            ls="",
        )
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=(20, 30000))
    axis.set(xlabel="operations per byte of DRAM traffic", ylabel="throughput [Gop/s]")
    sns.despine(ax=axis)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the hardware table."""
    hardware = read_table(path, [*RUN, "nodes", "technology"], ["dram_bytes", "runtime_s"])
    tables = [roofline(hardware, preset) for preset in presets_of(hardware)]
    table = tables[-1]
    figure, axes = marks.panels(1, 1, (paper.COLUMN_IN, 2.9))
    draw(axes[0][0], table)
    looks = {paper.LABELS[name]: (marker, "0.3", None) for name, marker in MARKERS.items()}
    for design, variant in table[["design", "variant"]].drop_duplicates().to_numpy():
        looks[paper.name_of(design, variant)] = ("o", colour_of(design), FILL.get(design))
    handles = [
        plt.Line2D([], [], marker=marker, color=colour, markerfacecolor=fill, markersize=3, ls="")
        for marker, colour, fill in looks.values()
    ]
    figure.legend(handles, list(looks), ncols=len(looks), **marks.LEGEND)
    output.save_figure(figure, stem, pd.concat(tables))


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
