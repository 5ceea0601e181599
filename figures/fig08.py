"""Fig. 8: relative error of approximations of exp, SiLU and GELU, with a close-up at zero."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import style

from mugi.files import read_table

NAMES = {"exp": "exp (softmax)", "silu": "SiLU", "gelu": "GELU"}
CLOSE_UP = {"exp": (-0.5, 0.0), "silu": (-0.5, 0.5), "gelu": (-0.5, 0.5)}  # the paper's insets
NEAREST_TO_ZERO = 2**-8  # codes crowd towards zero: closer ones would be one vertical line


def make(tables: list[Path], stem: Path) -> None:
    """Draw one row a function: the whole range, and the close-up with its own scale."""
    errors = pd.concat([read_table(path, ["function", "method"], ["x"]) for path in tables])
    errors["relative_error_percent"] = pd.to_numeric(errors["relative_error_percent"])
    drawn = errors[(errors["x"].abs() >= NEAREST_TO_ZERO) | (errors["x"] == 0)]
    functions = [name for name in NAMES if name in set(drawn["function"])]
    style.use_style()
    figure, axes = plt.subplots(
        len(functions),
        2,
        figsize=(style.COLUMN_IN, 0.45 + 1.15 * len(functions)),
        layout="constrained",
        squeeze=False,
    )
    methods = list(drawn["method"].unique())
    for (whole, close), function in zip(axes, functions, strict=True):
        panel = drawn[drawn["function"] == function]
        low, high = CLOSE_UP[function]
        draw(whole, panel, methods)
        draw(close, panel[panel["x"].between(low, high)], methods)
        whole.set(title=NAMES[function], ylim=(-108, 80), ylabel="Relative error [%]")
        close.set(title=f"{NAMES[function]}, close-up", ylabel="")
    for axis in axes[-1]:
        axis.set_xlabel("input")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    style.save(figure, stem, drawn)


def draw(axis, panel: pd.DataFrame, methods: list[str]) -> None:
    """Draw one curve a method over one range of inputs."""
    axis.axhline(0, color="0.8", lw=0.6)
    for method, colour, dashes in zip(
        methods, sns.color_palette("colorblind"), ["-", (0, (2, 1)), ":"] * 3, strict=False
    ):
        curve = panel[panel["method"] == method]
        axis.plot(
            curve["x"],
            curve["relative_error_percent"],
            label=method,
            color=colour,
            linestyle=dashes,
            lw=0.7,
        )
    axis.tick_params(length=2, pad=1)
    sns.despine(ax=axis)


if __name__ == "__main__":
    sys.exit(style.run_script(make, __doc__, tables="+"))
