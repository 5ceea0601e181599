"""Specification curves: the abstract's figures in universes drawn over all assumptions."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
from mugi.assumptions import REGISTRY
from mugi.colours import DESIGN_COLOURS
from mugi.errors import InputError
from mugi.files import read_table
from mugi.hardware.runs import PREFIX
from mugi.judge.multiverse import HEADLINES, explained, switches_of
from mugi.judge.universes import DRAWN
from mugi.ledger import LEDGER, load_ledger

BINS = 50  # of universes by rank
STRONGEST = 4  # assumptions below each curve
LEAST = 0.01  # of the spread that they explain
MARKS = {"as-published": ("o", "mugi", "as published"), "corrected": ("s", "carat", "corrected")}


def specification(table: pd.DataFrame) -> pd.DataFrame:
    """Return each curve in bins of rank: a claim's median, and how often a value stands there.

    Columns: claim, percent (of universes that are lower), computed, assumption, value, share (of
    the bin's universes, over that among all).
    """
    draws, rows = table[table["preset"] == ""], []
    for claim in (name for name in HEADLINES if name in table):
        ordered = draws.sort_values(claim, kind="stable")
        bins = np.arange(len(ordered)) * BINS // len(ordered)
        medians = ordered[claim].groupby(bins).median()
        spread = np.log(ordered[claim].to_numpy(float))
        share = {
            name: explained(pd.factorize(ordered[PREFIX + name])[0], spread)
            for name in switches_of(table)
        }
        strongest = sorted(share, key=share.get, reverse=True)
        for name in [name for name in strongest[:STRONGEST] if share[name] >= LEAST]:
            for value in map(str, REGISTRY[name].choices):
                is_so = ordered[PREFIX + name].astype(str) == value
                here = is_so.groupby(bins).mean() / max(is_so.mean(), 1 / len(ordered))
                for place, median in medians.items():
                    rows.append((claim, 100 * place / BINS, median, name, value, here[place]))
    return pd.DataFrame(
        rows, columns=["claim", "percent", "computed", "assumption", "value", "share"]
    )


def draw(above, below, curve: pd.DataFrame, claim, presets: pd.Series) -> None:
    """Draw a curve, the presets' values on it, and where the values of assumptions stand."""
    medians = curve.drop_duplicates("percent").set_index("percent")["computed"]
    above.plot(medians.index, medians, color="0.2", lw=1)
    above.axhline(1, color="0.6", lw=0.5)
    above.axhline(claim.printed_number, color="0.4", lw=0.8, ls=":")
    for preset, (marker, colour, _) in MARKS.items():
        at = 100 * np.searchsorted(medians.to_numpy(), presets[preset]) / BINS
        above.plot(at, presets[preset], marker, color=DESIGN_COLOURS[colour], ms=4, mec="white")
    above.set(yscale="log", xlim=(0, 100))
    ends = [medians.min(), medians.max(), claim.printed_number, 1]
    ticks = np.unique([float(f"{x:.2g}") for x in np.geomspace(min(ends), max(ends), 4)])
    above.set_yticks(ticks, [f"{x:g}" for x in ticks])
    above.minorticks_off()
    above.set_title(f"{claim.statement}\nprinted {claim.printed}", fontsize=6)
    rows = list(dict.fromkeys(zip(curve["assumption"], curve["value"], strict=True)))
    image = np.array(
        [curve[(curve["assumption"] == a) & (curve["value"] == v)]["share"] for a, v in rows]
    )
    extent = (0, 100, len(rows) - 0.5, -0.5)
    if rows:  # of very few draws nothing explains anything
        below.imshow(image, aspect="auto", cmap=marks.CELL_COLOURS, vmin=0, vmax=3, extent=extent)
    below.set_yticks(range(len(rows)), [f"{a} = {v}" for a, v in rows], fontsize=4)
    sns.despine(ax=above)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the table of universes."""
    table = read_table(path, ["preset", *(PREFIX + name for name in DRAWN)])
    shown = [name for name in HEADLINES if name in table]
    if not shown:
        raise InputError(f"{path}: none of {', '.join(HEADLINES)} is a column")
    curves, claims = specification(table), load_ledger(LEDGER)
    rows = -(-len(shown) // 2)
    ratios = {"height_ratios": [2, 3] * rows}
    size = (2 * paper.COLUMN_IN, 2.4 * rows)
    figure, axes = marks.panels(2 * rows, 2, size, sharex=True, gridspec_kw=ratios)
    presets = table.set_index("preset")
    for number, name in enumerate(shown):
        pair = axes[2 * (number // 2) : 2 * (number // 2) + 2, number % 2]
        draw(*pair, curves[curves["claim"] == name], claims[name], presets.loc[[*MARKS], name])
    for axis in axes[-1]:
        axis.set_xlabel("universes [%], by value")
    handles = [
        axes[0][0].plot([], [], marker, color=DESIGN_COLOURS[colour], ms=4)[0]
        for marker, colour, _ in MARKS.values()
    ]
    figure.legend(handles, [label for *_, label in MARKS.values()], ncols=2, **marks.LEGEND)
    output.save_figure(figure, stem, curves)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
