"""Fig. 6, first panel: token perplexity of VLP softmax over LUT size × max exponent."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import style

from mugi.approximations import parse
from mugi.errors import InputError
from mugi.files import read_table

CONTROLS = ["native", "exact"]
WORST = 2.0  # where the colour scale ends; larger ratios look alike but are printed


def make(table: Path, stem: Path) -> None:
    """Draw one heat map a model; the cell closest to exact-in-BF16 is framed."""
    sweep = read_table(table, ["model", "softmax", "metric"], ["value"])
    sweep = sweep[sweep["metric"] == "token_perplexity"]
    cells = pd.concat([grid(rows, model) for model, rows in sweep.groupby("model", sort=False)])
    models = list(cells["model"].unique())
    style.use_style()
    figure, axes = plt.subplots(
        len(models),
        1,
        figsize=(style.COLUMN_IN, 0.2 + 2.0 * len(models)),
        layout="constrained",
        squeeze=False,
    )
    for axis, model in zip(axes[:, 0], models, strict=True):
        draw(axis, cells[cells["model"] == model], model)
    style.save(figure, stem, cells)


def grid(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return one row a cell: LUT size, max exponent, perplexity, and the controls' perplexities."""
    missing = [name for name in CONTROLS if name not in set(rows["softmax"])]
    if missing:
        raise InputError(f"{model}: no run with softmax {' and '.join(missing)}")
    control = {
        f"{name}_perplexity": rows.loc[rows["softmax"] == name, "value"].iloc[0]
        for name in CONTROLS
    }
    vlp = rows[~rows["softmax"].isin(CONTROLS)]
    methods = [parse(text) for text in vlp["softmax"]]
    cells = pd.DataFrame(
        {
            "model": model,
            "lut_size": [method.lut for method in methods],
            "max_exponent": [method.max_exp for method in methods],
            "token_perplexity": vlp["value"].to_numpy(),
            **control,
            "tokens": vlp["tokens"].to_numpy(),
            "window_tokens": vlp["window_tokens"].to_numpy(),
        }
    )
    distance = (cells["token_perplexity"] - cells["exact_perplexity"]).abs()
    return cells.assign(closest_to_exact=distance == distance.min())


def draw(axis, cells: pd.DataFrame, model: str) -> None:
    """Draw the heat map of one model, its scale in ratios to exact-in-BF16."""
    first = cells.iloc[0]
    values = cells.pivot(index="lut_size", columns="max_exponent", values="token_perplexity")
    values = values.sort_index(ascending=False)
    sns.heatmap(
        values / first["exact_perplexity"],
        annot=values.map(lambda value: f"{value:.4g}"),
        fmt="",
        annot_kws={"size": 6},
        cmap=sns.color_palette("blend:#FFFFFF,#D55E00", as_cmap=True),
        vmin=1,
        vmax=WORST,
        linewidths=0.5,
        cbar_kws={"label": "ratio to exact in BF16", "extend": "max"},
        ax=axis,
    )
    for _, best in cells[cells["closest_to_exact"]].iterrows():
        column = values.columns.get_loc(best["max_exponent"])
        row = values.index.get_loc(best["lut_size"])
        frame = plt.Rectangle((column, row), 1, 1, fill=False, ec="black", lw=1.4, clip_on=False)
        axis.add_patch(frame)
    axis.set(xlabel="highest exponent of the LUT", ylabel="LUT size [exponents]")
    axis.set_title(
        f"{model}: native {first['native_perplexity']:.4g}, "
        f"exact in BF16 {first['exact_perplexity']:.4g}\n"
        f"token perplexity of {first['tokens']} tokens, windows of {first['window_tokens']}"
    )
    axis.tick_params(length=0)


if __name__ == "__main__":
    sys.exit(style.run_script(make, __doc__))
