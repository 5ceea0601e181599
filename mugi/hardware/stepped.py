"""An operation that grows with the position, and its cycles summed over decode steps."""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from mugi.hardware import timing
from mugi.hardware.chunk import Chunk, array_tiles, noc_features
from mugi.hardware.events import Section
from mugi.hardware.periods import Proportional
from mugi.hardware.series import ONES, ROW, Series, Table
from mugi.hardware.steps import Rows, Runs

NOC_TILES = ("all_tiles", "output_tiles", "array_tiles")  # what may be spread over nodes
SLACK = 1 + 1e-13  # what rounding may add to one of two equal durations


class Stepped:
    """An operation over all positions: series of counts, cycles and features.

    `exact(row, profiles)` returns features that no series gives, as they are in rows of profiles;
    those of the series are upper bounds then.
    """

    def __init__(self, chunk: Chunk, section: Section, features: Mapping, fill, first, exact=None):
        self.chunk, self.exact, self.first = chunk, exact, first
        self.everyone = np.arange(chunk.profiles)
        self.fill = np.broadcast_to(fill, (chunk.profiles, 1))
        self.nodes = np.broadcast_to(chunk.symbols["P"], (chunk.profiles, 1))
        counts, cycles = section.evaluate(features, chunk.symbols)
        self.needed = timing.needed(chunk.assumptions)
        self.tiles = [name for name in self.needed if name in NOC_TILES]
        hops = {event.hops for event in section.events.values()} & {*NOC_TILES}
        if not {*self.needed, *hops} <= set(features):
            features = dict(features) | noc_features(counts, chunk.symbols, features)
        values = {id(value): value for value in [*counts.values(), *cycles.values()]}
        series = {key: Series.of(value, chunk.profiles) for key, value in values.items()}
        self.counts = {name: series[id(value)] for name, value in counts.items()}
        self.cycles = {
            name: _unless_zero(series[id(value)], self.counts[name])
            for name, value in cycles.items()
        }
        self.features = {
            name: Series.of(features[name], chunk.profiles)
            for name in {*self.needed, *hops, "dram_bytes"}
        }
        self.sizes = {
            name: Series.of(features[name], chunk.profiles) for name in "BMN" if name in features
        }
        self.bounds = {"osram_offchip_reads", "osram_offchip_writes"} if exact else set()
        self.units = timing.units(self.cycles, chunk.assumptions)
        tiling = chunk.assumptions["noc_tiling"]
        rising = [*self.cycles.values(), self.features["dram_bytes"]]
        self.stepwise = not (exact or tiling == "array_tiles" or chunk.assumptions["noc_link_bits"])
        self.stepwise &= all(table.rising for values in rising for _, table in values.terms)
        self.alive, self.closed, self.whole = self._leading()
        self.pattern = (1 << np.arange(len(self.alive))) @ self.alive  # which units are left

    def _leading(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which units may be the busiest at some position: (units, profiles).

        Left out are those that some other outlasts at all positions even with its count rounded
        down. Also returns which profiles have one left whose duration has a closed sum, and which
        of those have whole counts.
        """
        found, known, wholes, ratios = [], [], [], {}
        for names in self.units.values():
            scale, table = sum(self.cycles[name] for name in names).single
            count, counted = self.counts[names[0]].single
            least = count * counted.cell(counted.start, self.everyone, self.first)
            rounded = 1 - 1 / np.maximum(least, 1)  # what a rounded count is of the count at least
            exact, single = not self.bounds & set(names), len(names) == 1
            whole = exact & np.all([self.counts[name].whole for name in names], axis=0)
            sure = np.where(whole, 1.0, rounded * (exact and single))
            found.append((scale, table, sure))
            wholes.append(whole)
            known.append(whole | (single and counted is table and sure > 0))
        alive = np.ones((len(found), len(self.everyone)), dtype=bool)
        for one, (high, longer, sure) in enumerate(found):
            for other, (low, shorter, _) in enumerate(found):
                if one == other or not alive[one].any() or not alive[other].any():
                    continue
                if (shorter, longer) not in ratios:
                    ratios[shorter, longer] = self._most(shorter, longer)
                outlasted = low * ratios[shorter, longer] <= high * sure * SLACK
                alive[other] &= ~(outlasted & alive[one])
        alone = alive.sum(axis=0) == 1
        return alive, *(alone & np.any(alive & np.array(kind), axis=0) for kind in (known, wholes))

    def _most(self, one: Table, other: Table) -> np.ndarray:
        """Return the most that a table is of another, at any position to sum, by profile."""
        if one is other:
            return np.ones(len(self.everyone))
        if one.key is not other.key and one.key is not None and other.key is not None:
            one, other = (t.spread(self.chunk.profiles) for t in (one, other))
        with np.errstate(all="ignore"):
            row = [(t.wide, t.wide + t.slope) for t in (one, other)]
            early = np.fmax.reduce((row[0][0] / row[1][0])[:, self.first :], axis=1)
            later = np.fmax.reduce(row[0][1] / row[1][1], axis=1)
            end = (one.slope / other.slope)[:, 0]
        most = np.fmax(np.fmax(early, later), np.fmax(end, 0))
        return (one if len(one.start) > 1 else other).of(most, self.everyone)

    def sum_cycles(self, runs: Runs) -> np.ndarray:
        """Return the cycles of all steps, one value a run."""
        assumptions, p = self.chunk.assumptions, runs.profile
        closed, total = self.closed & self.even(), np.zeros(len(p))
        transfer = np.zeros_like(closed)
        if assumptions["dram_time"] == "per_op":
            closed, transfer = self._bound(closed)
            dram = timing.dram_cycles(self.chunk.symbols, assumptions)
            total = np.where(transfer[p], runs.closed(self.features["dram_bytes"]) * dram, 0)
        some = np.flatnonzero(closed[p])
        total[some] = self.closed_cycles(runs.pick(some))
        cut = self.whole & self.even() & ~(closed | transfer)
        some = np.flatnonzero(cut[p])
        total[some] = self._cut_cycles(runs.pick(some))
        return total + runs.by_row(self._rows, ~(closed | transfer | cut)[p])

    def _cut_cycles(self, runs: Runs) -> np.ndarray:
        """Return the cycles of runs where the DRAM and one unit take longest in turn.

        What one takes beyond the other grows linearly from row to row, so that in every column its
        sign changes once.
        """
        p, zero = runs.profile, np.zeros((len(runs.profile), 1))
        dram = self.features["dram_bytes"] * timing.dram_cycles(
            self.chunk.symbols, self.chunk.assumptions
        )
        share, fill = (x[:, None] for x in self._spread(zero, p))
        first = rise = 0.0
        for names, alive in zip(self.units.values(), self.alive, strict=True):
            busy = sum(self.cycles[name] for name in names)
            ends = (busy.at(zero + row, p) for row in (0, 1))
            low, high = (np.where(alive[p][:, None], end, 0) for end in ends)
            first, rise = first + low, rise + (high - low)
        moved, next_moved = (dram.at(zero + row, p) for row in (0, 1))
        more, rise = first * share + fill - moved, rise * share - (next_moved - moved)
        columns = np.arange(ROW)
        low = np.where(columns < runs.first, 1.0, 0.0)
        high = runs.rows[:, None] - np.where(columns < runs.rest[:, None], 0.0, 1.0)
        with np.errstate(all="ignore"):
            turn = -more / rise
        low = np.where(rise > 0, np.maximum(low, np.ceil(turn)), low)
        high = np.where(rise < 0, np.minimum(high, np.floor(turn)), high)
        count = np.where((rise == 0) & (more <= 0), 0, np.maximum(high - low + 1, 0))
        longer = np.sum(count * (more + rise * (low + high) / 2), axis=1)
        return runs.closed(dram) + longer

    def _bound(self, closed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where a unit that leads takes longer than the DRAM at all positions, and where
        the DRAM takes longer than any, though a node has one tile more than its even share.
        """
        scale, table = self.features["dram_bytes"].single
        scale = scale * timing.dram_cycles(self.chunk.symbols, self.chunk.assumptions)
        nodes, fill = self.nodes[:, 0], self.fill[:, 0]
        compute, longest = closed & self.whole, np.zeros(len(nodes))
        for names, alive in zip(self.units.values(), self.alive, strict=True):
            busy, worked = sum(self.cycles[name] for name in names).single
            slower = scale * self._most(table, worked) * nodes <= busy
            compute &= slower | ~alive
            longest = np.maximum(longest, np.where(alive, busy * self._most(worked, table), 0))
        tiling, fewest = self.chunk.assumptions["noc_tiling"], 1.0
        if tiling in ("output_tiles", "all_tiles"):
            zero = np.zeros_like(self.everyone)
            fewest = self.features[tiling].cells(self.everyone, zero, zero + self.first)
        share = np.minimum(1.0, 1 / nodes + (1 - 1 / nodes) * (tiling != "even") / fewest)
        simple = self.stepwise and self.chunk.assumptions["pipeline_fill"] != "per_tile"
        return compute, simple & (longest * share + fill * self._most(ONES, table) <= scale)

    def closed_cycles(self, runs: Runs) -> np.ndarray:
        """Return the cycles of all steps of runs where one unit is the busiest, spread evenly."""
        p, busy = runs.profile, np.zeros(len(runs.profile))
        for names, alive in zip(self.units.values(), self.alive, strict=True):
            some = np.flatnonzero(alive[p])
            if some.size:
                busy[some] = self._whole_duration(names, runs.pick(some))
        share, fill = self._spread(np.zeros((len(p), 1)), p)
        return busy * share + fill * (runs.seq_len - runs.first)

    def _spread(self, row: np.ndarray, profile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the busiest node's share and the fill cycles in rows where they are constant."""
        features = {n: self.features[n].at(row, profile)[:, :1] for n in self.tiles}
        scope = features, self.chunk.take(profile, "P"), self.chunk.assumptions
        share, fill = timing.share(*scope), timing.filling(self.fill[profile], *scope)
        return tuple(np.broadcast_to(x, (len(profile), 1))[:, 0] for x in (share, fill))

    def _whole_duration(self, names: list[str], runs: Runs) -> np.ndarray:
        """Return how long a unit is busy in all steps, by runs of profiles it leads in."""
        total = np.zeros(len(runs.profile))
        for name in names:
            cycles, count = self.cycles[name], self.counts[name]
            some = count.whole[runs.profile]
            total += np.where(some, runs.closed(cycles), 0)
            if not some.all():
                each = cycles.single[0][runs.profile] / count.single[0][runs.profile]
                total += np.where(some, 0, each * runs.counts(count))
        return total

    def _rows(self, rows: Rows) -> np.ndarray:
        """Return the cycles of rows: closed where one unit or the DRAM takes longest in all of it.

        Values rise within a row, so its ends say which.
        """
        if not self.stepwise:
            return self._go_through(rows, self.values)
        assumptions, steps = self.chunk.assumptions, rows.high - rows.low
        share, fill = self._spread(rows.row[:, None], rows.profile)
        low, high, busy = self._ends(rows)
        compute, total = np.ones(len(rows.row), dtype=bool), busy * share + fill * steps
        transfer = ~compute
        if assumptions["dram_time"] == "per_op":
            dram = self.features["dram_bytes"] * timing.dram_cycles(self.chunk.symbols, assumptions)
            transfer = rows.end(dram, last=False) >= high * share + fill
            compute = low * share + fill >= rows.end(dram, last=True)
            total = np.where(transfer, rows.sums(dram), total)
        rounded = np.flatnonzero(compute & ~transfer & ~self.whole[rows.profile])
        busy = self._busy_rows(rows.pick(rounded), share[rounded])
        total[rounded] = busy * share[rounded] + (fill * steps)[rounded]
        unknown = np.flatnonzero(~(compute | transfer))
        total[unknown] = self._go_through(rows.pick(unknown), self.values)
        return total

    def _busy_rows(self, rows: Rows, share: np.ndarray) -> np.ndarray:
        """Return what the busiest unit takes in rows, or for all rows of a stretch in its first."""
        total, known = np.zeros(len(rows.row)), self.proportional.known[rows.profile]
        some = np.flatnonzero(~known)
        total[some] = self._go_through(rows.pick(some), self.busy)
        some = np.flatnonzero(known)
        if some.size:
            part, share = rows.pick(some), share[some]
            together = (np.diff(part.run) == 0) & (np.diff(part.row) == 1) & (np.diff(share) == 0)
            start, end = np.append(True, ~together), np.append(~together, True)
            first, last = ROW * part.row + part.low + 1, ROW * part.row + part.high
            total[some[start]] = self.proportional.sums(
                part.profile[start], first[start], last[end]
            )
        return total

    @cached_property
    def proportional(self) -> Proportional:
        """Return the units as far as they are in proportion to the position."""
        return Proportional(self)

    def _go_through(self, rows: Rows, values: Callable) -> np.ndarray:
        """Return sums by position of rows, those with the same units left at once."""
        total, pattern = np.zeros(len(rows.row)), self.pattern[rows.profile]
        for one in np.unique(pattern):
            some = np.flatnonzero(pattern == one)
            total[some] = rows.pick(some).by_position(values)
        return total

    def _ends(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return bounds of what the busiest unit takes at positions of rows, and its sum.

        The sum is 0 where there is no unit that is the busiest with whole counts.
        """
        low, high, total = np.zeros((3, len(rows.row)))
        for names, alive in zip(self.units.values(), self.alive, strict=True):
            some = np.flatnonzero(alive[rows.profile])
            if some.size:
                part, cycles = rows.pick(some), sum(self.cycles[name] for name in names)
                high[some] = np.maximum(high[some], part.end(cycles, last=True))
                least, whole = part.end(cycles, last=False), self.whole[part.profile]
                count = np.minimum.reduce([part.end(self.counts[n], last=False) for n in names])
                least *= np.where(whole, 1.0, 1 - 1 / np.maximum(count, 1))
                low[some] = np.maximum(low[some], least)
                total[some] = np.where(whole, part.sums(cycles), 0)
        return low, high, total

    def values(self, row: np.ndarray, profile: np.ndarray) -> np.ndarray:
        """Return the cycles at all positions of rows of profiles."""
        features = self.exact(row, profile) if self.exact else {}
        for name in set(self.needed) - set(features):
            features[name] = self.feature(name, row, profile)
        busy = self.busy(row, profile, features)
        scope = self.fill[profile], self.chunk.take(profile), self.chunk.assumptions
        return timing.operation_cycles(busy, features, *scope)

    def busy(self, row: np.ndarray, profile: np.ndarray, features: Mapping = {}) -> np.ndarray:
        """Return how long the busiest unit takes at all positions of rows of profiles.

        `features` has off-chip words where no series gives them. Of events with the same cycles the
        longest is the one of which the largest part is whole.
        """
        known, longest, parts = {}, 0.0, {}
        for names in self._units_left(profile):
            if self.bounds & set(names) or len(names) > 1:
                durations = (self._duration(n, row, profile, known, features) for n in names)
                longest = np.maximum(longest, sum(durations))
                continue
            cycles, count = self.cycles[names[0]], self.counts[names[0]]
            part = timing.whole_part(count.at(row, profile, known))
            _, most = parts.get(id(cycles), (cycles, 0.0))
            parts[id(cycles)] = cycles, np.maximum(part, most)
        for cycles, part in parts.values():
            longest = np.maximum(longest, cycles.at(row, profile, known) * part)
        return longest

    def _duration(self, name: str, row, profile, known: dict, features: Mapping) -> np.ndarray:
        """Return the cycles of the whole events of a name; `known` keeps values of tables."""
        if name in self.bounds:
            return features["offchip_words"]
        count, cycles = (x[name].at(row, profile, known) for x in (self.counts, self.cycles))
        return timing.effective(count, cycles)

    def _units_left(self, profile: np.ndarray) -> list[list[str]]:
        alive = self.alive[:, profile].any(axis=1)
        return [names for names, on in zip(self.units.values(), alive, strict=True) if on]

    def feature(self, name: str, row: np.ndarray, profile: np.ndarray) -> np.ndarray:
        """Return a feature at all positions of rows of profiles.

        Array tiles do not start anew in every row, so that no table has them.
        """
        if name == "array_tiles" and self.sizes:
            sizes = {key: series.at(row, profile) for key, series in self.sizes.items()}
            return array_tiles(sizes, self.chunk.take(profile))
        return self.features[name].at(row, profile)

    def even(self) -> np.ndarray:
        """Return for which profiles share and fill are the same at all positions, and no link."""
        assumptions, tiling = self.chunk.assumptions, self.chunk.assumptions["noc_tiling"]
        even = (self.nodes == 1)[:, 0] | (tiling == "even")
        if not self.exact and tiling not in ("even", "array_tiles"):
            even |= self.divides(tiling)
        if assumptions["pipeline_fill"] == "per_tile":
            idle = (self.fill == 0)[:, 0]
            even &= idle if self.exact else idle | self._constant(self.features["all_tiles"])
        return even & ((self.nodes == 1)[:, 0] | (assumptions["noc_link_bits"] == 0))

    def divides(self, tiles: str) -> np.ndarray:
        """Return for which profiles tiles are the same at all positions, or always fill P nodes."""
        series = self.features[tiles]
        scale, table = series.single
        if tiles == "array_tiles" or table.start.shape[1] > 1:
            return np.zeros(len(self.everyone), dtype=bool)
        first, slope = (scale * table.cell(x, self.everyone, 0) for x in (table.start, table.slope))
        nodes = self.nodes[:, 0]
        return self._constant(series) | ((first % nodes == 0) & (slope % nodes == 0))

    def _constant(self, series: Series) -> np.ndarray:
        """Return for which profiles the values of a series are the same at all positions."""
        if series.single[1].start.shape[1] > 1:
            return np.zeros(len(self.everyone), dtype=bool)
        return series.single[1].of(series.single[1].slope == 0, self.everyone)[:, 0]


def _unless_zero(cycles: Series, count: Series) -> Series:
    """Return the cycles of an event, none for profiles in which it never happens."""
    happens = np.any([scale != 0 for scale, _ in count.terms], axis=0)
    return cycles if happens.all() else cycles * np.where(happens, 1.0, 0.0)
