"""Operational and embodied carbon of evaluated runs (paper §5.3, Eq. 6, Fig. 15)."""

import argparse
import math
from importlib.resources import files
from pathlib import Path

import pandas as pd
import yaml

from mugi.errors import InputError, unknown
from mugi.files import read_table, write_csv

CONSTANTS = [
    "carbon_intensity_g_per_kwh",
    "energy_per_area_mj_per_mm2",
    "lifetime_years",
    "days_per_year",
    "embodied_share",
]
# how much of a chip's manufacture a run answers for, from its share of the lifetime
EMBODIED_SHARES = {
    "run_share": lambda share: share,  # a chip that is used all its life
    "duty_20": lambda share: 5 * share,  # used 20 % of its life
    "whole_chip": lambda share: 1.0,
}
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


def load_constants(path: Path | None = None) -> dict[str, float | str]:
    """Read the carbon constants, units in their names, from `path` or from `data/carbon.yaml`."""
    path = path or files("mugi") / "data" / "carbon.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    mistakes = [f"{path}: missing constant '{name}'" for name in CONSTANTS if name not in entries]
    constants = {}
    for name, entry in entries.items():
        try:
            constants[name] = _value(name, entry.get("value") if isinstance(entry, dict) else None)
        except InputError as error:
            mistakes.append(f"{path}: {error}")
    if mistakes:
        raise InputError("\n".join(mistakes))
    return {name: constants[name] for name in CONSTANTS}


def changed(constants: dict[str, float | str], pairs: list[str]) -> dict[str, float | str]:
    """Return `constants` with those of `pairs`, each NAME=VALUE, changed; else `InputError`."""
    new, mistakes = {}, []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            if not equals:
                raise InputError(f"NAME=VALUE is needed, not '{pair}'")
            if name in new:
                raise InputError(f"'{name}' is set twice")
            new[name] = _value(name, value)
        except InputError as error:
            mistakes.append(f"--set: {error}")
    if mistakes:
        raise InputError("\n".join(mistakes))
    return constants | new


def _value(name: str, value: object) -> float | str:
    """Return the value of a constant, given as such or as text."""
    if name not in CONSTANTS:
        raise InputError(unknown("constant", name, CONSTANTS))
    if name == "embodied_share":
        if value not in EMBODIED_SHARES:
            raise InputError(f"{name}: {unknown('value', value, EMBODIED_SHARES)}")
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError(f"{name} is '{value}'; a number above 0 is needed")
    return number if isinstance(value, str) else value


def carbon(hardware: pd.DataFrame, constants: dict[str, float | str]) -> pd.DataFrame:
    """Return the carbon of every run, one row a run, accounting and event.

    Operational carbon of an event is CI (E_dyn + L T) / 3.6e6 J/kWh, with its on-chip dynamic
    energy E_dyn, its time T and the leakage L of the whole chip (§5.3). Embodied carbon is
    CPA area T_run / lifetime with CPA = EPA CI / 3.6 MJ/kWh (Eq. 6), as in the published program;
    the constant embodied_share puts CPA area, or 5 times the share of the lifetime, in its place.

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
    share = EMBODIED_SHARES[constants["embodied_share"]](hardware["runtime_s"] / lifetime_s)
    return hardware[[*RUN, "area_mm2", "runtime_s"]].assign(
        event="embodied",
        operational_carbon_kgco2e=0.0,
        embodied_carbon_kgco2e=g_per_mm2 * hardware["area_mm2"] * share / 1e3,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi carbon`."""
    parser.add_argument("hardware", type=Path, help="table written by `mugi evaluate`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="carbon table to write")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"change a constant: {', '.join(CONSTANTS)} ({', '.join(EMBODIED_SHARES)})",
    )


def run(args: argparse.Namespace) -> None:
    """Write the carbon table of `args.hardware` to `args.output`."""
    constants = changed(load_constants(), args.set)
    hardware = read_table(args.hardware, RUN, NUMBERS)
    table = carbon(hardware, constants)
    write_csv(table, args.output)
    print(f"{args.output}: {len(table)} rows, {len(hardware)} runs")
