"""Fig. 6: accuracy of methods over grids of their parameters, one row of panels a model."""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.colors import LogNorm

from figures import marks, output
from mugi.errors import InputError
from mugi.files import read_table
from mugi.methods import NATIVE, OPERATIONS, parse

KEYS = ["model", "softmax", "activation"]
EXACT = "exact"
SCALE = LogNorm(1e-3, 1)  # nats per token; larger ones look alike but are printed
# metric and reference of the sweep -> its column here; the intervals of KL come with it
METRICS = {
    ("token_perplexity", ""): "token_perplexity",
    ("token_perplexity_difference", EXACT): "perplexity_above_exact",
    ("kl_divergence_nats", EXACT): "kl_to_exact_nats",
    ("kl_divergence_nats", NATIVE): "kl_to_native_nats",
    ("top1_agreement", EXACT): "agreement_with_exact",
}
# operation, method, anchored end of the LUT -> title; panels stand in this order, others behind
PANELS = {
    ("softmax", "vlp", "max"): "VLP softmax, max build",
    ("softmax", "vlp", "min"): "VLP softmax, min build",
    ("softmax", "pwl", ""): "PWL softmax",
    ("softmax", "taylor", ""): "Taylor softmax",
    ("activation", "vlp", "max"): "VLP SiLU/GELU, max build",
    ("activation", "vlp", "min"): "VLP SiLU/GELU, min build",
    ("activation", "pwl", ""): "PWL SiLU/GELU",
}
# the parameters that the paper sweeps, upwards and to the right
AXES = {
    ("vlp", "max"): ("lut", "max_exp"),
    ("vlp", "min"): ("lut", "min_exp"),
    ("pwl", ""): ("segments", "range"),
    ("taylor", ""): ("degree", "center"),
}
LABELS = {"lut": "LUT size", "max_exp": "highest exponent", "min_exp": "lowest exponent"}
PANEL = ["operation", "method", "build", "settings"]


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
    """Return the metrics of each run, the interval of KL to exact, and what it was run on."""
    runs = sweep[[*KEYS, "task", "window_tokens", "tokens", "documents"]].drop_duplicates(KEYS)
    runs = runs.set_index(KEYS)
    for (metric, reference), name in METRICS.items():
        measured = sweep[(sweep["metric"] == metric) & (sweep["reference"] == reference)]
        measured = measured.set_index(KEYS)
        runs[name] = measured["value"]
        if name == "kl_to_exact_nats":
            for end in ["ci_low", "ci_high"]:
                runs[f"kl_to_exact_{end}_nats"] = pd.to_numeric(measured[end], errors="coerce")
    missing = [name for name in METRICS.values() if runs[name].isna().all()]
    if missing:
        raise InputError(f"the sweep has no rows of {', '.join(missing)}")
    return runs.reset_index()


def places(runs: pd.DataFrame) -> pd.DataFrame:
    """Return panel, row and column of each method in the columns softmax and activation.

    Runs that replace neither or both of the operations, or one by the exact function, have no
    place: they are left out. A panel is an operation, a method, the anchored end of a LUT, and
    the other `settings`. Its axes are the paper's parameters, of other methods the first two.
    """
    kept = {}
    for index, softmax, activation in runs[["softmax", "activation"]].itertuples():
        operation, text = (
            ("softmax", softmax) if activation == NATIVE else ("activation", activation)
        )
        if NATIVE in (softmax, activation) and text not in (NATIVE, EXACT):
            kept[index] = (operation, parse(text, *OPERATIONS[operation]))
    columns = [*PANEL, "row", "column", "row_parameter", "column_parameter"]
    cells = [place(operation, method) for operation, method in kept.values()]
    return pd.DataFrame(cells, index=list(kept), columns=columns)


def place(operation: str, method) -> tuple:
    """Return panel, row, column and the names of the two parameters of one method."""
    given = method.model_dump(exclude={"name"}, exclude_none=True)
    build = "" if method.name != "vlp" else "max" if "max_exp" in given else "min"
    first, second = AXES.get((method.name, build)) or (*given, "", "")[:2]
    unusual = method.model_dump(exclude={"name", first, second}, exclude_defaults=True)
    settings = ",".join(f"{name}={value}" for name, value in unusual.items())
    values = [given.get(name, 0) for name in (first, second)]
    return operation, method.name, build, settings, *values, first, second


def best(cells: pd.DataFrame, column: str) -> pd.Series:
    """Return whether a cell has the lowest `column` of its model, operation and method."""
    return cells[column] == cells.groupby(["model", "operation", "method"])[column].transform("min")


def panels(cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the cells of one model by the title of their panel, in the order of PANELS."""
    order = list(PANELS)
    by_panel = {}
    for (*key, settings), panel in cells.groupby(PANEL, sort=False):
        name = PANELS.get(tuple(key), f"{key[1]} {key[0]}")
        place = order.index(tuple(key)) if tuple(key) in order else len(order)
        named = panel.assign(
            row_parameter=panel["row_parameter"].replace(LABELS),
            column_parameter=panel["column_parameter"].replace(LABELS),
        )
        by_panel[place, f"{name}: {settings}" if settings else name] = named
    return {name: by_panel[place, name] for place, name in sorted(by_panel, key=lambda key: key[0])}


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
