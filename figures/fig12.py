"""Fig. 12: throughput and efficiency of projection and attention, over SA(16)'s.

The upper rows divide by SA(16) on Llama 2 7B, as the paper does: its energy efficiency, throughput
over energy, then falls for larger models whatever the design. If the corrected preset was run, the
rows below divide by SA(16) on the same model and show work over energy.
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
    ("SA (16)", "systolic", "mac", 16),
    ("SA-F (16)", "systolic", "figna", 16),
    ("SD (16)", "simd", "mac", 16),
    ("SD-F (16)", "simd", "figna", 16),
    ("Tensor (8)", "tensor", "", 8),
]
EVENTS = ["projection", "attention", "ffn"]
# drawn: FFN goes as projection does, and the paper leaves the tensor core out
DRAWN = {"projection": paper.MHA_MODELS, "attention": paper.MODELS}
METRICS = {
    "throughput_gop_per_s": "Throughput",
    "energy_efficiency_gop_per_s_per_j": "Energy eff.\n(speed/energy)",
    "power_efficiency_gop_per_j": "Power eff.\n(work/energy)",
}
# rule fig12_baseline -> end of the column
BASELINES = {"sa16_7b": "_ratio", "sa16_same_model": "_ratio_same_model"}
KEYS = ["preset", "event", "model", "chip", "design", "variant", "array_height"]


def metrics(hardware: pd.DataFrame, presets: list[str]) -> pd.DataFrame:
    """Return the metrics of one layer by event, model and chip, and both ratios to SA(16)."""
    runs = pick_runs(hardware, CHIPS, paper.MODELS, presets)
    gops = work.operations(runs).div(runs["layers"], axis=0)
    parts = []
    for event in EVENTS:
        costs = [f"runtime_{event}_s", f"dynamic_energy_{event}_nj"]
        layer = runs.assign(**{name: runs[name] / runs["layers"] for name in costs})
        measured = work.efficiency(layer, gops[event], [event], "op")
        parts.append(runs.assign(event=event)[KEYS].join(measured))
    table, values = pd.concat(parts, ignore_index=True), list(METRICS)
    same_model = work.over_baseline(table, values, {"chip": "SA (16)"}, KEYS[:3])
    baseline = {"chip": "SA (16)", "model": "llama_2_7b"}
    return work.over_baseline(table, values, baseline, KEYS[:2]).join(
        same_model[[f"{value}_ratio" for value in values]].add_suffix("_same_model")
    )


def panels(table: pd.DataFrame, preset: str, column: str) -> list[pd.DataFrame]:
    """Return the bars of each event drawn: model × chip."""
    shown = table[table["preset"] == preset]
    return [
        shown[shown["event"] == event]
        .pivot(index="model", columns="chip", values=column)
        .loc[list(models)]
        .rename(index=lambda model: paper.LABELS[model].replace(" ", "\n"))
        for event, models in DRAWN.items()
    ]


def make(path: Path, stem: Path) -> None:
    """Draw the paper's three rows, and below them two of the corrected preset."""
    hardware = read_table(path, [*RUN, "layers"], work.COSTS)
    presets = presets_of(hardware)
    table = metrics(hardware, presets)
    shown = work.drawn(hardware, presets, lambda rule: work.efficiencies(METRICS, rule))
    rows = {}
    for preset, metric, label in shown:
        suffix = BASELINES[work.rules(hardware, preset)["fig12_baseline"]]
        rows[label] = panels(table, preset, metric + suffix)
    chips = table.drop_duplicates("chip")[["chip", "design", "variant", "array_height"]]
    looks = {
        chip: marks.look(design, variant, hollow=height == 128)
        for chip, design, variant, height in chips.itertuples(index=False)
        if design != "tensor"
    }
    figure = marks.bar_panels(rows, ["Projection / FFN", "Attention"], looks)
    marks.legend(figure, looks, ncols=4)
    figure.supxlabel("bars over SA (16) on 7B; corrected: over SA (16) on each model", fontsize=6)
    output.save_figure(figure, stem, table)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
