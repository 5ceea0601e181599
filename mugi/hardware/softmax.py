"""Softmax of decode: counts and cycles summed over positions.

Where neither a closed form nor spans of positions (`spans`) tell, positions are gone through.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from mugi.hardware import timing
from mugi.hardware.chunk import Chunk, alike
from mugi.hardware.design import GIVEN
from mugi.hardware.events import (
    OFFCHIP_SYMBOLS,
    SOFTMAX,
    Event,
    dram_traffic,
    nonlinear_features,
)
from mugi.hardware.memory import ACTIVATION_BITS, DRAM_BITS, nonlinear_offchip
from mugi.hardware.series import POSITIONS, ROW, Series, Table
from mugi.hardware.softmax_hops import span_hops
from mugi.hardware.softmax_time import span_cycles
from mugi.hardware.softmax_words import span_words
from mugi.hardware.spans import Spans, spans, whole_spans
from mugi.hardware.stepped import Stepped
from mugi.hardware.steps import Runs, whole


class Matrices:
    """Softmax matrices off chip: every profile has one, with a column more at each position.

    Fields have one value a profile, (profiles,): rows of the matrices, and columns of the largest
    tile (`fitting`, not rounded); heights of full tiles and of the rest, `count` of the former and
    `passes` of both; bits of a word of oSRAM (`width`). `least_bytes` bounds those of the DRAM.
    """

    def __init__(self, chunk: Chunk, rows: np.ndarray, least_bytes: Series):
        self.least_bytes = least_bytes
        symbols = (chunk.symbols[key] for key in ("lanes", "nonlinear_elements", "o_width"))
        columns = [np.broadcast_to(c, (chunk.profiles, 1))[:, 0] for c in (rows, *symbols)]
        self.rows, self.lanes, self.elements, self.width = columns
        full = np.minimum(self.rows, self.lanes)
        self.fitting, self.count = self.elements / full, np.floor(self.rows / full)
        rest = self.rows - full * self.count
        self.heights, self.passes = (full, rest), self.count + (rest > 0)

    def rate(self, width: np.ndarray | int) -> np.ndarray:
        """Return words of `width` bits a column; NaN where tiles may take no whole words."""
        whole_words = [ACTIVATION_BITS * height % width == 0 for height in self.heights]
        return np.where(np.all(whole_words, axis=0), ACTIVATION_BITS * self.rows / width, np.nan)

    def at(self, row: np.ndarray, profile: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return tiles, words of oSRAM and of DRAM in rows of profiles: (n, 256) each."""
        shape = self.lanes, self.elements, self.width
        lanes, elements, width = (x[profile, None] for x in shape)
        columns = ROW * row + POSITIONS[:, :ROW]
        return nonlinear_offchip(self.rows[profile, None], columns, lanes, elements, width)

    def odd_words(self, width: np.ndarray | int, tiled: Spans, runs: Runs) -> np.ndarray:
        """Return off-chip words of `width` bits in spans; 0 where `rate` tells, (spans,)."""
        p, words = runs.profile[tiled.run], np.zeros(len(tiled.run))
        some = np.flatnonzero(np.isnan(self.rate(width)[p]))
        words[some] = self.span_words(width, tiled.pick(some), p[some])
        return words

    def sums(self, width: np.ndarray | int, tiled: Spans, words, runs: Runs) -> np.ndarray:
        """Return off-chip words of `width` bits of all decode steps, (runs, 1).

        `words` are the `odd_words` of spans of all runs that have any.
        """
        total = np.bincount(tiled.run, words, len(runs.profile))
        positions = (runs.seq_len * (runs.seq_len + 1) - runs.first * (runs.first + 1)) / 2
        rate = self.rate(width)[runs.profile]
        return np.where(np.isnan(rate), total, rate * positions)[:, None]

    def span_words(self, width: np.ndarray | int, spans: Spans, profile: np.ndarray) -> np.ndarray:
        """Return off-chip words of `width` bits (one, or one a profile) in spans of profiles."""
        width = np.broadcast_to(width, self.rows.shape)[profile]
        full, rest = (span_words(height[profile], width, spans) for height in self.heights)
        return self.count[profile] * full + rest


def stepped_softmax(chunk: Chunk, runs: Runs) -> dict[str, np.ndarray]:
    """Return counts and cycles of softmax summed over decode steps: (runs,).

    Runs with as many rows on the same hardware (models differ in other sizes) go once.
    """
    rows = (chunk.sizes["batch"] * chunk.sizes["heads"])[:, None]
    first, index = alike(rows[:, 0], *(chunk.symbols[name][:, 0] for name in GIVEN))
    chunk, rows, runs = chunk.part(first), rows[first], runs.regroup(index)
    runs, index = runs.distinct()
    section, symbols = chunk.design.nonlinear, chunk.symbols
    columns = Series([(np.ones(1), Table.through(POSITIONS))], chunk.profiles)
    features = nonlinear_features(rows, columns, 1.0, symbols, chunk.assumptions)
    moved = features["elements"] * (ACTIVATION_BITS / DRAM_BITS)  # as if words were never cut
    least = dram_traffic(0.0, moved, symbols, chunk.assumptions)["dram_bytes"]
    matrices = Matrices(chunk, rows, least)
    exact = partial(offchip, chunk, matrices)
    operation = Stepped(chunk, section, features, symbols["nonlinear_fill"], runs.first, exact)
    irregular = {
        name: event
        for name, event in section.events.items()
        if event.hops or event.count.names & set(OFFCHIP_SYMBOLS)
    }
    table = {
        name: runs.counts(count)
        for name, count in operation.counts.items()
        if name not in irregular
    }
    tiled = _tiled(operation, matrices, runs)
    words, dram_words = (
        matrices.odd_words(bits, tiled, runs) for bits in (matrices.width, DRAM_BITS)
    )
    table |= _offchip_sums(chunk, irregular, matrices, tiled, (words, dram_words), runs)
    table |= _on_nodes(operation, matrices, irregular, tiled, words, table["dram_bytes"], runs)
    return {name: values[index] for name, values in table.items()}


def offchip(chunk: Chunk, matrices: Matrices, row: np.ndarray, profile: np.ndarray) -> dict:
    """Return the features that follow from tiles and words, at all positions of rows."""
    scope, (tiles, words, dram_words) = chunk.take(profile), matrices.at(row, profile)
    return {
        "output_tiles": tiles,
        "all_tiles": tiles,
        "offchip_words": words,
        "o_bits": 2 * words * scope["o_width"],
    } | dram_traffic(words, dram_words, scope, chunk.assumptions)


def _tiled(operation: Stepped, matrices: Matrices, runs: Runs) -> Spans:
    """Return the spans of runs on many nodes, with uneven work or tiles of no whole words."""
    chosen = (operation.nodes > 1)[:, 0] | ~operation.even()
    for width in (matrices.width, DRAM_BITS):
        chosen |= np.isnan(matrices.rate(width))
    some = np.flatnonzero(chosen[runs.profile])
    tiled = spans(matrices.fitting[runs.profile[some]], runs.first, runs.seq_len[some])
    tiled.run = some[tiled.run]
    return tiled


def _offchip_sums(
    chunk: Chunk, irregular: Mapping, matrices, tiled: Spans, odd_words: tuple, runs: Runs
) -> dict:
    """Return sums of the events that follow the exact off-chip words, and dram_bytes."""
    words, dram_words = (
        matrices.sums(bits, tiled, odd, runs)
        for bits, odd in zip((matrices.width, DRAM_BITS), odd_words, strict=True)
    )
    counts = {name: event.count for name, event in irregular.items() if not event.hops}
    names = {"lookup_table"}.union(*(count.names for count in counts.values()))
    scope = chunk.take(runs.profile, names & chunk.symbols.keys())
    steps = (runs.seq_len - runs.first)[:, None]
    features = dram_traffic(words, dram_words, scope, chunk.assumptions, steps)
    scope |= features | SOFTMAX | {"offchip_words": words}
    table = {name: count(scope)[:, 0] for name, count in counts.items()}
    return table | {"dram_bytes": features["dram_bytes"][:, 0]}


def _on_nodes(
    operation, matrices, irregular: Mapping, tiled: Spans, words, dram_bytes, runs: Runs
) -> dict:
    """Return router events and cycles, which depend on how tiles are spread over the nodes."""
    assumptions = operation.chunk.assumptions
    mesh, even = (operation.nodes > 1)[runs.profile, 0], operation.even()[runs.profile]
    together, unknown = whole_spans(runs.first, runs.seq_len).pick(np.flatnonzero(even)), ~even
    if assumptions["noc_tiling"] != "array_tiles" and not assumptions["noc_link_bits"]:
        together = together.beside(tiled.pick(np.flatnonzero(~even[tiled.run])))
        unknown = np.zeros_like(even)
    cycles, open_spans = span_cycles(operation, matrices, together, dram_bytes, runs)
    unknown |= open_spans
    rest = runs.by_row(lambda rows: rows.by_position(operation.values), unknown)
    table = {"cycles": np.where(unknown, rest, cycles)}
    some = np.flatnonzero(mesh[tiled.run])
    tiled, words = tiled.pick(some), words[some]
    for name, event in irregular.items():
        if event.hops:
            table[name] = _routed(operation, name, event, matrices, tiled, words, runs)
    return table


def _routed(operation, name: str, event: Event, matrices, tiled: Spans, words, runs: Runs):
    """Return the sums of a router event over the spans of runs, or position by position."""
    chunk = operation.chunk
    found = span_hops(event, operation.counts[name], matrices, chunk, tiled, words, runs)
    unknown = np.isnan(found)
    symbols = {"P", "R", "Q"} | event.count.names & chunk.symbols.keys()

    def by_position(row, profile):
        exact = operation.exact(row, profile)
        scope = chunk.take(profile, symbols) | SOFTMAX
        if event.count.names & set(OFFCHIP_SYMBOLS):
            words = event.count(scope | exact)
        else:
            words = operation.counts[name].at(row, profile)
        passes = timing.hops(exact["output_tiles"], event.hops, scope, chunk.assumptions)
        return whole(words * passes)

    rest = runs.by_row(lambda rows: rows.by_position(by_position), unknown)
    return np.where(unknown, rest, found)
