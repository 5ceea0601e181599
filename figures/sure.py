"""How sure Mugi's leads are: intervals over draws of unit costs, on a logarithmic axis."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
from mugi.errors import InputError
from mugi.files import read_table
from mugi.judge.multiverse import HEADLINES
from mugi.judge.sure import HEADLINE
from mugi.ledger import LEDGER, load_ledger
from mugi.verdicts import ABOVE_A_TIE

METRICS = {
    "tokens_per_joule": "tokens/J",
    "tokens_per_joule_with_dram": "tokens/J with DRAM",
    "area": "area (less is better)",
    "throughput_per_area": "tokens/s/mm²",
    "tokens_per_carbon": "tokens/kgCO₂e",
}
NUMBERS = ["value", "low", "high", "probability"]
# what an interval amounts to -> colour and mark
LOOKS = {"ahead": ("#D55E00", "o"), "behind": ("#0072B2", "s"), "neither": ("#5B6770", "D")}
TICKS = {"the abstract's figures": (1, 10, 100), METRICS["area"]: (1, 3, 10)}
FEW = (0.8, 1, 1.5, 2.5)


def leads(table: pd.DataFrame) -> pd.DataFrame:
    """Return the abstract's claims and the leads on the paper's model, with what they amount to."""
    claims = load_ledger(LEDGER)
    is_claim = table["metric"].isin(HEADLINES)
    shown = is_claim | (table["metric"].isin(METRICS) & (table["model"] == HEADLINE["model"]))
    table = table[shown].reset_index(drop=True)
    printed = [claims[name].printed_number if name in claims else None for name in table["metric"]]
    is_ahead, is_behind = table["low"] >= ABOVE_A_TIE, table["high"] <= 1 / ABOVE_A_TIE
    amounts_to = np.select([is_ahead, is_behind], ["ahead", "behind"], "neither")
    return table.assign(printed=printed, amounts_to=amounts_to)


def draw(axis, rows: pd.DataFrame, names: list[str], title: str) -> None:
    """Draw an interval a row: from `low` to `high`, a mark at `value`, and the numbers."""
    for place, row in enumerate(rows.itertuples()):
        colour, marker = LOOKS[row.amounts_to]
        axis.plot([row.low, row.high], [place, place], color=colour, lw=2, solid_capstyle="butt")
        axis.plot(row.value, place, marker=marker, color=colour, ms=3, ls="")
        spread = "" if row.low == row.high else f" ({row.low:.3g}–{row.high:.3g})"
        text, where = f"{row.value:.3g}{spread}", axis.get_yaxis_transform()
        axis.text(1.0, place, text, fontsize=4.5, ha="right", transform=where, va="center")
        if pd.notna(row.printed):
            axis.plot(row.printed, place, marker="|", color="black", ms=7, mew=0.9, ls="")
    axis.axvline(1, color="0.4", lw=0.6, zorder=0)
    axis.set_yticks(range(len(rows)), names, fontsize=5.5)
    axis.set(xscale="log", ylim=(len(rows) - 0.5, -0.6))
    ends = [1.0, *rows["low"], *rows["high"], *rows["printed"].dropna()]
    low, high = min(ends) / 1.1, max(ends) * 1.1
    axis.set_xlim(low, high * (high / low) ** 0.95)  # the numbers stand on the right
    axis.set_xticks([tick for tick in TICKS.get(title, FEW) if low < tick < high])
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set_title(title, fontsize=6.5)
    sns.despine(ax=axis)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the table of draws."""
    table = leads(read_table(path, ["metric", "rival", "model"], NUMBERS))
    claims = table[table["metric"].isin(HEADLINES)]
    if claims.empty or len(claims) == len(table):
        raise InputError(f"{path}: needs {', '.join(HEADLINES)} and {', '.join(METRICS)}")
    figure, axes = marks.panels(2, 3, (2 * paper.COLUMN_IN, 3.6))
    ledger = load_ledger(LEDGER)
    names = [ledger[name].statement.removeprefix("Peak ") for name in claims["metric"]]
    draw(axes.flat[0], claims, names, next(iter(TICKS)))
    for axis, (metric, label) in zip(axes.flat[1:], METRICS.items(), strict=True):
        rows = table[table["metric"] == metric]
        draw(axis, rows, list(rows["rival"]), label)
    handles = [
        plt.Line2D([], [], marker=marker, color=colour, ms=3, lw=2)
        for colour, marker in LOOKS.values()
    ]
    handles.append(plt.Line2D([], [], marker="|", color="black", ms=7, mew=0.9, ls=""))
    labels = ["Mugi ahead", "Mugi behind", "level or not to be told", "printed"]
    figure.legend(handles, labels, ncols=4, **marks.LEGEND | {"handlelength": 1.5})
    output.save_figure(figure, stem, table)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
