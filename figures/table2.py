"""Table 2: the configuration of every accelerator, read from its design and the technology."""

import math
import sys
from pathlib import Path

import pandas as pd

from figures import output, paper
from figures.runs import RUN, presets_of
from mugi import assumptions
from mugi.errors import InputError
from mugi.files import read_table
from mugi.hardware.design import given, load_design
from mugi.hardware.technology import technology

NODE = ["preset", "technology", "design", "variant", "array_height", "array_width"]
# column of the CSV -> heading and how it is printed
SHOWN = {
    "array": ("Array", "{}"),
    "macs_per_cycle": ("MACs/cycle", "{:.0f}"),
    "window_cycles": ("Window [cycles]", "{:.0f}"),
    "nonlinear_lanes": ("Nonlinear lanes", "{:.0f}"),
    "nonlinear_cycles": ("Nonlinear [cycles]", "{:.0f}"),
    "isram_kib": ("iSRAM [KiB]", "{:.0f}"),
    "wsram_kib": ("wSRAM [KiB]", "{:.0f}"),
    "osram_kib": ("oSRAM [KiB]", "{:.0f}"),
    "area_mm2": ("Area [mm²]", "{:.2f}"),
    "leakage_mw": ("Leakage [mW]", "{:.1f}"),
}
BANKS = 4  # of every SRAM
NOTE = (
    "One node. Window: cycles of an array step (the temporal signal of Mugi and Carat). "
    "Nonlinear: cycles a pass over one element takes a lane; Mugi makes two for each. "
)


def configuration(run: dict) -> dict:
    """Return the configuration of one chip, evaluated under the preset of `run`.

    NaN is what the design of a user does not have.
    """
    design = load_design(run["design"], run["variant"])
    assumed = assumptions.preset(run["preset"]) | {"technology": run["technology"]}
    costs = technology(run["technology"])
    sizes = given(run["array_height"], run["array_width"], 1, 1)
    symbols = design.symbols(sizes, assumed)
    components = design.costs(symbols, assumed)
    array_step = design.gemm.events.get("array_gemm")
    window = array_step.unit(symbols) if array_step else math.nan
    cells = symbols.get("pes", symbols["H"] * symbols["W"])
    deep = int(cells // (symbols["H"] * symbols["W"]))
    nonlinear = design.nonlinear.events
    step = nonlinear.get("vector_nonlinear") or nonlinear.get("weight_nonlinear")
    row = {
        "array": f"{run['array_height']}×{run['array_width']}" + f"×{deep}" * (deep > 1),
        "macs_per_cycle": cells / window,
        "window_cycles": window,
        "nonlinear_lanes": symbols["lanes"],
        "nonlinear_cycles": step.unit(symbols) if step else math.nan,
    }
    if run["variant"] == "taylor" and "multiplier_vector" in getattr(step, "use", {}):
        row["taylor_degree"] = step.use["multiplier_vector"](symbols) / symbols["lanes"]
    if run["variant"] == "pwl" and "pwl_comparator" in components:
        row["pwl_segments"] = components["pwl_comparator"]["instances"] / symbols["lanes"] + 1
    for sram in "iwo":
        width, depth, macros = (
            symbols.get(name, math.nan) for name in (f"{sram}_width", f"{sram}_depth", "macros")
        )
        bits = width * depth * BANKS * macros
        row[f"{sram}sram_kib"] = bits / 8 / 1024
    row["technology_nm"] = costs.node_nm
    row["frequency_mhz"] = costs.frequency_mhz
    row["dram_bandwidth_gb_s"] = assumed["dram_bandwidth_gb_s"]
    return {key: value if isinstance(value, str) else float(value) for key, value in row.items()}


def chips(hardware: pd.DataFrame, presets: list[str]) -> pd.DataFrame:
    """Return the configuration, area and leakage of every single node in the table."""
    keys = list(zip(hardware["design"], hardware["variant"], strict=True))
    order = {key: place for place, key in enumerate(paper.in_order(keys, paper.DESIGNS))}
    nodes = hardware.assign(place=[order[key] for key in keys])
    nodes = nodes[(nodes["noc_rows"] == 1) & (nodes["noc_cols"] == 1)]
    nodes = nodes[nodes["preset"].isin(presets)].drop_duplicates(NODE)
    if nodes.empty:
        raise InputError("no run of one node")
    nodes = nodes.sort_values(["preset", "place", "array_height"], ignore_index=True)
    rows = pd.DataFrame([configuration(run) for run in nodes[NODE].to_dict("records")])
    return nodes[NODE].join(rows).join(nodes[["area_mm2", "leakage_mw"]])


def make(path: Path, stem: Path) -> None:
    """Write stem.csv, stem.md and stem.tex from the hardware table."""
    hardware = read_table(path, [*RUN, "array_width", "technology"], ["area_mm2", "leakage_mw"])
    presets = presets_of(hardware)
    table = chips(hardware, presets)
    parts = {}
    for preset in presets:
        shown = table[table["preset"] == preset]
        printed = {
            heading: shown[column].map(
                lambda value, form=form: "" if value != value else form.format(value)
            )
            for column, (heading, form) in SHOWN.items()
        }
        names = map(paper.name_of, shown["design"], shown["variant"])
        parts[preset] = pd.DataFrame({"Design": list(names), **printed})
    first = table.iloc[0]
    common = (
        f"All: {first['technology_nm']:.0f} nm, {first['frequency_mhz']:.0f} MHz, DRAM of "
        f"{first['dram_bandwidth_gb_s']:.0f} GB/s (which bounds nothing as published). "
        "Preset corrected: the SRAMs of 64×64 and tensor have the 1 MiB of the paper."
    )
    output.save_table(stem, table, parts, NOTE + common)


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
