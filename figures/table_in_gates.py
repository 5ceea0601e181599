"""Companion of Table 3, Figs. 13 and 15: the paper's chips as listed, and as built in gates."""

import sys
from pathlib import Path

import pandas as pd

from figures import output
from figures.runs import chip_name
from mugi.files import read_table

KEYS = ["design", "variant", "array_height", "model", "preset", "build"]
MODEL = "llama_2_70b_GQA"
# column -> heading, factor, how it is printed
SHOWN = {
    "tokens_per_s": ("Throughput [tokens/s]", 1, "{:.2f}"),
    "area_mm2": ("On-chip area [mm²]", 1, "{:.2f}"),
    "area_array_mm2": ("of it array [mm²]", 1, "{:.2f}"),
    "tokens_per_j": ("Efficiency [tokens/J]", 1, "{:.2f}"),
    "operational_carbon_kgco2e": ("Operational [mgCO2e]", 1e6, "{:.0f}"),
    "embodied_carbon_kgco2e": ("Embodied [mgCO2e]", 1e6, "{:.0f}"),
}
NOTE = (
    "As built: a row of Mugi with all the storage that it needs (row_storage=as_built), FIGNA's "
    "element as synthesised (figna_pe=synthesised); then also areas by open synthesis "
    "(technology 45nm-open). Energies are the published ones, FIGNA's estimated from area. Carbon "
    "is that of the whole run, by the accounting of the preset."
)


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of the table as text."""
    chips = table[["design", "variant", "array_height"]].itertuples(index=False)
    names = pd.DataFrame({"Design": [chip_name(*c) for c in chips], "Build": list(table["build"])})
    cells = {
        heading: (table[column] * factor).map(form.format).to_list()
        for column, (heading, factor, form) in SHOWN.items()
    }
    return names.assign(**cells)


def make(path: Path, stem: Path) -> None:
    """Write stem.csv, stem.md and stem.tex from the table of chips."""
    table = read_table(path, KEYS, list(SHOWN))
    shown = table[table["model"] == MODEL]
    parts = {
        f"Llama 2 70B GQA, batch 8, sequence length 4096, {preset}": printed(own)
        for preset, own in shown.groupby("preset", sort=False)
    }
    count = shown.groupby(["preset", "build"], sort=False).size()
    rules = range(0, len(shown) // shown["preset"].nunique(), int(count.iloc[0]))
    output.save_table(stem, table, parts, NOTE, rules)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
