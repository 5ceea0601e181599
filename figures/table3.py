"""Table 3: throughput, area and efficiency on Llama 2 70B GQA, batch 8, sequence length 4096."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from figures import output, work
from figures.runs import RUN, chip_name, pick_runs, presets_of
from mugi.files import read_table

# the paper's rows in its order: group, name, design, variant, array height, mesh of nodes
ROWS = [
    ("SN", "Mugi (128)", "mugi", "vlp", 128, (1, 1)),
    ("SN", "Mugi (256)", "mugi", "vlp", 256, (1, 1)),
    ("SN", "Carat (128)", "carat", "", 128, (1, 1)),
    ("SN", "Carat (256)", "carat", "", 256, (1, 1)),
    ("SN", "SA (16)", "systolic", "mac", 16, (1, 1)),
    ("SN", "SA-F (16)", "systolic", "figna", 16, (1, 1)),
    ("SN", "SD (16)", "simd", "mac", 16, (1, 1)),
    ("SN", "SD-F (16)", "simd", "figna", 16, (1, 1)),
    ("SN-S", "SA (64)", "systolic", "mac", 64, (1, 1)),
    ("SN-S", "SA-F (64)", "systolic", "figna", 64, (1, 1)),
    ("SN-S", "SD (64)", "simd", "mac", 64, (1, 1)),
    ("SN-S", "SD-F (64)", "simd", "figna", 64, (1, 1)),
    ("SN-S", "Tensor (8)", "tensor", "", 8, (1, 1)),
    ("NoC 4x4", "Mugi (256)", "mugi", "vlp", 256, (4, 4)),
    ("NoC 4x4", "Carat (256)", "carat", "", 256, (4, 4)),
    ("NoC 4x4", "SA (16)", "systolic", "mac", 16, (4, 4)),
    ("NoC 4x4", "SA-F (16)", "systolic", "figna", 16, (4, 4)),
    ("NoC 4x4", "SD (16)", "simd", "mac", 16, (4, 4)),
    ("NoC 4x4", "SD-F (16)", "simd", "figna", 16, (4, 4)),
    ("NoC 2x1", "Tensor (8)", "tensor", "", 8, (2, 1)),
]
VALUES = ["tokens_per_s", "area_mm2", "tokens_per_s_per_mj", "tokens_per_j"]
# column of the CSV -> heading, and how it is printed
PRINTED = {
    "tokens_per_s": ("Throughput [tokens/s]", "{:.2f}"),
    "area_mm2": ("On-chip area [mm²]", "{:.2f}"),
}
POWER = ("Power eff. [tokens/s/W = tokens/J]", "{:.2f}")
# rules energy_efficiency and energy_efficiency_unit -> columns of efficiency
EFFICIENCY = {
    ("throughput_per_energy", "per_uj_label"): {
        "tokens_per_s_per_mj": ("Energy eff. [tokens/s/µJ as printed, truly /MJ]", "{:.2f}"),
        "tokens_per_j": POWER,
    },
    ("throughput_per_energy", "true_unit"): {
        "tokens_per_s_per_j": ("Energy eff. [tokens/s/J]", "{:.3e}"),
        "tokens_per_j": POWER,
    },
    ("work_per_energy", "per_uj_label"): {"tokens_per_j": ("Energy eff. [tokens/J]", "{:.2f}")},
    ("work_per_energy", "true_unit"): {"tokens_per_j": ("Energy eff. [tokens/J]", "{:.2f}")},
}
TITLE = "Llama 2 70B GQA, batch 8, sequence length 4096"
NOTE = (
    "As published, energy efficiency is throughput over the energy of the whole run, in tokens/s "
    "per megajoule; the paper prints the same numbers as tokens/s/µJ. Work per energy, tokens/J, "
    "is what the paper calls power efficiency."
)


def table3(hardware: pd.DataFrame, preset: str) -> pd.DataFrame:
    """Return the 20 rows of Table 3 in the paper's order, all values of each in full.

    Below them stand the chips of other designs, one node or a network of any size.
    """
    chips = [((group, name), *chip, *mesh) for group, name, *chip, mesh in ROWS]
    meshes = tuple(set(hardware[["noc_rows", "noc_cols"]].itertuples(index=False, name=None)))
    table = pick_runs(hardware, chips, ["llama_2_70b_GQA"], [preset], meshes, name_of_row)
    table["tokens_per_s_per_mj"] = table["tokens_per_s_per_j"] * 1e6
    table = table.assign(group=table["chip"].str[0], name=table["chip"].str[1])
    return table[["preset", "group", "name", *RUN[:5], *VALUES]]


def name_of_row(design: str, variant: str, height: int, *mesh: int) -> tuple[str, str]:
    """Return group and name of a chip that is not in the paper."""
    group = "SN" if mesh == (1, 1) else f"NoC {mesh[0]}x{mesh[1]}"
    return group, chip_name(design, variant, height)


def printed(table: pd.DataFrame, rule: Mapping) -> pd.DataFrame:
    """Return the cells of the table as text, as published those of the paper."""
    shown = PRINTED | EFFICIENCY[rule["energy_efficiency"], rule["energy_efficiency_unit"]]
    table = table.assign(tokens_per_s_per_j=table["tokens_per_s_per_mj"] / 1e6)
    names = table[["group", "name"]].rename(columns={"group": "Group", "name": "Design"})
    return names.assign(
        **{heading: table[column].map(form.format) for column, (heading, form) in shown.items()}
    )


def make(path: Path, stem: Path) -> None:
    """Write stem.csv, stem.md and stem.tex from the hardware table."""
    measured = ["tokens_per_s", "area_mm2", "tokens_per_s_per_j", "tokens_per_j"]
    hardware = read_table(path, RUN, measured)
    tables = {preset: table3(hardware, preset) for preset in presets_of(hardware)}
    parts = {
        f"{TITLE}, {preset}": printed(table, work.rules(hardware, preset))
        for preset, table in tables.items()
    }
    groups = list(tables[max(tables, key=lambda preset: len(tables[preset]))]["group"])
    rules = [n for n, group in enumerate(groups) if n == 0 or group != groups[n - 1]]
    output.save_table(stem, pd.concat(tables.values()), parts, NOTE, rules)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
