"""What whole runs do: how often each event happens, and the cycles of every operation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mugi.hardware import decode, timing, workload
from mugi.hardware.events import gemm_features, nonlinear_features, outcome
from mugi.hardware.setups import Setups
from mugi.hardware.workload import FIXED_GEMMS, FIXED_NONLINEARS, GROUPS, STEPPED, Operation


@dataclass
class Activity:
    """Events and cycles of the whole model, prefill and decode; arrays have one value a run.

    setup: each run's place among the setups; seq_len: tokens of its sequences; counts: how often
    events happen, and dram_bytes, by group; cycles: by group; total_cycles: of the run, less what
    overlaps.
    """

    setups: Setups
    setup: np.ndarray
    seq_len: np.ndarray
    counts: dict[str, dict[str, np.ndarray]]
    cycles: dict[str, np.ndarray]
    total_cycles: np.ndarray

    def of_runs(self, value: object) -> np.ndarray:
        """Return a number or an array of one value a setup as one value a run."""
        return self.setups.column(value)[self.setup]


def activity(setups: Setups, setup: np.ndarray, seq_len: np.ndarray) -> Activity:
    """Return what runs do: `setup` is each run's place among the setups, `seq_len` its length."""
    counts: dict[str, dict[str, np.ndarray]] = {group: {} for group in GROUPS}
    cycles: dict[Operation, np.ndarray] = {}
    layers = setups.sizes["layers"][setup]
    linear, logits = workload.decode_steps(seq_len.astype(float), setups.assumptions)
    for operation, table in _operations(setups, setup, seq_len):
        # How often a run executes the operation; decode steps that differ are one.
        is_once = operation.phase == "prefill" or operation in STEPPED
        if operation.name == "output":
            times = 1.0 if is_once else logits
        else:
            times = operation.copies * layers * (1.0 if is_once else linear)
        cycles[operation] = times * table.pop("cycles")
        group = counts[operation.group]
        for event, count in table.items():
            group[event] = group.get(event, 0.0) + times * count
    grouped = {
        group: sum(cycles[operation] for operation in cycles if operation.group == group)
        for group in GROUPS
    }
    total = _run_cycles(setups, grouped, cycles, counts)
    return Activity(setups, setup, seq_len, counts, grouped, total)


def _operations(setups: Setups, setup: np.ndarray, seq_len: np.ndarray):
    """Yield every operation with its events, cycles and DRAM bytes, one value a run."""
    symbols, how, design = setups.symbols, setups.assumptions, setups.design
    features = gemm_features(*workload.fixed_gemms(setups.sizes, how), design, symbols, how)
    gemms = outcome(design.gemm, features, symbols["fill"], symbols, how)
    features = nonlinear_features(*workload.fixed_nonlinears(setups.sizes), symbols, how)
    nonlinears = outcome(design.nonlinear, features, symbols["nonlinear_fill"], symbols, how)
    for operations, table in ((FIXED_GEMMS, gemms), (FIXED_NONLINEARS, nonlinears)):
        shape = setups.count, len(operations)
        table = {event: np.broadcast_to(values, shape) for event, values in table.items()}
        for column, operation in enumerate(operations):
            yield operation, {event: values[setup, column] for event, values in table.items()}
    for operation in STEPPED:
        yield operation, decode.stepped(setups, operation.name, setup, seq_len)


def _run_cycles(setups: Setups, grouped: Mapping, cycles: Mapping, counts: Mapping) -> np.ndarray:
    """Return the cycles of the whole run: the sum of all operations, less what overlaps."""
    total = sum(grouped.values())
    if setups.assumptions["nonlinear_overlap"] == "overlapped" and setups.design.vector_unit:
        labelled = {(operation.name, operation.phase): x for operation, x in cycles.items()}
        for phase in ("prefill", "decode"):
            attention = labelled["qkt", phase] + labelled["av", phase]
            ffn = labelled["proj_up_gate", phase] + labelled["proj_down", phase]
            total = total - np.minimum(attention, labelled["softmax", phase])
            total = total - np.minimum(ffn, labelled["silu", phase])
    if setups.assumptions["dram_time"] == "whole_run":
        moved = sum(events["dram_bytes"] for events in counts.values())
        total = np.maximum(total, moved * timing.dram_cycles(setups.symbols, setups.assumptions))
    return total
