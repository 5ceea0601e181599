"""Operational and embodied carbon of evaluated runs (paper §5.3, Eq. 6, Fig. 15)."""

import argparse
from importlib.resources import files
from pathlib import Path

import pandas as pd
import yaml

from mugi.errors import InputError, nearest
from mugi.files import read_table, write_csv

CONSTANTS = [
    "carbon_intensity_g_per_kwh",
    "energy_per_area_mj_per_mm2",
    "lifetime_years",
    "days_per_year",
]
RUN = [
    *["design", "variant", "array_height", "array_width", "noc_rows", "noc_cols", "nodes"],
    *["model", "layers", "kv_heads", "batch_size", "seq_len", "preset"],
]
EVENTS = {
    "projection": ["projection"],
    "attention": ["attention"],
    "ffn": ["ffn"],
    "nonlinear": ["softmax", "silu"],
    "output": ["output"],
}
# the published program counts the dynamic energy of one layer of these (op_carbon.py:50-59)
ONE_LAYER = ["projection", "attention", "ffn"]
GROUPS = [group for groups in EVENTS.values() for group in groups]
NUMBERS = [
    *["layers", "area_mm2", "leakage_mw", "runtime_s"],
    *[f"runtime_{group}_s" for group in GROUPS],
    *[f"dynamic_energy_{group}_nj" for group in GROUPS],
]


def load_constants(path: Path | None = None) -> dict[str, float]:
    """Read the carbon constants, units in their names, from `path` or from `data/carbon.yaml`."""
    path = path or files("mugi") / "data" / "carbon.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    mistakes = [f"{path}: missing constant '{name}'" for name in CONSTANTS if name not in entries]
    mistakes += [
        f"{path}: unknown constant '{name}'{nearest(name, CONSTANTS)}; one of: "
        + ", ".join(CONSTANTS)
        for name in entries
        if name not in CONSTANTS
    ]
    for name in CONSTANTS:
        value = entries.get(name, {}).get("value", 1)
        if not isinstance(value, int | float) or value <= 0:
            mistakes.append(f"{path}: {name}.value is '{value}'; a number above 0 is needed")
    if mistakes:
        raise InputError("\n".join(mistakes))
    return {name: entries[name]["value"] for name in CONSTANTS}


def carbon(hardware: pd.DataFrame, constants: dict[str, float]) -> pd.DataFrame:
    """Return the carbon of every run, one row a run, accounting and event.

    Operational carbon of an event is CI (E_dyn + L T) / 3.6e6 J/kWh, with its on-chip dynamic
    energy E_dyn, its time T and the leakage L of the whole chip (§5.3). Embodied carbon is
    CPA area T_run / lifetime with CPA = EPA CI / 3.6 MJ/kWh (Eq. 6), as in the published program.

    The key column `accounting` is `as-published` (E_dyn of projection, attention and FFN counts one
    layer, the language-model head is left out) or `corrected` (all layers, event `output` too).
    Event `total` is the sum of the others. All carbon is in kgCO2e, area in mm^2, time in s.
    """
    hardware, frames = hardware.reset_index(drop=True), []
    for accounting in ["as-published", "corrected"]:
        events = [
            _operational(hardware, event, accounting, constants)
            for event in EVENTS
            if event != "output" or accounting == "corrected"
        ]
        parts = pd.concat([*events, _embodied(hardware, constants)], keys=range(len(events) + 1))
        sums = parts[["operational_carbon_kgco2e", "embodied_carbon_kgco2e"]].groupby(level=1).sum()
        total = hardware[[*RUN, "area_mm2", "runtime_s"]].assign(event="total", **sums)
        frames.append(pd.concat([parts, total]).assign(accounting=accounting))
    table = pd.concat(frames).assign(**constants)
    table["carbon_kgco2e"] = table["operational_carbon_kgco2e"] + table["embodied_carbon_kgco2e"]
    order = [*EVENTS, "embodied", "total"]
    table["event"] = pd.Categorical(table["event"], order)
    keys = [*RUN, "accounting", "event"]
    values = ["area_mm2", "runtime_s", "operational_carbon_kgco2e", "embodied_carbon_kgco2e"]
    columns = [*keys, *values, "carbon_kgco2e", *CONSTANTS]
    return table.sort_values(keys)[columns].astype({"event": str}).reset_index(drop=True)


def _operational(hardware, event, accounting, constants) -> pd.DataFrame:
    seconds = sum(hardware[f"runtime_{group}_s"] for group in EVENTS[event])
    dynamic_j = sum(hardware[f"dynamic_energy_{group}_nj"] for group in EVENTS[event]) / 1e9
    if accounting == "as-published" and event in ONE_LAYER:
        dynamic_j = dynamic_j / hardware["layers"]
    energy_kwh = (dynamic_j + hardware["leakage_mw"] / 1e3 * seconds) / 3.6e6
    return hardware[[*RUN, "area_mm2"]].assign(
        event=event,
        runtime_s=seconds,
        operational_carbon_kgco2e=constants["carbon_intensity_g_per_kwh"] * energy_kwh / 1e3,
        embodied_carbon_kgco2e=0.0,
    )


def _embodied(hardware, constants) -> pd.DataFrame:
    manufacture_kwh_per_mm2 = constants["energy_per_area_mj_per_mm2"] / 3.6
    g_per_mm2 = manufacture_kwh_per_mm2 * constants["carbon_intensity_g_per_kwh"]
    lifetime_s = constants["lifetime_years"] * constants["days_per_year"] * 86400
    share = hardware["runtime_s"] / lifetime_s
    return hardware[[*RUN, "area_mm2", "runtime_s"]].assign(
        event="embodied",
        operational_carbon_kgco2e=0.0,
        embodied_carbon_kgco2e=g_per_mm2 * hardware["area_mm2"] * share / 1e3,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi carbon`."""
    parser.add_argument("hardware", type=Path, help="table written by `mugi evaluate`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="carbon table to write")


def run(args: argparse.Namespace) -> None:
    """Write the carbon table of `args.hardware` to `args.output`."""
    hardware = read_table(args.hardware, RUN, NUMBERS)
    table = carbon(hardware, load_constants())
    write_csv(table, args.output)
    print(f"{args.output}: {len(table)} rows, {len(hardware)} runs")
