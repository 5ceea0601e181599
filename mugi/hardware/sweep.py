"""Many runs at once: defaults, checks, and groups that share a design and its assumptions."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from mugi.errors import InputError, unknown
from mugi.hardware import cost
from mugi.hardware.check import assumption_sets, checked
from mugi.hardware.chunk import Chunk
from mugi.hardware.cost import Costs, chip_total, group_energy, of_profile
from mugi.hardware.design import given, load_design
from mugi.hardware.technology import technology
from mugi.hardware.workload import GROUPS, PREFILL_TOKENS, load_model, sizes
from mugi.lazy import Lazy

pd = Lazy("pandas")  # takes longer to import than all of the model
KEYS = (
    "design", "variant", "array_height", "array_width", "noc_rows", "noc_cols", "model",
    "kv_heads", "batch_size", "seq_len", "preset", "technology",
)  # fmt: skip
PROFILE = ("array_height", "array_width", "noc_rows", "noc_cols", "kv_heads", "batch_size")
RUNS_A_PART = 100_000  # evaluated together; their results take about 50 MB
MOST_RUNS = 5_000_000  # results of a million runs take about 2 GB
M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1  # options of glibc's mallopt
PROFILES_AT_ONCE = 8192  # bounds memory where they are looked at at 257 positions


def evaluate(runs: pd.DataFrame, progress: bool = False) -> pd.DataFrame:
    """Cost accelerators running language models, one configuration a row.

    Required columns: design and model (names or paths of YAML files), array_height, batch_size,
    seq_len (tokens of a sequence, the 64 of the prefill included). Optional: variant, array_width,
    noc_rows, noc_cols (nodes), kv_heads, preset ("as-published" or "corrected"), technology (a name
    or the path of a YAML file) and `assumption.<name>`; empty means the default. Other columns are
    carried through.

    Returns the rows in the same order, with these columns added or filled in. Time, energy and
    counts are of the whole model (all layers, prefill and decode) on the whole chip; area, leakage
    and dynamic energy leave out DRAM.

    nodes, layers, kv_heads, array_width; area_mm2 = area_array_mm2 + area_sram_mm2 +
    area_router_mm2; leakage_mw; dram_leakage_mw; cycles; runtime_s; tokens; tokens_per_s;
    dynamic_energy_nj; dram_energy_nj; dram_bytes; total_energy_j (dynamic, leakage over the run
    time, and what the assumption energy_scope adds); tokens_per_j; tokens_per_s_per_j; sram_fitted
    (an SRAM geometry CACTI was not run for); and cycles_G, runtime_G_s, dynamic_energy_G_nj,
    dram_energy_G_nj for G in projection, attention, ffn, output, softmax, silu.

    Raises InputError with one line per mistake before anything is computed.
    """
    return _table(checked(runs), progress)


def stream(runs: pd.DataFrame, progress: bool = False) -> Iterator[pd.DataFrame]:
    """Yield what `evaluate` returns in parts of up to RUNS_A_PART rows, in order.

    All rows are checked before the first part. Several parts are computed at once, by as many
    processes as there are cores for this one.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    starts = range(0, len(runs), RUNS_A_PART)
    if len(starts) <= 1:
        yield evaluate(runs, progress)
        return
    limit = getattr(os, "sched_getaffinity", None)  # macOS has none
    workers = min(len(starts), len(limit(0)) if limit else os.cpu_count())
    with (
        ProcessPoolExecutor(workers, get_context("spawn"), _keep_memory) as pool,
        tqdm(total=len(runs), unit="run", disable=not progress, delay=1) as bar,
    ):
        for _ in range(workers):
            pool.submit(int)  # each starts a worker, while the runs are checked here
        runs = checked(runs)
        parts = [runs[low : low + RUNS_A_PART] for low in starts]
        for table in pool.map(_table, parts):
            yield table
            bar.update(len(table))


def _keep_memory() -> None:
    """Let glibc keep the memory of freed arrays: getting it anew is a tenth of the time."""
    import ctypes

    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1)):
            ctypes.CDLL(None).mallopt(option, value)


def _table(runs: pd.DataFrame, progress: bool = False) -> pd.DataFrame:
    """Return checked runs with their results."""
    parts = _evaluated(runs, _results, progress)
    rows = np.concatenate([rows for rows, _ in parts])
    order = np.argsort(rows, kind="stable")
    columns = {
        name: np.concatenate([table[name] for _, table in parts])[order] for name in parts[0][1]
    }
    carried = [name for name in runs if name not in columns]
    return pd.concat([runs[carried], pd.DataFrame(columns, index=runs.index)], axis=1)


def breakdown(runs: pd.DataFrame, progress: bool = False) -> pd.DataFrame:
    """Return area, leakage and energy of every component of every run, tidy.

    Takes the runs that `evaluate` takes. Columns: those of a run, then component, tag, level
    (array, sram, router or dram), instances (whole chip), area_mm2, leakage_mw, dynamic_energy_nj
    and dynamic_energy_G_nj for the six groups G. Rows are ordered by run, then by component as in
    the design, and only components that the chip has. Each is in one tag: sums over all but dram
    give the totals of `evaluate`.
    """
    runs = checked(runs)
    parts = _evaluated(runs, _components, progress)
    table = pd.concat([part for _, part in parts]).sort_values("row", kind="stable")
    table = table[(table["instances"] > 0) | (table["dynamic_energy_nj"] > 0)]
    keys = [key for key in runs if key in KEYS or key.startswith("assumption.")]
    left = runs[keys].iloc[table["row"].to_numpy()].reset_index(drop=True)
    return pd.concat([left, table.drop(columns="row").reset_index(drop=True)], axis=1)


def expand(grids: list[dict]) -> pd.DataFrame:
    """Return every combination of the list-valued entries of each grid, in order, without repeats.

    Raises InputError for a key that is no column of a run, for no grid at all, and for more than
    MOST_RUNS combinations.
    """
    lines, frames, total = [] if grids else ["there are no grids"], [], 0
    for number, grid in enumerate(grids, 1):
        for key in grid:
            if key not in KEYS and not key.startswith("assumption."):
                lines.append(f"grid {number}: {unknown('key', key, KEYS)}")
        values = {k: v if isinstance(v, list | tuple) else [v] for k, v in grid.items()}
        total += math.prod(map(len, values.values()))
        if total > MOST_RUNS:
            lines.append(f"grid {number}: {total:,} runs so far, more than {MOST_RUNS:,}")
        if not lines:
            index = pd.MultiIndex.from_product(values.values(), names=list(values))
            frames.append(index.to_frame(index=False))
    if lines:
        raise InputError(*lines)
    return pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)


def _evaluated(runs: pd.DataFrame, collect: Callable, progress: bool) -> list:
    results = []
    with tqdm(total=len(runs), unit="run", disable=not progress, delay=1) as bar:
        for rows, chunk, profile in _chunks(runs):
            costs = cost.evaluate(chunk, profile, runs["seq_len"].to_numpy(int)[rows])
            results.append((rows, collect(rows, costs)))
            bar.update(len(rows))
    return results


def _chunks(runs: pd.DataFrame) -> Iterator[tuple[np.ndarray, Chunk, np.ndarray]]:
    """Yield rows of runs, their profiles, and which profile each run is of."""
    sets, set_index = assumption_sets(runs)
    designs = runs["design"].astype(str) + "\0" + runs["variant"].astype(str)
    codes, names = pd.factorize(designs)
    model_codes, model_names = pd.factorize(runs["model"].astype(str))
    models = [load_model(name) for name in model_names]
    numbers = runs[list(PROFILE)].to_numpy(float)
    keys = np.column_stack([codes, set_index, numbers, model_codes])
    order = np.lexsort(keys.T[::-1])
    new = np.append(True, np.any(np.diff(keys[order], axis=0) != 0, axis=1))
    profiles, sorted_index = keys[order][new], np.cumsum(new) - 1
    groups = profiles[:, 0] * len(sets) + profiles[:, 1]
    for start, stop in _spans(groups):
        low, high = np.searchsorted(sorted_index, (start, stop))
        rows = order[low:high]
        design = load_design(*names[int(profiles[start, 0])].split("\0"))
        assumptions = sets[int(profiles[start, 1])]
        height, width, noc_rows, noc_cols, kv, batch, model = profiles[start:stop, 2:].T
        symbols = {k: v[:, None] for k, v in given(height, width, noc_rows, noc_cols).items()}
        symbols = design.symbols(symbols, assumptions)
        symbols["frequency_mhz"] = technology(assumptions["technology"])["frequency_mhz"]
        chunk = Chunk(
            design, assumptions, symbols, sizes(models, model.astype(int), kv, batch), stop - start
        )
        yield rows, chunk, sorted_index[low:high] - start


def _spans(groups: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield spans of equal values, none longer than PROFILES_AT_ONCE, cut into even parts."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    for start, stop in zip([0, *edges], [*edges, len(groups)], strict=True):
        parts = -(-(stop - start) // PROFILES_AT_ONCE)
        yield from pairwise(np.linspace(start, stop, parts + 1).astype(int).tolist())


def _results(rows: np.ndarray, costs: Costs) -> dict[str, np.ndarray]:
    chunk, assumptions = costs.chunk, costs.chunk.assumptions
    seconds = 1 / (chunk.symbols["frequency_mhz"] * 1e6)
    batch, length = of_profile(costs, chunk.sizes["batch"][:, None]), costs.runs.seq_len
    tokens = batch * (length - PREFILL_TOKENS * (assumptions["tokens_counted"] == "generated"))
    table = {
        "nodes": of_profile(costs, chunk.symbols["P"]).astype(int),
        "layers": of_profile(costs, chunk.sizes["layers"][:, None]).astype(int),
    }
    areas = {
        level: chip_total(costs, "area_mm2", (level,)) for level in ("array", "sram", "router")
    }
    table["area_mm2"] = sum(areas.values())
    table |= {f"area_{level}_mm2": area for level, area in areas.items()}
    leakage = chip_total(costs, "leakage_mw", ("array", "sram", "router"))
    runtime = costs.total_cycles * seconds
    groups = {}
    for group in GROUPS:
        groups[f"cycles_{group}"] = costs.cycles[group]
        groups[f"runtime_{group}_s"] = costs.cycles[group] * seconds
        groups[f"dynamic_energy_{group}_nj"] = group_energy(costs, group, dram=False)
        groups[f"dram_energy_{group}_nj"] = group_energy(costs, group, dram=True)
    dynamic = sum(groups[f"dynamic_energy_{group}_nj"] for group in GROUPS)
    dram = sum(groups[f"dram_energy_{group}_nj"] for group in GROUPS)
    energy = dynamic * 1e-9 + leakage * 1e-3 * runtime
    background = chip_total(costs, "leakage_mw", ("dram",))
    if assumptions["energy_scope"] != "on_chip":
        energy = energy + dram * 1e-9
    if assumptions["energy_scope"] == "with_dram_background":
        energy = energy + background * 1e-3 * runtime
    table |= {
        "leakage_mw": leakage,
        "dram_leakage_mw": background,
        "cycles": costs.total_cycles,
        "runtime_s": runtime,
        "tokens": tokens,
        "tokens_per_s": tokens / runtime,
        "dynamic_energy_nj": dynamic,
        "dram_energy_nj": dram,
        "dram_bytes": sum(costs.counts[group]["dram_bytes"] for group in GROUPS),
        "total_energy_j": energy,
        "tokens_per_j": tokens / energy,
        "tokens_per_s_per_j": tokens / runtime / energy,
        "sram_fitted": of_profile(costs, _fitted(costs)),
    }
    return table | groups


def _fitted(costs: Costs) -> np.ndarray:
    fitted = [part["fitted"] for part in costs.parts.values() if "fitted" in part]
    return np.any(np.broadcast_arrays(*fitted, np.zeros((costs.chunk.profiles, 1), bool)), axis=0)


def _components(rows: np.ndarray, costs: Costs) -> pd.DataFrame:
    frames = []
    for name, component in costs.chunk.design.components.items():
        count = of_profile(costs, cost.instances(costs, name))
        part = costs.parts[name]
        energies = {}
        for group in GROUPS:
            events = costs.energy[cost.section(group)]
            energies[f"dynamic_energy_{group}_nj"] = sum(
                (
                    costs.counts[group][event] * of_profile(costs, used[name])
                    for event, used in events.items()
                    if name in used
                ),
                start=np.zeros(len(rows)),
            )
        frames.append(
            pd.DataFrame(
                {
                    "row": rows,
                    "component": name,
                    "tag": component.tag,
                    "level": component.level,
                    "instances": count,
                    "area_mm2": count * of_profile(costs, part["area_mm2"]),
                    "leakage_mw": count * of_profile(costs, part["leakage_mw"]),
                    "dynamic_energy_nj": sum(energies.values()),
                    **energies,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
