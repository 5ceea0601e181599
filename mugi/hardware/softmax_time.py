"""Cycles of softmax in decode, summed span by span: compute or DRAM takes longest in all of one.

What a unit is busy, and what the DRAM moves, are lines over positions but for rounding, so that the
ends of a span tell. Where lines cross, the span is cut in two.
"""

import numpy as np

from mugi.hardware import timing
from mugi.hardware.events import dram_traffic
from mugi.hardware.floors import fraction
from mugi.hardware.memory import DRAM_BITS
from mugi.hardware.spans import Spans
from mugi.hardware.stepped import NOC_TILES, Stepped
from mugi.hardware.steps import EPSILON, Runs


class Work:
    """What the units of an operation are busy, as lines over positions: offset + rise s.

    known: profiles where one unit is the busiest at all positions and its rounded counts add up;
    straight: those of them where nothing is rounded.
    """

    def __init__(self, operation: Stepped):
        self.units = []
        self.known, self.straight = operation.closed.copy(), operation.whole & operation.closed
        for names, alive in zip(operation.units.values(), operation.alive, strict=True):
            if not alive.any():
                continue
            lines = [(operation.cycles[n].line, operation.counts[n].line) for n in names]
            busy = sum(cycles for cycles, _ in lines)
            parts = [
                Rounded(*line, operation.counts[n].whole)
                for n, line in zip(names, lines, strict=True)
            ]
            self.units.append((alive, busy, parts))
            self.known &= ~alive | np.all([part.known for part in parts], axis=0)
        self.straight &= self.known

    def bounds(self, profile: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the most that the busiest unit takes at positions of profiles."""
        least, most = np.zeros((2, len(profile)))
        for alive, busy, parts in self.units:
            high = busy[0, profile] + busy[1, profile] * position
            low = high - sum(part.each for part in parts)[profile]
            least = np.maximum(least, np.where(alive[profile], low, 0))
            most = np.maximum(most, np.where(alive[profile], high, 0))
        return least, most

    def sums(self, profile: np.ndarray, spans: Spans) -> np.ndarray:
        """Return what the busiest unit takes in all of spans of known profiles."""
        total = np.zeros(len(profile))
        for alive, _, parts in self.units:
            some = np.flatnonzero(alive[profile])
            if some.size:
                total[some] += sum(part.sums(profile[some], spans.pick(some)) for part in parts)
        return total


class Rounded:
    """Cycles that follow a count rounded down at every position, where it is no whole number.

    cycles, count: lines, (2, profiles); whole: where nothing is rounded; each: cycles of one event
    there, else 0; known: where the sums are.
    """

    def __init__(self, cycles: np.ndarray, count: np.ndarray, whole: np.ndarray):
        self.cycles, self.whole = cycles, whole
        unit = np.where(whole | ~(count[1] > 0), 1.0, count[1])
        self.numerator, self.divisor = fraction(unit)
        with np.errstate(all="ignore"):
            self.each = np.where(whole, 0.0, cycles[1] / count[1])
        through = (count[0] == 0) & (cycles[0] == 0) & (count[1] > 0)
        self.known = np.isfinite(cycles).all(axis=0) & (whole | (through & (self.divisor > 0)))

    def sums(self, profile: np.ndarray, spans: Spans) -> np.ndarray:
        """Return the cycles in all of spans."""
        total = np.zeros(len(profile))
        some = np.flatnonzero(self.whole[profile])
        if some.size:
            p, part = profile[some], spans.pick(some)
            total[some] = self.cycles[0, p] * part.positions()
            total[some] += self.cycles[1, p] * part.of_positions()
        some = np.flatnonzero(~self.whole[profile])
        if some.size:
            p, part = profile[some], spans.pick(some)
            shift = np.floor(EPSILON * self.divisor[p]).astype(np.int64)
            total[some] = self.each[p] * part.floors(self.numerator[p], self.divisor[p], shift)
        return total


def span_cycles(
    operation: Stepped, matrices, spans: Spans, dram_bytes: np.ndarray, runs: Runs
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cycles of runs in all their spans, and for which runs spans do not tell: (runs,).

    `dram_bytes` are those of all positions of a run.
    """
    chunk, count = operation.chunk, len(runs.profile)
    work, each = Work(operation), timing.dram_cycles(chunk.symbols, chunk.assumptions)
    spans, compute, unknown = _settled(operation, matrices, work, spans, runs)
    unknown = np.bincount(spans.run, unknown, count) > 0
    some = np.flatnonzero(compute & ~unknown[spans.run])
    part, p = spans.pick(some), runs.profile[spans.run[some]]
    share, fill = _shares(operation, matrices, part, p)
    cycles = share * work.sums(p, part) + fill * part.positions()
    total = np.bincount(part.run, cycles, count).astype(float)  # whole where there are none
    moving = np.bincount(spans.run, compute, count) == 0
    total[moving] = dram_bytes[moving] * each
    some = np.flatnonzero(~(compute | (unknown | moving)[spans.run]))
    if some.size:
        part, p = spans.pick(some), runs.profile[spans.run[some]]
        words = matrices.span_words(DRAM_BITS, part, p)[:, None]
        scope = chunk.take(p), chunk.assumptions, part.positions()[:, None]
        moved = dram_traffic(words, words, *scope)["dram_bytes"][:, 0]
        total += np.bincount(part.run, moved * each, count)
    return np.where(unknown, 0.0, total), unknown


def _shares(operation: Stepped, matrices, spans: Spans, p: np.ndarray) -> tuple:
    """Return the busiest node's share of the work and the fill cycles in spans of profiles."""
    tiles = (matrices.passes[p] * spans.tiles)[:, None]
    features = dict.fromkeys(NOC_TILES, tiles)  # array tiles on one node only
    scope = features, operation.chunk.take(p, "P"), operation.chunk.assumptions
    found = timing.share(*scope), timing.filling(operation.fill[p], *scope)
    return tuple(np.broadcast_to(x, (len(p), 1))[:, 0] for x in found)


def _settled(operation, matrices, work: Work, spans: Spans, runs: Runs) -> tuple:
    """Return spans, cut where lines cross; in which compute takes longest, in others the DRAM
    does; and which do not tell.
    """
    chunk, p = operation.chunk, runs.profile[spans.run]
    known, ends = work.known[p], (spans.low, spans.high)
    if chunk.assumptions["dram_time"] != "per_op":
        return spans, np.ones(len(p), dtype=bool), ~known
    share, fill = _shares(operation, matrices, spans, p)
    least, most = np.swapaxes([work.bounds(p, end) for end in ends], 0, 1) * share + fill
    each = timing.dram_cycles(chunk.symbols, chunk.assumptions)
    over, under = (
        series.line[:, p] * each
        for series in (operation.features["dram_bytes"], matrices.least_bytes)
    )
    slowest, fastest = ([line[0] + line[1] * end for end in ends] for line in (over, under))
    compute = known & np.all(least >= slowest, axis=0)
    transfer = np.all(fastest >= most, axis=0)
    straight = work.straight[p] & np.isclose(over[1], under[1], rtol=1e-13)
    cut = straight & ~compute & ~transfer
    gap = least - slowest
    with np.errstate(all="ignore"):
        turn = spans.low + np.floor((spans.high - spans.low) * gap[0] / (gap[0] - gap[1]))
    turn = np.where(cut, turn, spans.high).astype(np.int64)
    first, some = np.where(cut, gap[0] >= 0, compute), np.flatnonzero(cut)
    late = spans.pick(some)
    both = spans.between(spans.low, turn).beside(late.between(turn[some] + 1, late.high))
    unknown = ~(compute | transfer | cut)
    return both, np.append(first, ~first[some]), np.append(unknown, unknown[some])
