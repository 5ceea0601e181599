"""An operation that grows with the position, and its cycles summed over decode steps."""

from collections.abc import Mapping

import numpy as np

from mugi.hardware import timing
from mugi.hardware.chunk import Chunk, array_tiles, noc_features, pick
from mugi.hardware.events import Section
from mugi.hardware.steps import ROW, Line, Runs, whole
from mugi.hardware.workload import PREFILL_TOKENS

NOC_FEATURES = ("all_tiles", "output_tiles", "array_tiles", "i_bits", "w_bits", "o_bits")


class Stepped:
    """An operation over all positions: lines of counts, cycles and features.

    `exact(row, profiles)` returns features that no line gives, as they are in rows of profiles.
    """

    def __init__(self, chunk: Chunk, section: Section, features: Mapping, fill, exact=None):
        self.chunk, self.fill, self.exact = chunk, fill, exact
        counts, cycles = section.evaluate(features, chunk.symbols)
        features = dict(features) | noc_features(counts, chunk.symbols, features)
        values = [*counts.values(), *cycles.values()]  # many the same objects
        lines = {id(value): Line.through(value, chunk.profiles) for value in values}
        self.counts = {name: lines[id(value)] for name, value in counts.items()}
        self.cycles = {name: lines[id(value)] for name, value in cycles.items()}
        self.features = {
            name: Line.through(features[name], chunk.profiles)
            for name in (*NOC_FEATURES, "dram_bytes", "B", "M", "N")
            if name in features
        }
        self.bounds = {"osram_offchip_reads", "osram_offchip_writes"} if exact else set()
        self.durations, self.rough = self._durations()
        self.leading = self._leading()
        self.needed = [name for name in timing.needed(chunk.assumptions) if name in self.features]

    def _durations(self) -> tuple[dict[str, Line], dict[str, Line]]:
        """Return events whose duration is a line, and upper bounds of those of the others.

        Events that others outlast at every position are left out.
        """
        prune = self.chunk.assumptions["sram_ports"] == "independent"
        lines, rough = {}, {}
        order = sorted(self.cycles, key=lambda name: -self.cycles[name].start[:, -1].sum())
        for name in order:
            cycles, count = self.cycles[name], self.counts[name]
            if prune and cycles.below(lines.values()):
                continue
            if name in self.bounds:
                rough[name] = cycles
                continue
            floor = whole(count.start)
            stepwise = np.abs(count.slope - np.rint(count.slope)) > 1e-6
            cut = (floor < count.start - 1e-6).any(axis=1, keepdims=True) | stepwise
            if not cut.any():
                lines[name] = cycles
                continue
            ratio = np.divide(
                cycles.start, count.start, out=np.zeros_like(floor), where=count.start > 0
            )
            constant = np.ptp(ratio, axis=1, keepdims=True) <= 1e-12 * ratio[:, :1]
            upper = cut & ~(constant & ~stepwise)
            kept = Line(np.where(cut, ratio * floor, cycles.start), cycles.slope)
            lines[name] = kept.scaled(1.0 - upper)
            if upper.any():
                rough[name] = cycles.scaled(1.0 * upper)
        return lines, rough

    def _leading(self) -> list[str]:
        """Return the events that may be the busiest at some position of some profile.

        Left out are those that last less than the event that leads overall would without one of
        its counts, which is more than rounding down takes.
        """
        names = [name for name in self.cycles if name not in self.bounds]
        if self.chunk.assumptions["sram_ports"] == "shared" or not names:
            return list(self.cycles)
        first = max(names, key=lambda name: self.cycles[name].at(1.0)[:, -1].sum())
        cycles, count = self.cycles[first], self.counts[first]
        with np.errstate(all="ignore"):
            each = np.maximum(cycles.at(1.0) / count.at(1.0), cycles.slope / count.slope)
        sure, least = cycles.at(1.0) - each, timing.effective(count.at(0.0), cycles.at(0.0))
        found = [first]
        for name, other in self.cycles.items():
            if name != first and not (
                (other.at(1.0) <= sure).all()
                and (other.slope <= cycles.slope).all()
                and np.all((other.at(0.0) <= least)[:, PREFILL_TOKENS:])
            ):
                found.append(name)
        return found

    def row_features(self, row, chosen) -> dict:
        """Return what time needs of tiles, channel bits and DRAM bytes in rows of profiles."""
        features = {name: self.features[name].at(row, chosen) for name in self.needed}
        if self.exact:
            features |= self.exact(row, chosen)
            if "o_bits" in self.needed:
                width = pick(self.chunk.symbols["o_width"], chosen)
                features["o_bits"] = 2 * features["offchip_words"] * width
        elif "array_tiles" in self.needed:
            sizes = {name: self.features[name].at(row, chosen) for name in "BMN"}
            features["array_tiles"] = array_tiles(sizes, self.chunk.take(chosen))
        return features

    def durations_at(self, row, chosen, features: Mapping) -> dict:
        """Return how long events that may be the busiest take in rows, counts rounded down."""
        found = {
            name: timing.effective(
                self.counts[name].at(row, chosen), self.cycles[name].at(row, chosen)
            )
            for name in self.leading
            if name not in self.bounds
        }
        return found | {
            name: features["offchip_words"] for name in self.leading if name in self.bounds
        }

    def sum_cycles(self, runs: Runs) -> np.ndarray:
        """Return the cycles of all steps, one value a run.

        The longest of several lines is convex in the row: where rows 1, middle and last lie on a
        line, so do all between. Row 0 is taken as it is, for another event often leads there.
        """
        chunk, assumptions = self.chunk, self.chunk.assumptions
        last = np.maximum(runs.last_row[:, None], 1.0)
        rows = (0.0, 1.0, np.floor((last + 1) / 2), last)
        busy, cycles = [], []
        sure = np.ones(chunk.profiles, dtype=bool)
        for row in rows:
            durations = {name: line.at(row) for name, line in self.durations.items()}
            busy.append(timing.busiest(durations, assumptions))
            if self.rough:
                for name, line in self.rough.items():
                    durations[name] = durations.get(name, 0.0) + line.at(row)
                upper = timing.busiest(durations, assumptions)
                sure &= np.all(upper <= busy[-1] * (1 + 1e-13), axis=1)
            features = {name: line.at(row) for name, line in self.features.items()}
            cycles.append(
                timing.operation_cycles(busy[-1], features, self.fill, chunk.symbols, assumptions)
            )
            if self.exact and assumptions["dram_time"] == "per_op":
                bound = features["dram_bytes"] * timing.dram_cycles(chunk.symbols, assumptions)
                sure &= np.all(bound < cycles[-1], axis=1)
        linear = sure & _on_chord(busy, rows)
        simple = linear & _on_chord(cycles, rows) & self._even()
        line = _chord(cycles, last)
        total = runs.closed(line) + runs.first_row(cycles[0] - line.start)
        if not simple.all():
            done, (sums,) = runs.by_row(self._row_cycles(busy, last, linear), ~simple)
            total[done] = sums
        return total

    def _row_cycles(self, busy: list[np.ndarray], last: np.ndarray, linear: np.ndarray):
        """Return a function of rows and profiles that gives the cycles at their positions."""
        chunk, line = self.chunk, _chord(busy, last)

        def row_cycles(row: np.ndarray, chosen: np.ndarray) -> list[np.ndarray]:
            features = self.row_features(row, chosen)
            value = np.where(row == 0, busy[0][chosen], line.at(row, chosen))
            crooked = ~linear[chosen]
            if crooked.any():
                some = {name: pick(v, crooked) for name, v in features.items()}
                durations = self.durations_at(row[crooked], chosen[crooked], some)
                value = np.array(np.broadcast_to(value, (len(chosen), ROW)))
                value[crooked] = timing.busiest(durations, chunk.assumptions)
            symbols, fill = chunk.take(chosen), pick(self.fill, chosen)
            return [timing.operation_cycles(value, features, fill, symbols, chunk.assumptions)]

        return row_cycles

    def _even(self) -> np.ndarray:
        """Return where the spread over nodes leaves the cycles linear in the row."""
        chunk, assumptions = self.chunk, self.chunk.assumptions
        single = np.broadcast_to(chunk.symbols["P"] == 1, (chunk.profiles, 1))[:, 0]
        even = np.ones(chunk.profiles, dtype=bool)
        if assumptions["noc_tiling"] == "array_tiles" or self.exact:
            even &= single | (assumptions["noc_tiling"] == "even")
        elif assumptions["noc_tiling"] != "even":
            even &= self.divides(self.features[assumptions["noc_tiling"]])
        if assumptions["pipeline_fill"] == "per_tile":
            idle = np.broadcast_to(self.fill == 0, (chunk.profiles, 1))[:, 0]
            even &= idle if self.exact else idle | self.divides(self.features["all_tiles"])
        if self.exact and assumptions["noc_link_bits"]:
            even &= single
        return even

    def divides(self, tiles: Line) -> np.ndarray:
        """Return where the tiles are the same at all positions, or always a multiple of P."""
        nodes = np.broadcast_to(self.chunk.symbols["P"], (self.chunk.profiles, 1))
        first = tiles.start[:, :1]
        return ((tiles.slope == 0) | ((first % nodes == 0) & (tiles.slope % nodes == 0)))[:, 0]


def _chord(values: list[np.ndarray], last: np.ndarray) -> Line:
    """Return the line through values in rows 1 and last."""
    first, end = np.broadcast_arrays(values[1], values[3])
    slope = (end - first) / np.maximum(last - 1, 1)
    return Line(first - slope, slope)


def _on_chord(values: list[np.ndarray], rows: tuple) -> np.ndarray:
    """Return where values in row 1, in the middle and in the last row lie on a line."""
    chord = _chord(values, rows[3]).at(rows[2])
    return np.all(np.abs(values[2] - chord) <= 1e-13 * np.abs(chord), axis=1)
