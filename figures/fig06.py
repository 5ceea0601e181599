"""Fig. 6: accuracy of methods over grids of their parameters, one row of panels a model."""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.colors import LogNorm

from figures import marks, output
from figures.cells import EXACT, best, panels, places
from mugi.errors import InputError
from mugi.files import read_table
from mugi.methods import NATIVE

KEYS = ["model", "softmax", "activation"]
# column -> what the ends of its interval are called
INTERVALS = {
    "perplexity_above_exact": "perplexity_above_exact_{}",
    "kl_to_exact_nats": "kl_to_exact_{}_nats",
}
SCALE = LogNorm(1e-3, 1)  # nats per token; larger ones look alike but are printed
# metric and reference of the sweep -> its column here
METRICS = {
    ("token_perplexity", ""): "token_perplexity",
    ("token_perplexity_difference", EXACT): "perplexity_above_exact",
    ("kl_divergence_nats", EXACT): "kl_to_exact_nats",
    ("kl_divergence_nats", NATIVE): "kl_to_native_nats",
    ("top1_agreement", EXACT): "agreement_with_exact",
}


def make(table: Path, stem: Path) -> None:
    """Draw the sweep: a cell's number is its perplexity, its colour KL to exact in BF16."""
    needed = [*KEYS, "task", "metric", "reference"]
    sweep = read_table(table, needed, ["value", "window_tokens"])
    runs = one_row_a_run(sweep)
    cells = places(runs).join(runs)
    if not len(cells):
        raise InputError(f"{table}: no run replaces softmax or activation alone by a method")
    cells["closest_to_exact"] = best(cells, "kl_to_exact_nats")
    cells["lowest_loss"] = best(cells, "token_perplexity")
    drawn = cells.assign(
        text=cells["token_perplexity"].map(marks.short),
        colour=cells["kl_to_exact_nats"],
        closest=cells["closest_to_exact"],
        lowest=cells["lowest_loss"],
    )
    models = {
        title(runs[runs["model"] == model]): panels(drawn[drawn["model"] == model])
        for model in cells["model"].unique()
    }
    output.save_figure(marks.heat_maps(models, SCALE, "KL to exact [nats/token]"), stem, cells)


def one_row_a_run(sweep: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of each run, two with intervals, and what it was run on."""
    runs = sweep[[*KEYS, "task", "window_tokens", "tokens", "documents"]].drop_duplicates(KEYS)
    runs = runs.set_index(KEYS)
    for (metric, reference), name in METRICS.items():
        measured = sweep[(sweep["metric"] == metric) & (sweep["reference"] == reference)]
        measured = measured.set_index(KEYS)
        runs[name] = measured["value"]
        for end in ["ci_low", "ci_high"] if name in INTERVALS else []:
            runs[INTERVALS[name].format(end)] = pd.to_numeric(measured[end], errors="coerce")
    missing = [name for name in METRICS.values() if runs[name].isna().all()]
    if missing:
        raise InputError(f"the sweep has no rows of {', '.join(missing)}")
    return runs.reset_index()


def title(runs: pd.DataFrame) -> str:
    """Return a model's name, its controls and what was measured on what."""
    controls = []
    for softmax, activation, name in [
        (NATIVE, NATIVE, "native"),
        (EXACT, NATIVE, "exact softmax in BF16"),
        (NATIVE, EXACT, "exact activation in BF16"),
    ]:
        control = runs[(runs["softmax"] == softmax) & (runs["activation"] == activation)]
        controls += [f"{name} {value:.4g}" for value in control["token_perplexity"]]
    first = runs.iloc[0]
    return (
        f"{first['model']}: token perplexity of {first['tokens']} tokens of {first['task']}, "
        f"windows of {first['window_tokens']}; {', '.join(controls)}"
    )


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
