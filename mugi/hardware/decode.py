"""Operations that grow with the position: counts and cycles summed over decode steps."""

from collections.abc import Mapping

import numpy as np

from mugi.hardware import softmax, timing, workload
from mugi.hardware.chunk import Chunk, pick
from mugi.hardware.events import (
    OFFCHIP_SYMBOLS,
    dram_traffic,
    gemm_features,
    nonlinear_features,
    offchip_features,
)
from mugi.hardware.memory import DRAM_BITS
from mugi.hardware.stepped import Stepped
from mugi.hardware.steps import POSITIONS, ROW, Line, Runs, whole


def stepped_gemm(chunk: Chunk, name: str, runs: Runs) -> dict[str, np.ndarray]:
    """Return counts and cycles of qkt or av summed over decode steps: (runs,)."""
    sizes = workload.stepped_gemm(name, chunk.sizes, POSITIONS[None, :])
    features = gemm_features(*sizes, chunk.design, chunk.symbols, chunk.assumptions)
    operation = Stepped(chunk, chunk.design.gemm, features, chunk.symbols["fill"])
    table, sums = {}, {}
    for event, line in operation.counts.items():
        kind = chunk.design.gemm.events[event].hops
        if kind:
            table[event] = _routed(operation, line, kind, runs)
            continue
        if id(line) not in sums:
            sums[id(line)] = runs.counts(line)
        table[event] = sums[id(line)]
    table["dram_bytes"] = runs.closed(operation.features["dram_bytes"])
    return table | {"cycles": operation.sum_cycles(runs)}


def _routed(operation: Stepped, words: Line, kind: str, runs: Runs) -> np.ndarray:
    """Return the sum of words times hops, rounded down at every position."""
    chunk = operation.chunk
    tiles = operation.features[kind]
    factor = timing.hops(tiles.start[:, :1], kind, chunk.symbols, chunk.assumptions)
    factor = np.broadcast_to(factor, (chunk.profiles, 1))
    if not factor.any():
        return np.zeros(len(runs.profile))
    total = runs.counts(words.scaled(factor))
    uneven = ~operation.divides(tiles) & (factor[:, 0] > 0)
    if chunk.assumptions["noc_hops"] == "table" and uneven.any():

        def routed(row, chosen):
            symbols = chunk.take(chosen)
            passes = timing.hops(tiles.at(row, chosen), kind, symbols, chunk.assumptions)
            return [whole(words.at(row, chosen) * passes)]

        done, (sums,) = runs.by_row(routed, uneven)
        total[done] = sums
    return total


def stepped_softmax(chunk: Chunk, runs: Runs) -> dict[str, np.ndarray]:
    """Return counts and cycles of softmax summed over decode steps: (runs,)."""
    rows = (chunk.sizes["batch"] * chunk.sizes["heads"])[:, None]
    section, symbols = chunk.design.nonlinear, chunk.symbols
    features = nonlinear_features(rows, POSITIONS[None, :], 1.0, symbols, chunk.assumptions)

    def exact(row, chosen):
        positions = ROW * row + POSITIONS[None, :ROW]
        return offchip_features(rows[chosen], positions, chunk.take(chosen), chunk.assumptions)

    operation = Stepped(chunk, section, features, symbols["nonlinear_fill"], exact)
    irregular = {
        name: event
        for name, event in section.events.items()
        if event.hops or event.count.names & set(OFFCHIP_SYMBOLS)
    }
    table = {
        name: runs.counts(line) for name, line in operation.counts.items() if name not in irregular
    }
    table |= _offchip_sums(operation, irregular, rows, runs)
    return table | {"cycles": operation.sum_cycles(runs)}


def _offchip_sums(operation: Stepped, irregular: Mapping, rows: np.ndarray, runs: Runs) -> dict:
    """Return sums of the events that follow the exact off-chip words, and dram_bytes.

    Words have a closed form. Router events, rounded down at every position, do not.
    """
    chunk = operation.chunk
    words, dram_words = _word_sums(chunk, rows, runs)
    scope = {k: pick(v, runs.profile) for k, v in chunk.symbols.items()}
    steps = (runs.seq_len - runs.first)[:, None]
    features = dram_traffic(words, dram_words, scope, chunk.assumptions, steps)
    scope |= features | {"offchip_words": words}
    table = {"dram_bytes": features["dram_bytes"][:, 0]}
    routed = {}
    for name, event in irregular.items():
        if event.hops:
            routed[name] = event
            table[name] = np.zeros(len(steps))
        else:
            table[name] = event.count(scope)[:, 0]
    meshes = np.broadcast_to(chunk.symbols["P"] > 1, (chunk.profiles, 1))[:, 0]
    if routed and meshes.any():
        done, sums = _routed_words(operation, routed, rows, runs, meshes)
        for name, found in zip(routed, sums, strict=True):
            table[name][done] = found
    return table


def _word_sums(chunk: Chunk, rows: np.ndarray, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Return off-chip words of oSRAM and of DRAM of all decode steps, each of shape (runs, 1)."""
    symbols = (chunk.symbols[key] for key in ("lanes", "nonlinear_elements", "o_width"))
    columns = [np.broadcast_to(c, (chunk.profiles, 1)) for c in (rows, *symbols)]
    cases, index = np.unique(np.hstack(columns), axis=0, return_inverse=True)
    *sizes, width = cases.T
    which = np.tile(index.ravel()[runs.profile], 2)
    position = np.append(runs.seq_len, np.full_like(runs.seq_len, runs.first))
    widths = [width, np.full_like(width, DRAM_BITS)]
    sums = softmax.word_sums(*sizes, widths, which, position).reshape(2, 2, -1)
    words, dram_words = sums[:, 0] - sums[:, 1]
    return words[:, None], dram_words[:, None]


def _routed_words(operation: Stepped, routed: Mapping, rows, runs: Runs, meshes) -> tuple:
    """Return runs and sums of router events; profiles that share all they depend on go once."""
    chunk, symbols = operation.chunk, operation.chunk.symbols
    names = {"lanes", "nonlinear_elements", "o_width", "P", "R", "Q"}
    names |= {n for event in routed.values() for n in event.count.names if n in symbols}
    names = sorted(names)
    others = [
        name for name, event in routed.items() if not event.count.names & set(OFFCHIP_SYMBOLS)
    ]
    constant = {name: operation.counts[name].start[:, :1] for name in others}
    columns = [symbols[name] for name in names if np.ndim(symbols[name])]
    columns = [
        np.broadcast_to(c, (chunk.profiles, 1)) for c in (rows, *columns, *constant.values())
    ]
    _, first, index = np.unique(np.hstack(columns), axis=0, return_index=True, return_inverse=True)

    def values(row, chosen):
        chosen = first[chosen]
        exact, scope = operation.exact(row, chosen), chunk.take(chosen, names)
        arrays = []
        for name, event in routed.items():
            words = constant[name][chosen] if name in constant else event.count(scope | exact)
            passes = timing.hops(exact["output_tiles"], event.hops, scope, chunk.assumptions)
            arrays.append(whole(words * passes))
        return arrays

    grouped = runs.regroup(index.ravel())
    return grouped.by_row(values, meshes[first])
