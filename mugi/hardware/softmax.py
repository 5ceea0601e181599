"""Softmax of decode: counts and cycles summed over positions.

Where neither a closed form nor spans of positions (`spans`) tell, positions are gone through.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np

from mugi.hardware import softmax_words, timing
from mugi.hardware.chunk import Chunk, alike, pick
from mugi.hardware.design import GIVEN
from mugi.hardware.events import OFFCHIP_SYMBOLS, Event, dram_traffic, nonlinear_features
from mugi.hardware.memory import ACTIVATION_BITS, DRAM_BITS, words
from mugi.hardware.series import POSITIONS, ROW, Series, Table
from mugi.hardware.softmax_hops import span_hops
from mugi.hardware.softmax_time import span_cycles
from mugi.hardware.spans import Spans, spans, whole_spans
from mugi.hardware.stepped import Stepped
from mugi.hardware.steps import Runs, whole
from mugi.hardware.tiling import classes, nonlinear_tile


class Matrices:
    """Softmax matrices off chip: every profile has one, with a column more at each position.

    Full rows of tiles and the rest are looked at once for all profiles where they are alike.
    """

    def __init__(self, chunk: Chunk, rows: np.ndarray):
        symbols = (chunk.symbols[key] for key in ("lanes", "nonlinear_elements", "o_width"))
        columns = [np.broadcast_to(c, (chunk.profiles, 1))[:, 0] for c in (rows, *symbols)]
        rows, lanes, elements, width = columns
        full = np.minimum(rows, lanes)
        self.fitting, self.width = elements / full, width
        self.count = np.floor(rows / full)[:, None]
        rest = rows - full * self.count[:, 0]
        self.passes = self.count + (rest > 0)[:, None]
        self.heights = full, rest
        even = (ACTIVATION_BITS * full % width == 0) & (ACTIVATION_BITS * rest % width == 0)
        self.rate = np.where(even, ACTIVATION_BITS * rows / width, np.nan)
        self.full = Alike(full, full, elements, width)
        self.rest = Alike(rest, full, elements, width) if rest.any() else None

    def offchip(self, row: np.ndarray, profile: np.ndarray, names: set[str]) -> dict:
        """Return tiles, words of oSRAM and of DRAM in rows of profiles, as far as in `names`."""
        found, columns = self.full.at(row, profile, names)
        for name in found:
            found[name] *= (self.passes if name == "tiles" else self.count)[profile]
        if self.rest:
            rest, _ = self.rest.at(row, profile, names - {"tiles"}, columns)
            for name in rest:
                found[name] += rest[name]
        return found

    def sums(self, runs: Runs) -> list[np.ndarray]:
        """Return off-chip words of oSRAM and of DRAM of all decode steps, of shape (runs, 1)."""
        found = []
        for width in (self.width, np.full_like(self.width, DRAM_BITS)):
            total = self.count[runs.profile, 0] * self.full.sums(runs, width)
            if self.rest:
                total += self.rest.sums(runs, width)
            found.append(total[:, None])
        return found

    def span_words(self, width: np.ndarray, spans: Spans, profile: np.ndarray) -> np.ndarray:
        """Return off-chip words in spans of profiles; `width` in bits, by span."""
        full, rest = (
            softmax_words.span_words(rows[profile], width, spans) for rows in self.heights
        )
        return self.count[profile, 0] * full + rest


class Alike:
    """Tiles of `height` rows; where `fitting` rows must fit `elements`, words have `width` bits."""

    def __init__(self, height, fitting, elements, width):
        self.height, self.fitting, self.elements, self.width = height, fitting, elements, width

    @cached_property
    def cases(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what tells tiles apart, (cases, 4), and which case each profile is."""
        keys = self.height, self.fitting, self.elements, self.width
        first, index = alike(*keys)
        return np.stack(keys, axis=1)[first], index

    def at(self, row: np.ndarray, profile: np.ndarray, names: set[str], columns=None) -> tuple:
        """Return tiles of columns, their words of oSRAM and DRAM in rows of profiles, by name.

        Also returns how columns are cut, as a function of entries; tiles of less height take it.
        """
        cases, case = self.cases
        keys = row[:, 0] * len(cases) + case[profile]
        keys, first, index = np.unique(keys, return_index=True, return_inverse=True)
        height, fitting, elements, width = cases[keys % len(cases)].T[:, :, None]
        positions = ROW * (keys // len(cases))[:, None] + POSITIONS[:, :ROW]
        if columns is None:
            cut = classes(positions, nonlinear_tile(positions, fitting, elements))
        else:
            cut = columns(first)
        found = {"tiles": sum(count for _, count in cut)} if "tiles" in names else {}
        for name, bits in (("words", width), ("dram_words", DRAM_BITS)):
            if name in names:
                rate = height * ACTIVATION_BITS / bits
                odd = (rate % 1).any()  # columns that take no whole words
                found[name] = (
                    words([(height, 1)], cut, ACTIVATION_BITS, bits) if odd else (rate * positions)
                )

        def columns_of(entries):
            return [(size[index[entries]], count[index[entries]]) for size, count in cut]

        return {name: values[index] for name, values in found.items()}, columns_of

    def sums(self, runs: Runs, width: np.ndarray) -> np.ndarray:
        """Return words of `width` bits, one a profile, of all decode steps: (runs,)."""
        p, first, last = runs.profile, runs.first, runs.seq_len
        rate = ACTIVATION_BITS * self.height / width
        total = rate[p] * (last * (last + 1) - first * (first + 1)) / 2
        some = np.flatnonzero((rate % 1 != 0)[p])
        if some.size:
            keys = self.height, self.elements / self.fitting, width
            one, index = alike(*keys)
            which = np.tile(index[p[some]], 2)
            position = np.append(last[some], np.full_like(some, first))
            found = softmax_words.word_sums(*(key[one] for key in keys), which, position)
            total[some] = found[: some.size] - found[some.size :]
        return total


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
    matrices = Matrices(chunk, rows)
    moved = features["elements"] * (ACTIVATION_BITS / DRAM_BITS)  # as if words were never cut
    matrices.least_bytes = dram_traffic(0.0, moved, symbols, chunk.assumptions)["dram_bytes"]
    exact = Exact(chunk, matrices)
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
    table |= _offchip_sums(chunk, irregular, matrices, runs)
    table |= _spread(operation, matrices, irregular, table["dram_bytes"], runs)
    return {name: values[index] for name, values in table.items()}


class Exact:
    """What softmax moves off chip at all positions of rows of profiles; remembers the last rows."""

    SOURCES = {  # noqa: RUF012
        "output_tiles": {"tiles"}, "all_tiles": {"tiles"}, "o_bits": {"words"},
        "offchip_words": {"words"}, "osram_offchip_reads": {"words"},
        "osram_offchip_writes": {"words"}, "dram_bytes": {"dram_words"},
        "dram_accesses": {"words", "dram_words"},
    }  # fmt: skip

    def __init__(self, chunk: Chunk, matrices: "Matrices"):
        self.chunk, self.matrices = chunk, matrices
        self.last, self.found = None, {}

    def __call__(self, row: np.ndarray, profile: np.ndarray, names: Iterable[str]) -> dict:
        """Return those features of `names` that follow from tiles and words."""
        if self.last is not row:
            self.last, self.found = row, {}
        missing = set().union(*(self.SOURCES.get(name, ()) for name in names)) - set(self.found)
        self.found |= self.matrices.offchip(row, profile, missing) if missing else {}
        found, scope, features = self.found, self.chunk.take(profile), {}
        if "tiles" in found:
            features |= dict.fromkeys(("output_tiles", "all_tiles"), found["tiles"])
        if "words" in found:
            features["offchip_words"] = found["words"]
        if "o_bits" in names:
            features["o_bits"] = 2 * found["words"] * scope["o_width"]
        if "dram_words" in found:
            traffic = found.get("words", 0.0), found["dram_words"]
            features |= dram_traffic(*traffic, scope, self.chunk.assumptions)
        return features


def _offchip_sums(chunk: Chunk, irregular: Mapping, matrices: Matrices, runs: Runs) -> dict:
    """Return sums of the events that follow the exact off-chip words, and dram_bytes."""
    words, dram_words = matrices.sums(runs)
    scope = {k: pick(v, runs.profile) for k, v in chunk.symbols.items()}
    steps = (runs.seq_len - runs.first)[:, None]
    features = dram_traffic(words, dram_words, scope, chunk.assumptions, steps)
    scope |= features | {"offchip_words": words}
    counts = {name: event.count for name, event in irregular.items() if not event.hops}
    table = {name: count(scope)[:, 0] for name, count in counts.items()}
    return table | {"dram_bytes": features["dram_bytes"][:, 0]}


def _spread(operation, matrices: Matrices, irregular: Mapping, dram_bytes, runs: Runs) -> dict:
    """Return router events and cycles, which depend on how tiles are spread over the nodes."""
    assumptions = operation.chunk.assumptions
    mesh, even = (operation.nodes > 1)[runs.profile, 0], operation.even()[runs.profile]
    some = np.flatnonzero(mesh | ~even)
    tiled = spans(matrices.fitting[runs.profile[some]], runs.first, runs.seq_len[some])
    tiled.run = some[tiled.run]
    alike = whole_spans(runs.first, runs.seq_len).pick(np.flatnonzero(even))
    unknown = np.zeros_like(even)
    if assumptions["noc_tiling"] == "array_tiles" or assumptions["noc_link_bits"]:
        unknown = ~even
    else:
        alike = alike.beside(tiled.pick(np.flatnonzero(~even[tiled.run])))
    cycles, open_spans = span_cycles(operation, matrices, alike, dram_bytes, runs)
    unknown |= open_spans
    rest = runs.by_row(lambda rows: rows.by_position(operation.values), unknown, 1)[0]
    table = {"cycles": np.where(unknown, rest, cycles)}
    tiled = tiled.pick(np.flatnonzero(mesh[tiled.run]))
    for name, event in irregular.items():
        if event.hops:
            table[name] = _routed(operation, name, event, matrices, tiled, runs)
    return table


def _routed(operation, name: str, event: Event, matrices: Matrices, tiled: Spans, runs: Runs):
    """Return the sums of a router event over the spans of runs, or position by position."""
    chunk = operation.chunk
    found = span_hops(event, operation.counts[name], matrices, chunk, tiled, runs)
    unknown = np.isnan(found)
    symbols = {"P", "R", "Q"} | event.count.names & chunk.symbols.keys()

    def by_position(row, profile):
        exact = operation.exact(row, profile, event.count.names | {"output_tiles"})
        scope = chunk.take(profile, symbols)
        if event.count.names & set(OFFCHIP_SYMBOLS):
            words = event.count(scope | exact)
        else:
            words = operation.counts[name].at(row, profile)
        passes = timing.hops(exact["output_tiles"], event.hops, scope, chunk.assumptions)
        return [whole(words * passes)]

    rest = runs.by_row(lambda rows: rows.by_position(by_position), unknown, 1)[0]
    return np.where(unknown, rest, found)
