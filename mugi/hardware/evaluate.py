"""Runs of the cost model: grouped by design and assumptions, evaluated, and put into a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from mugi.assumptions import REGISTRY
from mugi.errors import InputError, Mistake
from mugi.files import plain_frame
from mugi.hardware import area, decode
from mugi.hardware.activity import Activity, activity
from mugi.hardware.area import CHIP
from mugi.hardware.design import Design, given
from mugi.hardware.energy import EventEnergy, total_energy_j
from mugi.hardware.memory import WEIGHT_BITS
from mugi.hardware.model import Model, load_model
from mugi.hardware.parts import is_plain, kv_cache_values, sizes
from mugi.hardware.runs import KEYS, PREFIX, by_design, checked, expand
from mugi.hardware.setups import Setups, distinct
from mugi.hardware.technology import Technology, technology
from mugi.hardware.workload import GROUPS, NONLINEAR

SETUP = (
    "array_height", "array_width", "noc_rows", "noc_cols", "kv_heads", "batch_size", "prompt_len",
)  # fmt: skip
GEMMS = [group for group in GROUPS if group not in NONLINEAR]
RUNS_A_PART = 100_000  # evaluated together; their results take about 50 MB
RUNS_BROKEN_DOWN = 5000  # their components take about 100 MB
SETUPS_AT_ONCE = 8192  # bounds memory: their operations of fixed size take about 100 MB


def evaluate_hardware(
    runs: pd.DataFrame | None = None, *, grids: Sequence[Mapping] = (), components: bool = False,
    progress: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Cost accelerators running language models: time, energy and area, a row a run.

    Give `runs`, a table with one configuration a row, or `grids`, mappings of columns to a value or
    a list of values of which every combination is a run. `evaluate` names the columns. With
    `components`, return area, leakage and energy of every component of every run instead, as
    `breakdown` does. Raises InputError with all that is wrong before anything is computed.
    """
    if (runs is None) == (not len(grids)):
        raise InputError("give runs (a pandas DataFrame) or grids (a list of mappings)")
    if runs is None:
        table = expand([grids] if isinstance(grids, Mapping) else list(grids))
    else:
        table = plain_frame(runs, "runs")
    return (breakdown if components else evaluate)(table, progress)


def evaluate(runs: pd.DataFrame, progress: bool = False) -> pd.DataFrame:
    """Cost accelerators running language models, one configuration a row.

    Required columns: design and model (names or paths of YAML files), array_height, batch_size,
    seq_len (tokens of a sequence, the 64 of the prefill included). Optional: variant, array_width,
    noc_rows, noc_cols (nodes), kv_heads, preset ("corrected", the default, or "as-published"),
    technology (a name or the path of a YAML file) and `assumption.<name>`; empty means the default.
    Other columns are carried through.

    Returns the rows in the same order, with these columns added or filled in. Time, energy and
    counts are of the whole model (all layers, prefill and decode) on the whole chip; area, leakage
    and dynamic energy leave out DRAM.

    What is filled in: kv_heads, array_width, and of prompt_len, output_len and seq_len what is not
    said. What is added, docs/reference/outputs.md explains: nodes and layers; area_mm2 (in three
    parts) and leakage; cycles, runtime_s and tokens_per_s; dynamic and DRAM energy, total_energy_j
    (dynamic, leakage over the run time, and what the assumption energy_scope adds), tokens by both;
    time and energy to the first token and of each further one; macs, array_utilization, parameters,
    weight_bytes and kv_cache_bytes; sram_fitted (an SRAM geometry CACTI was not run for) and
    sram_extrapolated (smaller or larger than all that it was run for); and time, energy and work of
    each of projection, attention, ffn, output, softmax and silu.

    Raises InputError with all mistakes before anything is computed.
    """
    return pd.concat(stream(runs, progress))


def stream(runs: pd.DataFrame, progress: bool = False) -> Iterator[pd.DataFrame]:
    """Check all runs, and return what `evaluate` does in parts of RUNS_A_PART rows, in order.

    Memory does not grow with their number.
    """
    return _parts(checked(runs), RUNS_A_PART, _table, progress)


def breakdown(runs: pd.DataFrame, progress: bool = False) -> pd.DataFrame:
    """Return area, leakage and energy of every component of every run, tidy.

    Takes the runs that `evaluate` takes. Columns: those of a run, then component, tag, level
    (array, sram, router or dram), instances (whole chip), area_mm2, leakage_mw, dynamic_energy_nj
    and dynamic_energy_G_nj for the six groups G. Rows are ordered by run, then by component as in
    the design, and only components that the chip has. Each is in one tag: sums over all but dram
    give the totals of `evaluate`.
    """
    return pd.concat(breakdowns(runs, progress), ignore_index=True)


def breakdowns(runs: pd.DataFrame, progress: bool = False) -> Iterator[pd.DataFrame]:
    """Check all runs, and return what `breakdown` does of RUNS_BROKEN_DOWN at a time, in order."""
    return _parts(checked(runs), RUNS_BROKEN_DOWN, _broken_down, progress)


def _parts(runs: pd.DataFrame, size: int, compute: Callable, progress: bool) -> Iterator:
    """Yield what is computed from `size` runs at a time."""
    with tqdm(total=len(runs), unit="run", disable=not progress, delay=1) as bar:
        for low in range(0, len(runs), size):
            yield compute(runs[low : low + size], bar)


def _broken_down(runs: pd.DataFrame, bar: tqdm) -> pd.DataFrame:
    """Return the components of checked runs that their chips have."""
    table = pd.concat(_evaluated(runs, _components, bar)).sort_index(kind="stable")
    _refuse_not_finite(table, runs.iloc[table.index])
    table = table[(table["instances"] > 0) | (table["dynamic_energy_nj"] > 0)]
    keys = [key for key in runs if key in KEYS or key.startswith(PREFIX)]
    left = runs[keys].iloc[table.index].reset_index(drop=True)
    return pd.concat([left, table.reset_index(drop=True)], axis=1)


def _table(runs: pd.DataFrame, bar: tqdm) -> pd.DataFrame:
    """Return checked runs with their results."""
    groups = _evaluated(runs, _results, bar)
    # A frame a group would take longer than the results of a few runs do.
    columns = {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}
    results = pd.DataFrame(columns).set_index("place").sort_index().set_axis(runs.index)
    _refuse_not_finite(results, runs)
    return pd.concat([runs[runs.columns.difference(results.columns, sort=False)], results], axis=1)


def _refuse_not_finite(results: pd.DataFrame, runs: pd.DataFrame) -> None:
    """Raise InputError if a result of one of `runs`, row by row, is no number or below 0."""
    numbers = results.select_dtypes("number")
    values = numbers.to_numpy(float)
    wrong = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        row, column = wrong[0]
        run = ", ".join(f"{key} {runs.iloc[row][key]}" for key in KEYS if runs.iloc[row][key] != "")
        what = f"{numbers.columns[column]} would be {values[row, column]:g}"
        raise InputError(Mistake(f"{what}: look at its design, technology and sizes", run))


def _evaluated(runs: pd.DataFrame, collect: Callable, bar: tqdm) -> list:
    """Return what `collect` makes of groups of checked runs."""
    collected = []
    for rows, setups, setup in _grouped(runs):
        with np.errstate(all="ignore"):  # what is not finite then is refused
            done = activity(setups, setup, runs["seq_len"].to_numpy(int)[rows])
            collected.append(collect(done, rows))
        bar.update(len(rows))
    return collected


def _grouped(runs: pd.DataFrame) -> Iterator[tuple[np.ndarray, Setups, np.ndarray]]:
    """Yield places of runs, their setups, and which setup each of these runs has."""
    model_codes, model_names = pd.factorize(runs["model"].astype(str))
    models = [load_model(name) for name in model_names]
    keys = np.column_stack([runs[list(SETUP)].to_numpy(float), model_codes])
    # Setups evaluated together have the same operations: all plain models, or one of the others.
    few = runs["seq_len"].sum() <= decode.FEW
    kinds = np.array([-1 if is_plain(model) else code for code, model in enumerate(models)])
    for design, assumptions, rows in by_design(runs):
        for alike in _split(rows, kinds[model_codes[rows]]):
            first, setup = distinct(*keys[alike].T)
            for low in range(0, len(first), SETUPS_AT_ONCE):
                chosen = keys[alike[first[low : low + SETUPS_AT_ONCE]]]
                setups = replace(_setups(design, assumptions, chosen, models), few=few)
                among = (setup >= low) & (setup < low + SETUPS_AT_ONCE)
                yield alike[among], setups, setup[among] - low


def _split(rows: np.ndarray, kinds: np.ndarray) -> list[np.ndarray]:
    """Return rows by their kind."""
    return [rows[kinds == kind] for kind in pd.unique(kinds)]


def _setups(design: Design, assumptions: Mapping, keys: np.ndarray, models: list) -> Setups:
    """Return setups from columns of SETUP and a model's place among `models`."""
    *chip, kv_heads, batch, prompt, model = keys.T
    pairs, index = np.unique(np.stack([model, kv_heads]), axis=1, return_inverse=True)
    used = [_with_heads(models[int(place)], int(heads)) for place, heads in pairs.T]
    symbols = {name: values[:, None] for name, values in given(*chip).items()}
    symbols = design.symbols(symbols, assumptions)
    symbols["frequency_mhz"] = technology(assumptions["technology"]).frequency_mhz
    size = {"batch": batch, "prompt": prompt}
    for name in ("depth", "parameters", "active_parameters"):
        size[name] = np.array([float(getattr(one, name)) for one in used])[index]
    parts = sizes(used, index, kv_heads, batch, prompt)
    return Setups(design, assumptions, symbols, size, len(keys), parts)


def _with_heads(model: Model, kv_heads: int) -> Model:
    """Return a model with the KV heads of a run."""
    return model.model_copy(update={"kv_heads": kv_heads}) if model.layers else model


def _results(done: Activity, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the result columns of `evaluate` of the runs at `rows`."""
    setups, assumptions = done.setups, done.setups.assumptions
    costs = setups.design.costs(setups.symbols, assumptions)
    energy = EventEnergy(done, costs)
    seconds = 1 / (setups.symbols["frequency_mhz"] * 1e6)
    batch, prompt = (setups.sizes[name][done.setup] for name in ("batch", "prompt"))
    steps = done.seq_len - prompt
    tokens = batch * (steps if assumptions["tokens_counted"] == "generated" else done.seq_len)
    areas = {level: done.of_runs(area.total(setups, costs, "area_mm2", [level])) for level in CHIP}
    leakage = done.of_runs(area.total(setups, costs, "leakage_mw", CHIP))
    dram_leakage = done.of_runs(area.total(setups, costs, "leakage_mw", ["dram"]))
    groups = _groups(done, energy, leakage, dram_leakage)
    dynamic = sum(groups[f"dynamic_energy_{group}_nj"] for group in GROUPS)
    dram = sum(groups[f"dram_energy_{group}_nj"] for group in GROUPS)
    runtime, first_s = done.total_cycles * seconds, done.prefill_cycles * seconds
    energies = {
        scope: total_energy_j(dynamic, dram, leakage, dram_leakage, runtime, scope)
        for scope in REGISTRY["energy_scope"].choices
    }
    scope = assumptions["energy_scope"]
    total = energies[scope]
    early = (energy.of_prefill(chosen) for chosen in (energy.on_chip, ["dram"]))
    first_j = total_energy_j(*early, leakage, dram_leakage, first_s, scope)
    return {
        "place": rows,
        "nodes": done.of_runs(setups.symbols["P"]).astype(int),
        "layers": setups.sizes["depth"][done.setup].astype(int),
        "area_mm2": sum(areas.values()),
        **{f"area_{level}_mm2": values for level, values in areas.items()},
        "leakage_mw": leakage,
        "dram_leakage_mw": dram_leakage,
        "cycles": done.total_cycles,
        "runtime_s": runtime,
        "tokens": tokens,
        "tokens_per_s": tokens / runtime,
        "dynamic_energy_nj": dynamic,
        "dram_energy_nj": dram,
        "dram_bytes": sum(done.counts[group]["dram_bytes"] for group in GROUPS),
        "total_energy_j": total,
        "tokens_per_j": tokens / total,
        "tokens_per_s_per_j": tokens / runtime / total,
        "tokens_per_j_on_chip": tokens / energies["on_chip"],
        "tokens_per_j_with_dram": tokens / energies["with_dram_background"],
        "time_to_first_token_s": first_s,
        "time_per_output_token_s": _a_step(runtime - first_s, steps),
        "prefill_energy_j": first_j,
        "energy_per_output_token_j": _a_step(total - first_j, batch * steps),
        "macs": sum(done.counts[group]["work"] for group in GEMMS),
        "array_utilization": _utilization(done),
        **_kept(done),
        "sram_fitted": done.of_runs(area.srams(setups, costs, "fitted")),
        "sram_extrapolated": done.of_runs(area.srams(setups, costs, "extrapolated")),
        **groups,
    }


def _groups(
    done: Activity, energy: EventEnergy, leakage: np.ndarray, dram_leakage: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the result columns of groups of operations; energy_G_j is as total_energy_j."""
    groups, scope = {}, done.setups.assumptions["energy_scope"]
    for group in GROUPS:
        cycles = done.cycles[group]
        seconds = cycles * (1 / (done.setups.symbols["frequency_mhz"] * 1e6))
        dynamic, dram = energy.of(group, energy.on_chip), energy.of(group, ["dram"])
        groups[f"cycles_{group}"] = cycles
        groups[f"runtime_{group}_s"] = seconds
        groups[f"dynamic_energy_{group}_nj"] = dynamic
        groups[f"dram_energy_{group}_nj"] = dram
        groups[f"energy_{group}_j"] = total_energy_j(
            dynamic, dram, leakage, dram_leakage, seconds, scope
        )
        kind = "elements" if group in NONLINEAR else "macs"
        groups[f"{kind}_{group}"] = done.counts[group]["work"]
    return groups


def _kept(done: Activity) -> dict[str, np.ndarray]:
    """Return what models keep in DRAM, and whether that is more than the technology has."""
    setups, capacity_gb = done.setups, _technology(done.setups).dram_device.capacity_gb
    weights = setups.sizes["parameters"][done.setup] * WEIGHT_BITS / 8
    cached = kv_cache_values(setups.parts, done.setup, done.seq_len) * WEIGHT_BITS / 8
    return {
        "parameters": setups.sizes["parameters"][done.setup],
        "active_parameters": setups.sizes["active_parameters"][done.setup],
        "weight_bytes": weights,
        "kv_cache_bytes": cached,
        "exceeds_dram": (capacity_gb > 0) & (weights + cached > capacity_gb * 1e9),
    }


def _technology(setups: Setups) -> Technology:
    return technology(setups.assumptions["technology"])


def _a_step(whole: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return what one of the steps of decode has of the whole; 0 where there are none."""
    return np.where(steps > 0, whole, 0) / np.maximum(steps, 1)


def _utilization(done: Activity) -> np.ndarray:
    """Return the share of the run time that all cells of the array would need for its products.

    NaN if the design has no event `array_gemm`, whose count is full arrays times cycles.
    """
    event = done.setups.design.gemm.events.get("array_gemm")
    if not event:
        return np.full(len(done.setup), np.nan)
    busy = sum(done.counts[group]["array_gemm"] for group in GEMMS)
    symbols = done.setups.symbols
    return busy * done.of_runs(event.unit(symbols) / symbols["P"]) / done.total_cycles


def _components(done: Activity, rows: np.ndarray) -> pd.DataFrame:
    """Return what `breakdown` has of every component of the runs at `rows`."""
    setups, frames = done.setups, []
    costs = setups.design.costs(setups.symbols, setups.assumptions)
    energy = EventEnergy(done, costs)
    for name, component in setups.design.components.items():
        count = done.of_runs(costs[name]["instances"])
        energies = {f"dynamic_energy_{group}_nj": energy.of(group, [name]) for group in GROUPS}
        values = {
            "component": name,
            "tag": component.tag,
            "level": component.level,
            "instances": count,
            "area_mm2": count * done.of_runs(costs[name]["area_mm2"]),
            "leakage_mw": count * done.of_runs(costs[name]["leakage_mw"]),
            "dynamic_energy_nj": sum(energies.values()),
        }
        frames.append(pd.DataFrame(values | energies, index=rows))
    return pd.concat(frames)
