"""Operations that grow with the position: counts and cycles summed over decode steps."""

from collections.abc import Mapping

import numpy as np

from mugi.hardware import softmax, timing, workload
from mugi.hardware.chunk import Chunk, pick
from mugi.hardware.design import GIVEN
from mugi.hardware.events import (
    OFFCHIP_SYMBOLS,
    dram_traffic,
    gemm_features,
    nonlinear_features,
    tiles_and_traffic,
)
from mugi.hardware.memory import ACTIVATION_BITS, DRAM_BITS, words
from mugi.hardware.stepped import Stepped
from mugi.hardware.steps import POSITIONS, ROW, Line, Runs, whole
from mugi.hardware.tiling import classes, nonlinear_tile


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


class Matrices:
    """Softmax matrices off chip: every profile has one, with a column more at each position.

    Full rows of tiles and the rest are looked at once for all profiles where they are alike. Where
    a column of each takes whole words, `rates` has the words that a column of the matrix takes.
    """

    def __init__(self, chunk: Chunk, rows: np.ndarray):
        symbols = (chunk.symbols[key] for key in ("lanes", "nonlinear_elements", "o_width"))
        columns = [np.broadcast_to(c, (chunk.profiles, 1))[:, 0] for c in (rows, *symbols)]
        rows, lanes, elements, width = columns
        full = np.minimum(rows, lanes)
        self.count = np.floor(rows / full)[:, None]
        rest = rows - full * self.count[:, 0]
        self.passes = self.count + (rest > 0)[:, None]
        self.rates = [
            None
            if ((full * ACTIVATION_BITS % bits).any() or (rest * ACTIVATION_BITS % bits).any())
            else (rows * ACTIVATION_BITS / bits)[:, None]
            for bits in (width, DRAM_BITS)
        ]
        self.full = Alike(full, full, elements, width)
        self.rest = Alike(rest, full, elements, width) if rest.any() else None

    def offchip(self, row: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return tiles, words of oSRAM and of DRAM in rows of profiles."""
        tiles, *tile_words = self.full.tiles(row, chosen, self.rates)
        if self.rest:
            _, *rest_words = self.rest.tiles(row, chosen, self.rates)
        positions, found = ROW * row + POSITIONS[None, :ROW], []
        for access, rate in enumerate(self.rates):
            if rate is not None:
                found.append(rate[chosen] * positions)
                continue
            found.append(self.count[chosen] * tile_words[access])
            if self.rest:
                found[-1] += rest_words[access]
        return self.passes[chosen] * tiles, *found

    def sums(self, runs: Runs) -> list[np.ndarray]:
        """Return off-chip words of oSRAM and of DRAM of all decode steps, of shape (runs, 1)."""
        total = self.count[runs.profile] * self.full.sums(runs, np.arange(len(runs.profile)))
        if self.rest:
            some = np.flatnonzero(self.passes[runs.profile] > self.count[runs.profile])
            total[some] += self.rest.sums(runs, some)
        return [total[:, :1], total[:, 1:]]


class Alike:
    """Tiles of `height` rows; where `fitting` rows must fit `elements`, words have `width` bits."""

    def __init__(self, height, fitting, elements, width):
        self.cases, index = np.unique(
            np.stack([height, fitting, elements, width], axis=1), axis=0, return_inverse=True
        )
        self.index = index.ravel()

    def tiles(self, row: np.ndarray, chosen: np.ndarray, rates: list) -> list:
        """Return tiles, and their words of oSRAM and DRAM without a rate, in rows of profiles."""
        keys, index = np.unique(
            row[:, 0] * len(self.cases) + self.index[chosen], return_inverse=True
        )
        height, fitting, elements, width = self.cases[keys % len(self.cases)].T[:, :, None]
        positions = ROW * (keys // len(self.cases))[:, None] + POSITIONS[None, :ROW]
        columns = classes(positions, nonlinear_tile(positions, fitting, elements))
        found = [sum(count for _, count in columns)[index.ravel()]]
        for bits, rate in zip((width, DRAM_BITS), rates, strict=True):
            if rate is not None:
                found.append(None)
            else:
                tile_words = words([(height, 1.0)], columns, ACTIVATION_BITS, bits)
                found.append(tile_words[index.ravel()])
        return found

    def sums(self, runs: Runs, chosen: np.ndarray) -> np.ndarray:
        """Return words of oSRAM and of DRAM of all decode steps of chosen runs: (runs, 2)."""
        which, end = np.tile(self.index[runs.profile[chosen]], 2), runs.seq_len[chosen]
        position = np.append(end, np.full_like(end, runs.first))
        height, fitting, elements, width = self.cases.T
        widths = [width, np.full_like(width, DRAM_BITS)]
        found = softmax.word_sums(height, elements / fitting, widths, which, position)
        return (found[:, : len(end)] - found[:, len(end) :]).T


def stepped_softmax(chunk: Chunk, runs: Runs) -> dict[str, np.ndarray]:
    """Return counts and cycles of softmax summed over decode steps: (runs,).

    Profiles with as many rows on the same hardware (models differ in other sizes) go once.
    """
    rows = (chunk.sizes["batch"] * chunk.sizes["heads"])[:, None]
    keys = np.hstack([rows, *(chunk.symbols[name] for name in GIVEN)])
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    chunk, rows, runs = chunk.part(first), rows[first], runs.regroup(index.ravel())
    section, symbols = chunk.design.nonlinear, chunk.symbols
    features = nonlinear_features(rows, POSITIONS[None, :], 1.0, symbols, chunk.assumptions)

    matrices = Matrices(chunk, rows)

    def exact(row, chosen):
        symbols = chunk.take(chosen, ("lookup_table",))
        return tiles_and_traffic(*matrices.offchip(row, chosen), symbols, chunk.assumptions)

    operation = Stepped(chunk, section, features, symbols["nonlinear_fill"], exact)
    irregular = {
        name: event
        for name, event in section.events.items()
        if event.hops or event.count.names & set(OFFCHIP_SYMBOLS)
    }
    table = {
        name: runs.counts(line) for name, line in operation.counts.items() if name not in irregular
    }
    table |= _offchip_sums(operation, irregular, matrices, runs)
    return table | {"cycles": operation.sum_cycles(runs)}


def _offchip_sums(operation: Stepped, irregular: Mapping, matrices: Matrices, runs: Runs) -> dict:
    """Return sums of the events that follow the exact off-chip words, and dram_bytes.

    Words have a closed form. Router events, rounded down at every position, do not.
    """
    chunk = operation.chunk
    words, dram_words = matrices.sums(runs)
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
        done, sums = _routed_words(operation, routed, runs, meshes)
        for name, found in zip(routed, sums, strict=True):
            table[name][done] = found
    return table


def _routed_words(operation: Stepped, routed: Mapping, runs: Runs, meshes: np.ndarray) -> tuple:
    """Return runs and sums of router events."""
    chunk = operation.chunk
    names = {"P", "R", "Q"} | {n for event in routed.values() for n in event.count.names}
    names = sorted(names & chunk.symbols.keys())

    def values(row, chosen):
        exact, scope = operation.exact(row, chosen), chunk.take(chosen, names)
        arrays = []
        for name, event in routed.items():
            if event.count.names & set(OFFCHIP_SYMBOLS):
                words = event.count(scope | exact)
            else:
                words = operation.counts[name].start[chosen, :1]
            passes = timing.hops(exact["output_tiles"], event.hops, scope, chunk.assumptions)
            arrays.append(whole(words * passes))
        return arrays

    return runs.by_row(values, meshes)
