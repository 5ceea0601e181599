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
COLOURS = {"vlp": "mugi", "pwl": "pwl", "taylor": "taylor", "partial": "simd", "exact": "tensor"}


def make(tables: list[Path], stem: Path) -> None:
    """Draw two rows a function, the whole range and the close-up, and one column a method."""
    errors = pd.concat(
        [
            read_table(path, ["function", "method"], ["x", "relative_error_percent"])
            for path in tables
        ]
    )
    panels = {
        function: list(errors.loc[errors["function"] == function, "method"].unique())
        for function in NAMES
        if function in set(errors["function"])
    }
    columns = max(map(len, panels.values()))
    style.use_style()
    figure, axes = plt.subplots(
        2 * len(panels),
        columns,
        figsize=(2 * style.COLUMN_IN, 1.9 * len(panels)),
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.flat:
        axis.set_visible(False)
    for row, (function, methods) in enumerate(panels.items()):
        for column, method in enumerate(methods):
            curve = errors[(errors["function"] == function) & (errors["method"] == method)]
            whole, close = axes[2 * row][column], axes[2 * row + 1][column]
            draw(whole, curve, method)
            whole.set(title=f"{NAMES[function]}\n{method}", ylim=(-108, 108))
            draw(close, curve[curve["x"].between(*CLOSE_UP[function])], method)
            close.set_xlabel("input")
        for axis in axes[2 * row : 2 * row + 2, 0]:
            axis.set_ylabel("error [%]")
    style.save(figure, stem, errors)


def draw(axis, curve: pd.DataFrame, method: str) -> None:
    """Draw the error of one method over one range of inputs."""
    axis.set_visible(True)
    axis.axhline(0, color="0.8", lw=0.6)
    colour = style.DESIGN_COLOURS[COLOURS[method.partition(":")[0]]]
    axis.plot(curve["x"], curve["relative_error_percent"], color=colour, lw=0.6)
    axis.tick_params(length=2, pad=1)
    sns.despine(ax=axis)


if __name__ == "__main__":
    sys.exit(style.run_script(make, __doc__, tables="+"))
