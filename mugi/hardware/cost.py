"""Costs of runs: matrix products of how often events happen and what each of them switches."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mugi.hardware import decode, operations, softmax, timing, workload
from mugi.hardware.chunk import Chunk
from mugi.hardware.steps import Runs
from mugi.hardware.workload import FIXED_GEMMS, FIXED_NONLINEARS, GROUPS

Counts = dict[str, dict[str, np.ndarray]]  # group -> event -> counts of the whole model, a run each


@dataclass
class Costs:
    """Everything known about the runs of a chunk; arrays have one value a run.

    counts: N, how often events happen by group; cycles: by group; energy: unit energies (nJ) of
    events by component, U times unit costs, one value a profile; parts: instances and unit costs
    by component, one value a profile; total_cycles: after what overlaps.
    """

    chunk: Chunk
    runs: Runs
    counts: Counts
    cycles: dict[str, np.ndarray]
    total_cycles: np.ndarray
    energy: dict[str, dict[str, dict[str, np.ndarray]]]
    parts: dict[str, dict]


def evaluate(chunk: Chunk, profile: np.ndarray, seq_len: np.ndarray) -> Costs:
    """Cost the runs of a chunk: `profile` is each run's row in the chunk, `seq_len` its length."""
    runs = Runs(profile, seq_len, workload.PREFILL_TOKENS)
    layers = chunk.sizes["layers"][profile]
    linear, logits = workload.decode_steps(seq_len.astype(float), chunk.assumptions)
    tables = {}  # operation -> (executions a run, event -> counts a run)
    for found, table in (
        (FIXED_GEMMS, operations.fixed_gemms(chunk)),
        (FIXED_NONLINEARS, operations.fixed_nonlinears(chunk)),
    ):
        for column, operation in enumerate(found):
            steps = 1.0 if operation.phase == "prefill" else linear
            if operation.name == "output":
                times = 1.0 if operation.phase == "prefill" else logits
            else:
                times = operation.copies * layers * steps
            tables[operation] = (
                times,
                {key: _column(v, column, profile) for key, v in table.items()},
            )
    for operation in workload.STEPPED:
        if operation.name == "softmax":
            table = softmax.stepped_softmax(chunk, runs)
        else:
            table = decode.stepped_gemm(chunk, operation.name, runs)
        tables[operation] = (layers, table)
    counts, cycles = {group: {} for group in GROUPS}, {}
    for operation, (times, table) in tables.items():
        group = counts[operation.group]
        for event, count in table.items():
            if event == "cycles":
                cycles[operation.label] = times * count
            else:
                group[event] = group.get(event, 0.0) + times * count
    grouped = {group: sum(cycles[o.label] for o in tables if o.group == group) for group in GROUPS}
    total = _run_cycles(chunk, grouped, cycles, counts)
    parts = chunk.design.costs(chunk.symbols, chunk.assumptions)
    return Costs(chunk, runs, counts, grouped, total, _energies(chunk, parts), parts)


def _column(values: np.ndarray, column: int, profile: np.ndarray) -> np.ndarray:
    values = np.atleast_2d(values)
    column = column if values.shape[1] > 1 else 0
    return values[profile if len(values) > 1 else 0, column]


def _run_cycles(chunk: Chunk, grouped: Mapping, cycles: Mapping, counts: Counts) -> np.ndarray:
    """Return the cycles of the whole run: the sum of all operations, less what overlaps."""
    total = sum(grouped.values())
    if chunk.assumptions["nonlinear_overlap"] == "overlapped" and chunk.design.vector_unit:
        for phase in ("prefill", "decode"):
            attention = cycles[f"qkt_{phase}"] + cycles[f"av_{phase}"]
            ffn = cycles[f"proj_up_gate_{phase}"] + cycles[f"proj_down_{phase}"]
            total = total - np.minimum(attention, cycles[f"softmax_{phase}"])
            total = total - np.minimum(ffn, cycles[f"silu_{phase}"])
    if chunk.assumptions["dram_time"] == "whole_run":
        transferred = sum(events["dram_bytes"] for events in counts.values())
        total = np.maximum(
            total, transferred * timing.dram_cycles(chunk.symbols, chunk.assumptions)
        )
    return total


def _energies(chunk: Chunk, parts: Mapping) -> dict:
    """Return event -> component -> energy of one event (nJ), by section ("gemm", "nonlinear")."""
    result = {}
    for part in ("gemm", "nonlinear"):
        result[part] = {}
        for name, event in getattr(chunk.design, part).events.items():
            found = result[part][name] = {}
            for target, uses in event.use.items():
                component, _, access = target.partition(".")
                energy = parts[component]["energy_nj"][access]
                found[component] = found.get(component, 0.0) + uses(chunk.symbols) * energy
    return result


def section(group: str) -> str:
    """Return which events a group's operations have: "gemm" or "nonlinear"."""
    return "nonlinear" if group in ("softmax", "silu") else "gemm"


def of_profile(costs: Costs, value: object) -> np.ndarray:
    """Return a number or array of one value a profile as one value a run."""
    value = np.broadcast_to(value, (costs.chunk.profiles, 1))
    return value[costs.runs.profile, 0]


def group_energy(costs: Costs, group: str, dram: bool) -> np.ndarray:
    """Return the dynamic energy of a group (nJ), of the DRAM or of everything else."""
    total = np.zeros(len(costs.runs.profile))
    for event, energies in costs.energy[section(group)].items():
        chosen = [energy for name, energy in energies.items() if (name == "dram") == dram]
        if chosen:
            total += costs.counts[group][event] * of_profile(costs, sum(chosen))
    return total


def instances(costs: Costs, component: str) -> np.ndarray:
    """Return how many of a component there are on the whole chip, a number or one a profile."""
    nodes = 1 if component == "dram" else costs.chunk.symbols["P"]
    return costs.parts[component]["instances"] * nodes


def chip_total(costs: Costs, field: str, levels: tuple[str, ...]) -> np.ndarray:
    """Return the sum of area_mm2 or leakage_mw over all components of some levels."""
    total = np.zeros((costs.chunk.profiles, 1))
    for name, component in costs.chunk.design.components.items():
        if component.level in levels:
            total = total + instances(costs, name) * costs.parts[name][field]
    return of_profile(costs, total)
