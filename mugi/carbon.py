"""Operational and embodied carbon of evaluated runs (paper §5.3, Eq. 6, Fig. 15)."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.documents import read_yaml
from mugi.errors import Mistake, closest, raise_all, unknown
from mugi.files import plain_frame
from mugi.hardware.runs import KEYS, blank
from mugi.schema import Section, validated

CONSTANTS_FILE = files("mugi") / "carbon.yaml"


class Constant(Section):
    """A constant of `carbon.yaml`."""

    value: float
    unit: str
    source: str


class Fab(Section):
    """What making a cm2 of wafer takes; gases by the percentage of them that is destroyed."""

    energy_kwh_per_cm2: float
    gases_g_per_cm2: dict[str, float]
    materials_g_per_cm2: float
    working_share_of_dies: float
    source: str


class Constants(Section):
    """All constants of the accounting; their units are in the file."""

    joules_per_kwh: Constant
    megajoules_per_kwh: Constant
    seconds_per_year: Constant
    fabs: dict[str, Fab]


def load_constants(path=CONSTANTS_FILE) -> Constants:
    """Read the constants; raises InputError with file, line and key of every mistake."""
    return validated(Constants, read_yaml(path))


CONSTANTS: Constants = load_constants()
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
DRAM = ["dram_leakage_mw", *[f"dram_energy_{group}_nj" for group in GROUPS]]
SCOPE = "assumption.energy_scope"
SWITCHES = assumptions.acting_in("carbon")
# assumption -> its column in the carbon table
SHOWN = {
    "carbon_intensity": "carbon_intensity_g_per_kwh",
    "pue": "pue",
    "fab_carbon_intensity": "fab_carbon_intensity_g_per_kwh",
    "gas_abatement_percent": "gas_abatement_percent",
    "cpa": "cpa",
    "epa_mj_per_mm2": "epa_mj_per_mm2",
    "lifetime_years": "lifetime_years",
    "embodied_share": "embodied_share",
}
FAB = ["cpa", "epa_mj_per_mm2", "fab_carbon_intensity", "gas_abatement_percent"]
CARBON = ["operational_carbon_kgco2e", "embodied_carbon_kgco2e"]


def account_carbon(
    hardware: pd.DataFrame,
    *,
    presets: Iterable[str] = (assumptions.DEFAULT_PRESET,),
    flips: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Return the carbon of every run of `evaluate_hardware`, one row a run, accounting and event.

    Operational carbon of an event is CI PUE (E_dyn + L T) / 3.6e6 J/kWh, with its on-chip dynamic
    energy E_dyn, its time T and the leakage L of the whole chip (§5.3). Embodied carbon is
    CPA area T_run / lifetime with CPA = EPA CI_fab / 3.6 MJ/kWh (Eq. 6), as in the published
    program, where CI_fab is CI and PUE 1. DRAM comes to E_dyn and L where the runs' assumption
    energy_scope has it.

    The key column `accounting` is each of `presets` (default: corrected), whose assumptions of
    stage `carbon` it counts by; columns `assumption.<name>` flip them, and `flips` on top of those.
    Event `total` is the sum of the others. All carbon is in kgCO2e, area in mm^2, time in s.
    Raises InputError for flips that are unknown or not allowed, and for a table that lacks a column
    or holds a number that is negative or not finite.
    """
    hardware = plain_frame(hardware, "hardware")
    flips = dict(flips or {})
    raise_all([unknown("assumption of carbon", n, SWITCHES) for n in flips if n not in SWITCHES])
    hardware = _checked(hardware.reset_index(drop=True))
    switches = [name for name in (f"assumption.{n}" for n in SWITCHES) if name in hardware]
    more = [key for key in KEYS if key in hardware and key not in RUN]
    kept = [*RUN, *more, *switches]
    accounted = [
        _accounted(hardware, _rules(accounting, hardware, flips), kept).assign(
            accounting=accounting
        )
        for accounting in ([presets] if isinstance(presets, str) else presets)
    ]
    table = pd.concat(accounted)
    table["carbon_kgco2e"] = table[CARBON].sum(axis=1)
    table["event"] = pd.Categorical(table["event"], [*EVENTS, "embodied", "total"])
    keys = [*kept, "accounting", "event"]
    ordered = [*keys, "area_mm2", "runtime_s", *CARBON, "carbon_kgco2e", *SHOWN.values()]
    in_order = table.sort_values(keys, key=lambda c: c.map(str) if c.dtype == object else c)
    return in_order[ordered].astype({"event": str}).reset_index(drop=True)


def _checked(hardware: pd.DataFrame) -> pd.DataFrame:
    """Return a table of evaluated runs with its numbers as such, which may be text.

    Raises InputError for all that is wrong with it, a row counted as in a CSV.
    """
    scope = hardware.get(SCOPE, pd.Series("", hardware.index))
    numbers = NUMBERS if (scope.isna() | scope.isin(["", "on_chip"])).all() else [*NUMBERS, *DRAM]
    mistakes = [
        Mistake(f"missing column '{name}'", nearest=closest(name, hardware.columns))
        for name in dict.fromkeys([*RUN, *numbers])
        if name not in hardware
    ]
    read = {n: pd.to_numeric(hardware[n], errors="coerce") for n in numbers if n in hardware}
    of_text = {n: values for n, values in read.items() if values.dtype != hardware[n].dtype}
    for name, values in read.items():
        wrong = hardware.index[~(np.isfinite(values) & (values >= 0))]
        if len(wrong):
            what = f"must be a finite number of at least 0, not '{hardware.loc[wrong[0], name]}'"
            mistakes.append(Mistake(what, f"line {wrong[0] + 2}, {name}"))
    for column in (name for name in hardware if name.startswith("assumption.")):
        values = hardware[column]
        for value in values[~blank(values)].unique():
            mistakes.append(assumptions.check(column.removeprefix("assumption."), value))
    raise_all(list(filter(None, mistakes)))
    return hardware.assign(**of_text)


def _rules(accounting: str, runs: pd.DataFrame, flips: Mapping) -> dict[str, pd.Series]:
    """Return the assumptions of an accounting by name, of each run: its columns flip a preset's.

    An empty cell flips nothing. Electricity in the fab is that in use by default.
    """
    rules = {}
    for name, value in assumptions.resolve(accounting, flips).items():
        cells = [""] * len(runs)
        if name in SWITCHES and name not in flips and f"assumption.{name}" in runs:
            column = runs[f"assumption.{name}"]
            cells = column.where(~blank(column), "").tolist()
        given = {
            cell: assumptions.resolve(accounting, {name: cell})[name] for cell in {*cells} - {""}
        }
        rules[name] = pd.Series([given.get(cell, value) for cell in cells], runs.index)
    use, fab = rules["carbon_intensity"], rules["fab_carbon_intensity"].astype(object)
    return rules | {"fab_carbon_intensity": fab.where(fab != "as_used", use).infer_objects()}


def _accounted(runs: pd.DataFrame, rules: Mapping[str, pd.Series], kept: list[str]) -> pd.DataFrame:
    """Return the carbon of runs by event, with `kept` columns of them: a hundred would be memory.

    That of the output is there where figures include it.
    """
    columns = [*kept, "event", "area_mm2", "runtime_s", *CARBON]
    events = {event: _operational(runs, event, rules)[columns] for event in EVENTS}
    events["output"] = events["output"][rules["lm_head_in_breakdowns"] == "included"]
    by_event = pd.concat([*events.values(), _embodied(runs, rules)[columns]])
    total = runs.assign(event="total", **by_event[CARBON].groupby(level=0).sum())[columns]
    table = pd.concat([by_event, total])
    return table.assign(**{SHOWN[name]: rules[name].loc[table.index] for name in SHOWN})


def _operational(runs: pd.DataFrame, event: str, rules: Mapping[str, pd.Series]) -> pd.DataFrame:
    groups = EVENTS[event]
    seconds = sum(runs[f"runtime_{group}_s"] for group in groups)
    energy_j = sum(runs[f"dynamic_energy_{group}_nj"] for group in groups) / 1e9
    if event in ONE_LAYER:
        one_layer = rules["fig15_dynamic_energy"] == "one_layer"
        energy_j = energy_j.mask(one_layer, energy_j / runs["layers"])
    power_w = runs["leakage_mw"] / 1e3
    if SCOPE in runs:
        scope = runs[SCOPE]
        dram_j = sum(runs[f"dram_energy_{group}_nj"] for group in groups) / 1e9
        energy_j = energy_j + dram_j * scope.isin(["with_dram", "with_dram_background"])
        background_w = runs["dram_leakage_mw"] / 1e3
        power_w = power_w + background_w * (scope == "with_dram_background")
    carbon_g = (
        rules["carbon_intensity"] * (energy_j + power_w * seconds) / CONSTANTS.joules_per_kwh.value
    )
    carbon_g = carbon_g * rules["pue"]
    return runs.assign(
        event=event,
        runtime_s=seconds,
        operational_carbon_kgco2e=carbon_g / 1e3,
        embodied_carbon_kgco2e=0.0,
    )


def _embodied(runs: pd.DataFrame, rules: Mapping[str, pd.Series]) -> pd.DataFrame:
    share = runs["runtime_s"] / (rules["lifetime_years"] * CONSTANTS.seconds_per_year.value)
    share = share.mask(rules["embodied_share"] == "duty_20", 5 * share)
    share = share.mask(rules["embodied_share"] == "whole_chip", 1.0)
    made = pd.DataFrame({name: rules[name] for name in FAB})
    each = {fab: g_per_mm2(dict(zip(FAB, fab, strict=True))) for fab in set(_rows(made))}
    made_g = pd.Series([each[fab] for fab in _rows(made)], runs.index)
    return runs.assign(
        event="embodied",
        operational_carbon_kgco2e=0.0,
        embodied_carbon_kgco2e=made_g * runs["area_mm2"] * share / 1e3,
    )


def _rows(table: pd.DataFrame) -> Iterator[tuple]:
    return table.itertuples(index=False, name=None)


def g_per_mm2(rules: Mapping) -> float:
    """Return the carbon of making a mm^2 of die [gCO2e]."""
    if rules["cpa"] != "energy_only":
        fab = CONSTANTS.fabs[rules["cpa"]]
        g_per_cm2 = rules["fab_carbon_intensity"] * fab.energy_kwh_per_cm2
        gases = fab.gases_g_per_cm2[f"{rules['gas_abatement_percent']:g}"]
        g_per_cm2 += gases + fab.materials_g_per_cm2
        return g_per_cm2 / fab.working_share_of_dies / 100
    kwh_per_mm2 = rules["epa_mj_per_mm2"] / CONSTANTS.megajoules_per_kwh.value
    return kwh_per_mm2 * rules["fab_carbon_intensity"]
