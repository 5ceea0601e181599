"""Break-even of carbon: years of use until operational carbon is the embodied one, by grid."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from figures import marks, output, paper
from mugi.colours import colour_of
from mugi.files import read_table

FABS = {
    "energy_only": "Eq. 6, the paper's energy",
    "act_28nm": "ACT, 28 nm",
    "act_7nm": "ACT, 7 nm",
}
CHIPS = [("mugi", 64), ("mugi", 256), ("mugi", 512), ("systolic", 16), ("tensor", 8)]
LINES = {64: ":", 512: "--"}  # of Mugi's other sizes
NUMBERS = ["array_height", "carbon_intensity_g_per_kwh", "break_even_years"]
SCOPE = "on_chip"


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the fabs and chips that are drawn, without DRAM."""
    chips = pd.MultiIndex.from_frame(table[["design", "array_height"]]).isin(CHIPS)
    chosen = (table["energy_scope"] == SCOPE) & table["cpa"].isin(FABS) & chips
    return table[chosen].reset_index(drop=True)


def make(path: Path, stem: Path) -> None:
    """Draw the figure from the table of break-even."""
    columns = ["design", "variant", "energy_scope", "cpa", "grid"]
    table = shown(read_table(path, columns, NUMBERS))
    figure, axes = marks.panels(1, len(FABS), (2 * paper.COLUMN_IN, 2.1), sharey=True)
    for axis, (cpa, label) in zip(axes[0], FABS.items(), strict=True):
        for design, height in CHIPS:
            rows = table[(table["design"] == design) & (table["array_height"] == height)]
            rows = rows[rows["cpa"] == cpa].sort_values("carbon_intensity_g_per_kwh")
            axis.plot(
                rows["carbon_intensity_g_per_kwh"],
                rows["break_even_years"],
                color=colour_of(design),
                ls=LINES.get(height, "-") if design == "mugi" else "-",
                lw=1,
                marker={"systolic": "s", "tensor": "^"}.get(design),
                ms=2.5,
            )
        axis.axhline(5, color="0.5", lw=0.6)
        axis.set(xscale="log", yscale="log", xlabel="grid [gCO₂e/kWh]")
        axis.set_title(label, fontsize=6.5)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_major_formatter("{x:g}")
        sns.despine(ax=axis)
    axes[0][0].set_ylabel("years of use until break-even")
    axes[0][-1].text(0.98, 5.3, "life of 5 years", fontsize=5, ha="right", color="0.3",
                     transform=axes[0][-1].get_yaxis_transform())  # fmt: skip
    handles = [
        plt.Line2D(
            [], [], color=colour_of(design), lw=1, ms=2.5,
            ls=LINES.get(height, "-") if design == "mugi" else "-",
            marker={"systolic": "s", "tensor": "^"}.get(design),
        )
        for design, height in CHIPS
    ]  # fmt: skip
    names = [
        f"{paper.name_of(d, {'mugi': 'vlp', 'systolic': 'mac'}.get(d, ''))} ({h})" for d, h in CHIPS
    ]
    figure.legend(handles, names, ncols=len(names), **marks.LEGEND | {"handlelength": 2.5})
    output.save_figure(figure, stem, table)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
