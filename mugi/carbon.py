"""Operational and embodied carbon of evaluated runs (paper §5.3, Eq. 6, Fig. 15)."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mugi import assumptions
from mugi.errors import InputError, unknown
from mugi.files import read_table, write_table

J_PER_KWH = 3.6e6
LIFETIME_S_PER_YEAR = 365 * 86400  # published artifact, op_carbon.py: no leap years
# ACT (Gupta et al., ISCA 2022) at 28 nm: energy, gases at 95 % abatement, materials, yield
ACT_KWH_PER_CM2, ACT_GAS_G_PER_CM2, ACT_MATERIALS_G_PER_CM2, ACT_YIELD = 0.90, 175, 500, 0.875
RUN = [
    *["design", "variant", "array_height", "array_width", "noc_rows", "noc_cols", "nodes"],
    *["model", "layers", "kv_heads", "batch_size", "seq_len", "preset", "technology"],
]
EVENTS = {
    "projection": ["projection"],
    "attention": ["attention"],
    "ffn": ["ffn"],
    "nonlinear": ["softmax", "silu"],
    "output": ["output"],
}
ONE_LAYER = ["projection", "attention", "ffn"]  # published: one layer's dynamic energy of these
GROUPS = [group for groups in EVENTS.values() for group in groups]
NUMBERS = [
    *["layers", "area_mm2", "leakage_mw", "runtime_s"],
    *[f"runtime_{group}_s" for group in GROUPS],
    *[f"dynamic_energy_{group}_nj" for group in GROUPS],
]
SWITCHES = assumptions.acting_in("carbon")
# assumption -> its column in the carbon table
SHOWN = {
    "carbon_intensity": "carbon_intensity_g_per_kwh",
    "cpa": "cpa",
    "epa_mj_per_mm2": "epa_mj_per_mm2",
    "lifetime_years": "lifetime_years",
    "embodied_share": "embodied_share",
}
CARBON = ["operational_carbon_kgco2e", "embodied_carbon_kgco2e"]


def carbon(
    hardware: pd.DataFrame,
    flips: Mapping[str, object] | None = None,
    presets: tuple[str, ...] = assumptions.PRESETS,
) -> pd.DataFrame:
    """Return the carbon of every run, one row a run, accounting and event.

    Operational carbon of an event is CI (E_dyn + L T) / 3.6e6 J/kWh, with its on-chip dynamic
    energy E_dyn, its time T and the leakage L of the whole chip (§5.3). Embodied carbon is
    CPA area T_run / lifetime with CPA = EPA CI / 3.6 MJ/kWh (Eq. 6), as in the published program.
    DRAM comes to E_dyn and L where the runs' assumption energy_scope has it.

    The key column `accounting` is each of `presets`, whose assumptions of stage `carbon` it counts
    by; columns `assumption.<name>` flip them, and `flips` on top of those. Event `total` is the sum
    of the others. All carbon is in kgCO2e, area in mm^2, time in s. Raises InputError for flips
    that are unknown or not allowed.
    """
    if odd := [name for name in flips or {} if name not in SWITCHES]:
        raise InputError(*(unknown("assumption of carbon", name, SWITCHES) for name in odd))
    hardware = hardware.reset_index(drop=True)
    columns = [f"assumption.{name}" for name in SWITCHES if f"assumption.{name}" in hardware]
    frames = []
    for accounting in presets:
        for index, runs in _alike(hardware, columns):
            given = dict(zip((c.removeprefix("assumption.") for c in columns), index, strict=True))
            given = {name: value for name, value in given.items() if value == value and value != ""}
            rules = assumptions.resolve(accounting, given | dict(flips or {}))
            frames.append(_accounted(runs, rules).assign(accounting=accounting))
    table = pd.concat(frames)
    table["carbon_kgco2e"] = table[CARBON].sum(axis=1)
    table["event"] = pd.Categorical(table["event"], [*EVENTS, "embodied", "total"])
    keys = [*RUN, *columns, "accounting", "event"]
    ordered = [*keys, "area_mm2", "runtime_s", *CARBON, "carbon_kgco2e", *SHOWN.values()]
    return table.sort_values(keys)[ordered].astype({"event": str}).reset_index(drop=True)


def _alike(runs: pd.DataFrame, columns: list[str]):
    """Return (values, runs) for every combination of values of `columns`."""
    return runs.groupby(columns, sort=False, dropna=False) if columns else [((), runs)]


def _accounted(runs: pd.DataFrame, rules: Mapping) -> pd.DataFrame:
    """Return the rows of runs that share their rules."""
    events = [e for e in EVENTS if e != "output" or rules["lm_head_in_breakdowns"] == "included"]
    parts = [_operational(runs, event, rules) for event in events]
    parts = pd.concat([*parts, _embodied(runs, rules)])
    total = runs.assign(event="total", **parts[CARBON].groupby(level=0).sum())
    return pd.concat([parts, total]).assign(**{SHOWN[name]: rules[name] for name in SHOWN})


def _operational(runs: pd.DataFrame, event: str, rules: Mapping) -> pd.DataFrame:
    groups = EVENTS[event]
    seconds = sum(runs[f"runtime_{group}_s"] for group in groups)
    energy_j = sum(runs[f"dynamic_energy_{group}_nj"] for group in groups) / 1e9
    if rules["fig15_dynamic_energy"] == "one_layer" and event in ONE_LAYER:
        energy_j = energy_j / runs["layers"]
    power_w = runs["leakage_mw"] / 1e3
    if "assumption.energy_scope" in runs:
        scope = runs["assumption.energy_scope"]
        dram_j = sum(runs[f"dram_energy_{group}_nj"] for group in groups) / 1e9
        energy_j = energy_j + dram_j * scope.isin(["with_dram", "with_dram_background"])
        background_w = runs["dram_leakage_mw"] / 1e3
        power_w = power_w + background_w * (scope == "with_dram_background")
    carbon_g = rules["carbon_intensity"] * (energy_j + power_w * seconds) / J_PER_KWH
    return runs.assign(
        event=event,
        runtime_s=seconds,
        operational_carbon_kgco2e=carbon_g / 1e3,
        embodied_carbon_kgco2e=0.0,
    )


def _embodied(runs: pd.DataFrame, rules: Mapping) -> pd.DataFrame:
    share = runs["runtime_s"] / (rules["lifetime_years"] * LIFETIME_S_PER_YEAR)
    if rules["embodied_share"] == "whole_chip":
        share = 1.0
    elif rules["embodied_share"] == "duty_20":
        share = 5 * share
    return runs.assign(
        event="embodied",
        operational_carbon_kgco2e=0.0,
        embodied_carbon_kgco2e=g_per_mm2(rules) * runs["area_mm2"] * share / 1e3,
    )


def g_per_mm2(rules: Mapping) -> float:
    """Return the carbon of making a mm^2 of die [gCO2e]."""
    if rules["cpa"] == "act_28nm":
        energy = rules["carbon_intensity"] * ACT_KWH_PER_CM2
        return (energy + ACT_GAS_G_PER_CM2 + ACT_MATERIALS_G_PER_CM2) / ACT_YIELD / 100
    return rules["epa_mj_per_mm2"] / 3.6 * rules["carbon_intensity"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi carbon`."""
    parser.add_argument("hardware", type=Path, help="table written by `mugi evaluate`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="carbon table to write")
    parser.add_argument(
        "--preset",
        choices=assumptions.PRESETS,
        help="accounting to write; both if left out",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"flip an assumption: {', '.join(SWITCHES)}",
    )


def run(args: argparse.Namespace) -> None:
    """Write the carbon table of `args.hardware` to `args.output`."""
    flips = assumptions.pairs(args.set, "--set", SWITCHES)
    presets = (args.preset,) if args.preset else assumptions.PRESETS
    hardware = read_table(args.hardware, RUN, NUMBERS)
    table = carbon(hardware, flips, presets)
    write_table(table, args.output)
    print(f"{args.output}: {len(table)} rows, {len(hardware)} runs")
