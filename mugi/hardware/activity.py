"""What whole runs do: how often each event happens, and the cycles of every operation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mugi.hardware import decode, timing, workload
from mugi.hardware.events import gemm_features, nonlinear_features, outcome
from mugi.hardware.parts import cached_sizes
from mugi.hardware.setups import Setups
from mugi.hardware.workload import GROUPS, NONLINEAR, PHASES, STEPPED, Operation

Counts = dict[str, dict[str, np.ndarray]]  # of events, dram_bytes and work, by group
HEADS = {"qkt": "key_dim", "av": "value_dim"}


@dataclass
class Activity:
    """Events and cycles of the whole model; arrays have one value a run, of prefill one a setup.

    setup: each run's place among the setups; seq_len: tokens of its sequences; counts: how often
    events happen, dram_bytes and work (multiply-accumulates of matrix products, elements of
    nonlinear functions), by group; cycles: by group; total_cycles: of the run, less what overlaps;
    prefill: counts of prefill alone, and prefill_cycles its part of total_cycles, one a run.
    """

    setups: Setups
    setup: np.ndarray
    seq_len: np.ndarray
    counts: Counts
    cycles: dict[str, np.ndarray]
    total_cycles: np.ndarray
    prefill: Counts
    prefill_cycles: np.ndarray

    def of_runs(self, value: object) -> np.ndarray:
        """Return a number or an array of one value a setup as one value a run."""
        return self.setups.column(value)[self.setup]


def activity(setups: Setups, setup: np.ndarray, seq_len: np.ndarray) -> Activity:
    """Return what runs do: `setup` is each run's place among the setups, `seq_len` its length."""
    counts, prefill = ({group: {} for group in GROUPS} for _ in range(2))
    cycles: list[tuple[str, str, np.ndarray]] = []  # name, phase, and one value a run
    length, prompt = seq_len.astype(float), setups.sizes["prompt"][setup]
    linear, logits = workload.decode_steps(length, prompt, setups.assumptions)
    fixed = list(_fixed(setups))
    for operation, table in fixed:
        if operation.phase == "prefill":
            done = {event: operation.times * values for event, values in table.items()}
            _add(prefill[operation.group], done)
            cycles.append((operation.name, "prefill", done["cycles"][setup]))
    for group in GROUPS:
        prefill[group].pop("cycles", None)
        counts[group] = {event: values[setup] for event, values in prefill[group].items()}
    for operation, table in fixed:
        if operation.phase == "decode":
            steps = logits if operation.name == "output" else linear
            if operation.after is not None:
                steps = np.maximum(length - operation.after[setup], 0)
            times = operation.times[setup] * steps
            done = {event: times * values[setup] for event, values in table.items()}
            cycles.append((operation.name, "decode", done.pop("cycles")))
            _add(counts[operation.group], done)
    for name, done in _stepped(setups, setup, seq_len):
        cycles.append((name, "decode", done.pop("cycles")))
        _add(counts[workload.GROUP_OF[name]], done)
    grouped = {
        group: sum(x for name, _, x in cycles if workload.GROUP_OF[name] == group)
        + np.zeros(len(setup))
        for group in GROUPS
    }
    total, first = _run_cycles(setups, setup, grouped, cycles, counts, prefill)
    return Activity(setups, setup, seq_len, counts, grouped, total, prefill, first)


def _add(group: dict[str, np.ndarray], done: Mapping) -> None:
    """Add counts by event to those of a group."""
    for event, values in done.items():
        group[event] = group.get(event, 0.0) + values


def _fixed(setups: Setups) -> Iterator[tuple[Operation, dict[str, np.ndarray]]]:
    """Yield operations that are the same at every step: events, cycles, bytes, one a setup."""
    symbols, how, design = setups.symbols, setups.assumptions, setups.design
    listed = [x for kind, size in setups.parts for x in workload.operations(kind, size, how)]
    listed = [x for phase in PHASES for x in listed if x.phase == phase]
    for is_nonlinear in (False, True):
        chosen = [x for x in listed if (x.name in NONLINEAR) == is_nonlinear]
        shape = setups.count, len(chosen)
        columns = zip(*(x.sizes for x in chosen), strict=True)
        sizes = [np.stack(column, axis=1) for column in columns]
        if is_nonlinear:
            flags = np.array([[float(x.name == "softmax") for x in chosen]])
            features = nonlinear_features(*sizes, flags, symbols, how)
            table = outcome(design.nonlinear, features, symbols["nonlinear_fill"], symbols, how)
        else:
            features = gemm_features(*sizes, design, symbols, how)
            table = outcome(design.gemm, features, symbols["fill"], symbols, how)
        table["work"] = np.prod(sizes, axis=0)
        table = {event: np.broadcast_to(values, shape) for event, values in table.items()}
        for column, operation in enumerate(chosen):
            yield operation, {event: values[:, column] for event, values in table.items()}


def _stepped(setups: Setups, setup: np.ndarray, seq_len: np.ndarray) -> Iterator[tuple[str, dict]]:
    """Yield events, cycles and bytes of operations that grow with the position, one a run."""
    for kind, size in setups.parts:
        cached = cached_sizes(kind, size)
        if cached is None:
            continue
        alike = replace(setups, sizes=cached)
        last = workload.grows_until(size, setup, seq_len)
        layers, prompt = size["layers"][setup], size["prompt"][setup]
        positions = (last * (last + 1.0) - prompt * (prompt + 1)) / 2  # their sum
        for name in STEPPED:
            table = decode.stepped(alike, name, setup, last)
            head = cached[HEADS[name]] if name in HEADS else 1.0
            table["work"] = (cached["batch"] * cached["heads"] * head)[setup] * positions
            yield name, {event: layers * values for event, values in table.items()}


def _run_cycles(
    setups: Setups, setup: np.ndarray, grouped: Mapping, cycles: list, counts: Counts,
    prefill: Counts,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the cycles of runs, the sum of all operations less what overlaps, and of prefill."""
    total = sum(grouped.values())
    first = sum(x for _, phase, x in cycles if phase == "prefill") + np.zeros(len(setup))
    if setups.assumptions["nonlinear_overlap"] == "overlapped" and setups.design.vector_unit:
        for phase in PHASES:

            def of(*names, phase=phase):
                return sum(x for name, when, x in cycles if when == phase and name in names)

            hidden = np.minimum(of("qkt", "av"), of("softmax"))
            busy = np.minimum(of("proj_up_gate", "proj_down", "router"), of("silu"))
            total = total - hidden - busy
            first = first - (hidden + busy) * (phase == "prefill")
    if setups.assumptions["dram_time"] == "whole_run":
        moved = sum(events["dram_bytes"] for events in counts.values())
        early = sum(events["dram_bytes"] for events in prefill.values() if events)[setup]
        each = timing.dram_cycles(setups.symbols, setups.assumptions)
        # The phases wait for DRAM by the bytes they move, so that they sum to the run.
        first = first + np.maximum(moved * each - total, 0) * early / moved
        total = np.maximum(total, moved * each)
    return total, first
