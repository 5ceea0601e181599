"""What runs computed, in closed form, and how fast and with how much energy they did it.

A Gop is 1e9 operations, two to a multiply-accumulate; a Gelem is 1e9 elements of a nonlinear
function. Energies are on chip: dynamic, and leakage over the time.
"""

import numpy as np
import pandas as pd

from mugi.hardware.workload import GROUPS, PREFILL_TOKENS, load_model

ALL = list(GROUPS)
GEMMS = ["projection", "attention", "ffn", "output"]
COSTS = [
    "leakage_mw",
    *(f"runtime_{group}_s" for group in GROUPS),
    *(f"dynamic_energy_{group}_nj" for group in GROUPS),
]


def operations(runs: pd.DataFrame) -> pd.DataFrame:
    """Return by group the Gop of matrix products and the Gelem of softmax and silu.

    Counted over the whole model. The published preset runs 4096 decode steps of everything but
    attention and softmax at any length, and one of the language-model head.
    """
    models = {name: load_model(name) for name in runs["model"].unique()}

    def of_model(field: str) -> pd.Series:
        return runs["model"].map(lambda name: float(getattr(models[name], field)))

    dim, heads, ffn, layers = (of_model(name) for name in ["dim", "heads", "ffn_dim", "layers"])
    batch, head_dim = runs["batch_size"], dim / heads
    published = runs["preset"] == "as-published"
    steps = runs["seq_len"] - PREFILL_TOKENS
    linear = batch * (PREFILL_TOKENS + steps.mask(published, 4096))
    outputs = batch * (PREFILL_TOKENS + steps.mask(published, 1))
    attended = steps * (runs["seq_len"] + PREFILL_TOKENS + 1) / 2  # 65 + 66 + … + seq_len
    pairs = batch * heads * (PREFILL_TOKENS**2 + attended)
    shared = runs["kv_heads"] * head_dim
    work = {
        "projection": 2 * linear * layers * 2 * dim * (dim + shared),
        "attention": 2 * layers * 2 * pairs * head_dim,
        "ffn": 2 * linear * layers * 3 * dim * ffn,
        "output": 2 * outputs * dim * of_model("vocabulary"),
        "softmax": layers * pairs,
        "silu": linear * layers * ffn,
    }
    return pd.DataFrame(work) / 1e9


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
