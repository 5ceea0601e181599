"""What runs computed, and how fast and with how much energy they did it.

A Gop is 1e9 operations, two to a multiply-accumulate; a Gelem is 1e9 elements of a nonlinear
function. Energies are on chip: dynamic, and leakage over the time.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.errors import InputError, raise_all
from mugi.hardware.model import load_model
from mugi.hardware.parts import is_plain
from mugi.hardware.workload import GROUPS, NONLINEAR, PREFILL_TOKENS

ALL = list(GROUPS)
GEMMS = [group for group in GROUPS if group not in NONLINEAR]
COSTS = [
    *(f"macs_{group}" for group in GEMMS),
    *(f"elements_{name}" for name in NONLINEAR),
    "leakage_mw",
    *(f"runtime_{group}_s" for group in GROUPS),
    *(f"dynamic_energy_{group}_nj" for group in GROUPS),
]


def rules(table: pd.DataFrame, preset: str) -> dict[str, assumptions.Value]:
    """Return the assumptions by which the rows of a preset are drawn.

    They are the preset's, flipped by columns `assumption.<name>`; raises InputError where the rows
    disagree.
    """
    rows, flips, mistakes = table[table["preset"] == preset], {}, []
    for name in assumptions.acting_in("figures"):
        values = list(rows.get(f"assumption.{name}", pd.Series([""])).fillna("").unique())
        if len(values) > 1:
            mistakes.append(
                f"column assumption.{name}: one value is needed for all rows of {preset}, "
                f"not {', '.join(str(value) or 'none' for value in values)}"
            )
        elif values != [""]:
            flips[name] = values[0]
    if mistakes:
        raise InputError(*mistakes)
    return assumptions.resolve(preset, flips)


def assumed(runs: pd.DataFrame, name: str) -> pd.Series:
    """Return the value of an assumption by which each run was evaluated."""
    values = runs["preset"].map({key: assumptions.preset(key)[name] for key in assumptions.PRESETS})
    flips = runs.get(f"assumption.{name}", pd.Series("", index=runs.index)).fillna("")
    return values.where(flips == "", flips)


def drawn(table: pd.DataFrame, presets: list[str], rows: Callable) -> list[tuple[str, str, str]]:
    """Return preset, metric and label of every row of a figure.

    `rows` gives the metrics, each with its label, for the rules of a preset. Where the published
    preset is not alone the labels of the other say so.
    """
    return [
        (preset, metric, label + f"\n{preset}" * (preset != presets[0]))
        for preset in presets
        for metric, label in rows(rules(table, preset)).items()
    ]


def efficiencies(metrics: dict[str, str], rule: Mapping) -> dict[str, str]:
    """Return the metrics but throughput over energy, unless it is the rule's energy efficiency."""
    published = rule["energy_efficiency"] == "throughput_per_energy"
    return {k: v for k, v in metrics.items() if published or "speed/energy" not in v}


def operations(runs: pd.DataFrame) -> pd.DataFrame:
    """Return by group the Gop of matrix products and the Gelem of softmax and silu."""
    gops = {group: 2 * runs[f"macs_{group}"] for group in GEMMS}
    return pd.DataFrame(gops | {name: runs[f"elements_{name}"] for name in NONLINEAR}) / 1e9


def published_elements(runs: pd.DataFrame, event: str) -> pd.Series:
    """Return the elements [G] that Fig. 11 counts, by activations of a component of each design.

    They are of full columns, as many as lanes, rounded down to whole columns in every step. Taylor
    series add nine times an element; the published program divides softmax by that, SiLU not.
    """
    odd = [name for name in runs["model"].unique() if not is_plain(load_model(name))]
    raise_all([f"Fig. 11 counts as published elements of dense decoders, not of {m}" for m in odd])
    elements, fixed = [], assumed(runs, "decode_steps") == "fixed_4096"
    for run, fixed_steps in zip(runs.itertuples(), fixed, strict=True):
        model, lanes = load_model(run.model), 128 if run.design == "tensor" else run.array_height
        positions = np.arange(PREFILL_TOKENS + 1, run.seq_len + 1)
        if event == "softmax":
            rows = run.batch_size * model.heads
            prefill = rows * PREFILL_TOKENS * PREFILL_TOKENS
            steps = np.floor(rows * positions / lanes + 1e-6).sum()
        else:
            prefill = model.ffn_dim * run.batch_size * PREFILL_TOKENS
            steps = 4096 if fixed_steps else len(positions)
            steps *= np.floor(model.ffn_dim * run.batch_size / lanes + 1e-6)
            steps *= 9 if run.variant == "taylor" else 1
            prefill *= 9 if run.variant == "taylor" else 1
        elements.append(model.layers * lanes * (np.floor(prefill / lanes + 1e-6) + steps))
    return pd.Series(elements, index=runs.index) / 1e9


def published_gops(runs: pd.DataFrame) -> pd.Series:
    """Return the Gop that Figs. 14 and 17 count, which differ with the design.

    To the matrix products come two operations for each time an element of softmax or SiLU switches
    an AND gate (Mugi) or a vector register (the others; the systolic array's has two, not H).
    """
    switches = runs["design"].map({"mugi": 16, "carat": 44, "simd": 44, "tensor": 44})
    switches = switches.fillna(88 / runs["array_height"])
    work = operations(runs)
    return work[GEMMS].sum(axis=1) + 2 * switches * (work["softmax"] + work["silu"])


def efficiency(runs: pd.DataFrame, work: pd.Series, groups: list[str], unit: str) -> pd.DataFrame:
    """Return what the paper measures of some `groups` of the model that do `work` [G`unit`].

    Its energy efficiency is throughput over energy; its power efficiency is work over energy.
    """
    measured = pd.DataFrame(
        {
            "runtime_s": sum(runs[f"runtime_{group}_s"] for group in groups),
            "dynamic_energy_j": sum(runs[f"dynamic_energy_{group}_nj"] for group in groups) * 1e-9,
            "leakage_w": runs["leakage_mw"] * 1e-3,
        }
    )
    energy = measured["dynamic_energy_j"] + measured["leakage_w"] * measured["runtime_s"]
    throughput = work / measured["runtime_s"]
    measured[f"throughput_g{unit}_per_s"] = throughput
    measured[f"energy_efficiency_g{unit}_per_s_per_j"] = throughput / energy
    measured[f"power_efficiency_g{unit}_per_j"] = work / energy
    return measured


def geomean(table: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    """Return the geometric mean of `values` over the models, one row for each of `keys`."""
    logarithms = np.log(table[values])
    means = logarithms.groupby([table[key] for key in keys], sort=False, dropna=False).mean()
    return np.exp(means).reset_index()


def over_baseline(
    table: pd.DataFrame, values: list[str], baseline: dict, same: list[str]
) -> pd.DataFrame:
    """Return `table` with columns `..._ratio`: `values` over those of the row with `baseline`.

    Row and baseline have the `same` keys in common.
    """
    chosen = table[(table[list(baseline)] == pd.Series(baseline)).all(axis=1)]
    divisors = table[same].merge(chosen[same + values], on=same, how="left", validate="m:1")
    ratios = table[values].to_numpy() / divisors[values].to_numpy()
    return table.assign(**{f"{name}_ratio": ratios[:, i] for i, name in enumerate(values)})
