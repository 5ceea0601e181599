"""Fig. 11: throughput and efficiency of softmax and SiLU, over the precise vector array VA(16)'s.

Geometric means of Llama 2 7B, 13B and 70B. The paper's energy efficiency is throughput over energy,
which counts speed twice; work over energy is what it calls power efficiency.
"""

import sys
from pathlib import Path

import pandas as pd

from figures import marks, output, paper, work
from figures.runs import RUN, pick_runs, presets_of
from mugi.files import read_table

CHIPS = [
    ("Mugi (128)", "mugi", "vlp", 128),
    ("Mugi (256)", "mugi", "vlp", 256),
    ("Carat (128)", "carat", "", 128),
    ("Carat (256)", "carat", "", 256),
    ("VA-FP (16)", "systolic", "mac", 16),
    ("Tensor (8)", "tensor", "", 8),
    ("VA-PWL (16)", "systolic", "pwl", 16),
    ("VA-Taylor (16)", "systolic", "taylor", 16),
]
LENGTHS = [128, 256, 512, 1024, 2048, 4096]
EVENTS = {"softmax": "Softmax", "silu": "SiLU"}
ROWS = {
    "throughput_gelem_per_s": "Throughput",
    "energy_efficiency_gelem_per_s_per_j": "Energy eff.\n(speed/energy)",
    "power_efficiency_gelem_per_j": "Power eff.\n(work/energy)",
}
KEYS = ["preset", "event", "seq_len", "chip", "design", "variant", "array_height"]


def metrics(hardware: pd.DataFrame, presets: list[str]) -> pd.DataFrame:
    """Return the metrics of one layer by function, length and chip, and their ratios to VA-FP."""
    runs = pick_runs(hardware, CHIPS, paper.MHA_MODELS, presets, seq_len=LENGTHS)
    layers, done = runs["layers"], work.operations(runs)[list(EVENTS)]
    for preset in presets:
        if work.rules(hardware, preset)["nonlinear_work"] == "published":
            of_preset = runs[runs["preset"] == preset]
            counted = {event: work.published_elements(of_preset, event) for event in EVENTS}
            done.update(pd.DataFrame(counted))
    parts = []
    for event in EVENTS:
        layer = runs.assign(
            **{
                name: runs[name] / layers
                for name in [f"runtime_{event}_s", f"dynamic_energy_{event}_nj"]
            }
        )
        measured = work.efficiency(layer, done[event] / layers, [event], "elem")
        parts.append(runs[KEYS[:1] + KEYS[2:]].assign(event=event).join(measured))
    means = work.geomean(pd.concat(parts), KEYS, list(measured))
    # Taylor is a method for exponentials: the paper draws no SiLU of it
    means = means[(means["variant"] != "taylor") | (means["event"] == "softmax")]
    baseline = {"chip": "VA-FP (16)"}
    return work.over_baseline(means, list(ROWS), baseline, ["preset", "event", "seq_len"])


def make(table: Path, stem: Path) -> None:
    """Draw the three rows of the paper, and below them those of the corrected preset."""
    hardware = read_table(table, [*RUN, "layers"], work.COSTS)
    presets = presets_of(hardware)
    means = metrics(hardware, presets)
    shown = work.drawn(hardware, presets, lambda rule: work.efficiencies(ROWS, rule))
    rows = {label: panels(means, preset, metric) for preset, metric, label in shown}
    chips = means.drop_duplicates("chip")[["chip", "design", "variant", "array_height"]]
    looks = {
        chip: marks.look(design, variant, hollow=height == 128)
        for chip, design, variant, height in chips.itertuples(index=False)
    }
    figure = marks.bar_panels(rows, list(EVENTS.values()), looks)
    marks.legend(figure, looks, ncols=4)
    figure.supxlabel("sequence length [tokens]; bars over VA-FP (16)", fontsize=6)
    output.save_figure(figure, stem, means)


def panels(means: pd.DataFrame, preset: str, metric: str) -> list[pd.DataFrame]:
    """Return the bars of each function: length × chip."""
    shown = means[means["preset"] == preset]
    names = {length: f"{length // 1024}k" if length >= 1024 else length for length in LENGTHS}
    return [
        shown[shown["event"] == event]
        .pivot(index="seq_len", columns="chip", values=f"{metric}_ratio")
        .rename(index=names)
        for event in EVENTS
    ]


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
