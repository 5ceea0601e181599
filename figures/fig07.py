"""Fig. 7: perplexity as one layer after the other gets its own LUT window."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from figures import marks, output, paper
from mugi.colours import DESIGN_COLOURS
from mugi.errors import InputError
from mugi.files import read_table

SPLITS = {"tuning": "tuned on", "held_out": "held out"}
METRICS = {
    "token_perplexity": "token perplexity",
    "kl_divergence_nats": "KL to exact [nats]",
}
SEARCHES = {"greedy": DESIGN_COLOURS["mugi"], "descent": DESIGN_COLOURS["carat"]}
BASELINES = {
    "exact": ("0.2", "--"),
    "uniform_best": (DESIGN_COLOURS["systolic"], ":"),
    "native": ("0.6", "-."),
}
LABELS = {
    "greedy": "greedy, as published",
    "descent": "descent by KL",
    "exact": "exact in BF16",
    "uniform_best": "best single window",
    "native": "native",
    "tuned": "tuned",
    "printed": "printed",
}
LAYERS = {"llama_2_7b": 32, "llama_2_13b": 40}  # of the models whose curves are published
UNTUNED = "vlp:lut=16,max_exp=2,mantissa=4,group=32"
COLUMNS = ["model", "source", "series", "split", "tuned_layers", "metric", "value"]


def make(tables: list[Path], stem: Path) -> None:
    """Draw both metrics on both splits, two rows a model, and the published points.

    `tables` are the curves and the summary of `mugi tune`, and the published results.
    """
    if len(tables) != 3:
        raise InputError(f"{len(tables)} tables; needed: curves, summary, published results")
    curve, summary, published = tables
    points = pd.concat(
        [
            measured(read_table(curve, ["model", "search", "split"], ["tuned_layers", *METRICS])),
            baselines(read_table(summary, ["model", "assignment", "split"], [*METRICS])),
            stored(read_table(published, ["series", "model", "softmax", "layer", "value"])),
        ]
    )[COLUMNS]
    ours = points[points["source"] == "measured"]
    models = list(ours["model"].unique())
    rows = [(model, metric) for model in models for metric in METRICS]
    figure, axes = marks.panels(len(rows) + 1, 2, (paper.COLUMN_IN, 0.5 + 1.3 * (len(rows) + 1)))
    for axes_of_row, (model, metric) in zip(axes[:-1], rows, strict=True):
        for axis, split in zip(axes_of_row, SPLITS, strict=True):
            chosen = {"model": model, "metric": metric, "split": split}
            draw(axis, ours[(ours[list(chosen)] == pd.Series(chosen)).all(axis=1)])
            axis.set_title(f"{model}, {SPLITS[split]}")
        axes_of_row[0].set_ylabel(METRICS[metric])
    for axis, model in zip(axes[-1], LAYERS, strict=True):
        draw_published(axis, points[(points["model"] == model) & (points["source"] == "published")])
        axis.set_title(f"{paper.ACCURACY_MODELS[model]}, published")
    axes[-1, 0].set_ylabel("perplexity")
    for axis in axes.flat:
        axis.set_xlabel("tuned layers", labelpad=1)
        marks.tidy(axis)
    legend(figure)
    output.save_figure(figure, stem, points)


def measured(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the curves of both searches, one row a point and metric."""
    keys = ["model", "search", "split", "tuned_layers"]
    points = curve.melt(keys, list(METRICS), var_name="metric")
    return points.rename(columns={"search": "series"}).assign(source="measured")


def baselines(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the assignments that no layer-by-layer search made, without a number of layers."""
    rows = summary[summary["assignment"].isin(BASELINES)]
    points = rows.melt(["model", "assignment", "split"], list(METRICS), var_name="metric")
    return points.rename(columns={"assignment": "series"}).assign(source="measured")


def stored(published: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of the published curves: stored runs, and the printed ends."""
    rows = published[published["model"].isin(LAYERS) & (published["value"] != "")].copy()
    rows["value"] = rows["value"].astype(float)
    native = (rows["softmax"] == "native") & (rows["activation"] == "native")
    exact = rows[(rows["series"] == "sweep") & native].drop_duplicates("model")
    untuned = rows[(rows["series"] == "uniform") & (rows["softmax"] == UNTUNED)]
    tuning = rows[rows["series"] == "tuning"]
    best = tuning.groupby(["model", "layer"], as_index=False)["value"].min()
    printed = rows[rows["series"] == "fig07"]
    parts = [
        exact.assign(series="exact"),
        untuned.assign(series="tuned", tuned_layers=0),
        best.assign(series="tuned", tuned_layers=best["layer"].astype(int)),
        printed.assign(series="printed", tuned_layers=printed["model"].map(LAYERS)),
    ]
    points = pd.concat(parts).assign(source="published", metric="token_perplexity", split="tuning")
    if set(points["model"]) != set(LAYERS):
        raise InputError(f"published table: nothing of {' or '.join(LAYERS)}")
    return points


def draw(axis, points: pd.DataFrame) -> None:
    """Draw one panel of our curves, with the exact model and the best single window as lines."""
    for series, colour in SEARCHES.items():
        curve = points[points["series"] == series].sort_values("tuned_layers")
        axis.plot(curve["tuned_layers"], curve["value"], color=colour, lw=0.9)
    for series, (colour, dashes) in BASELINES.items():
        for value in points.loc[points["series"] == series, "value"]:
            axis.axhline(value, color=colour, ls=dashes, lw=0.8)


def draw_published(axis, points: pd.DataFrame) -> None:
    """Draw the points of one model; runs between them are not stored."""
    curve = points[points["series"] == "tuned"].sort_values("tuned_layers")
    axis.plot(curve["tuned_layers"], curve["value"], color="0.7", ls=":", lw=0.7)
    axis.plot(curve["tuned_layers"], curve["value"], "o", color=SEARCHES["greedy"], ms=2.5)
    printed = points[points["series"] == "printed"]
    axis.plot(printed["tuned_layers"], printed["value"], "x", color="black", ms=4)
    colour, dashes = BASELINES["exact"]
    for value in points.loc[points["series"] == "exact", "value"]:
        axis.axhline(value, color=colour, ls=dashes, lw=0.8)
    axis.set_xlim(-1, max(LAYERS.values()) + 1)


def legend(figure) -> None:
    """Explain lines and marks above the panels."""
    looks = {name: {"color": colour} for name, colour in SEARCHES.items()}
    looks |= {name: {"color": c, "ls": dashes} for name, (c, dashes) in BASELINES.items()}
    mark = {"ls": "", "ms": 4}
    looks |= {"tuned": {"marker": "o", "color": SEARCHES["greedy"], **mark, "ms": 2.5}}
    looks |= {"printed": {"marker": "x", "color": "black", **mark}}
    handles = [plt.Line2D([], [], **look) for look in looks.values()]
    figure.legend(handles, [LABELS[name] for name in looks], ncols=3, **marks.LEGEND)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
