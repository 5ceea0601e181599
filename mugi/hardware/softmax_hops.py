"""Router events of softmax in decode: words times hops, rounded down at every position."""

from collections.abc import Callable
from functools import partial

import numpy as np

from mugi.hardware import timing
from mugi.hardware.events import OFFCHIP_SYMBOLS, SOFTMAX, Event
from mugi.hardware.floors import floor_sum
from mugi.hardware.memory import ACTIVATION_BITS
from mugi.hardware.series import INTEGER, Series
from mugi.hardware.spans import Spans, position_sums, ranges
from mugi.hardware.steps import Runs, whole

PERIODS = 16  # in a row that is cheaper to sum period by period than position by position


def span_hops(
    event: Event, count: Series, matrices, chunk, spans: Spans, words: np.ndarray, runs: Runs
) -> np.ndarray:
    """Return a router event's sums over the spans of runs, NaN where spans do not tell: (runs,).

    `count` is the event's without hops, for events that do not follow off-chip words; `words` are
    the off-chip words of spans of which a column takes no whole ones.
    """
    p = runs.profile[spans.run]
    tiles = (matrices.passes[p] * spans.tiles)[:, None]
    ratio = timing.hop_ratio(tiles, event.hops, chunk.take(p, "PRQ"), chunk.assumptions)
    hops, rounds = (np.broadcast_to(x, (len(p), 1))[:, 0].astype(np.int64) for x in ratio)
    found, followed = np.full(len(p), np.nan), event.count.names & set(OFFCHIP_SYMBOLS)
    if not followed:
        offset, rise = count.line[:, p]
        some = np.flatnonzero(_near(offset) & _near(rise))
        line = (x[some] * hops[some] for x in (offset, rise))
        found[some] = _floors(spans.pick(some), *line, rounds[some])
    elif followed == {"offchip_words"}:
        none, unit, two = (
            event.count(chunk.symbols | SOFTMAX | {"offchip_words": x}) for x in (0.0, 1.0, 2.0)
        )
        if np.all(none == 0) and np.allclose(two, 2 * unit, rtol=1e-13, atol=0):
            unit = np.broadcast_to(unit, (chunk.profiles, 1))[p, 0]
            found = _following(spans, p, matrices, words, unit * hops, rounds)
    return np.bincount(spans.run, found, len(runs.profile))


def _near(value: np.ndarray) -> np.ndarray:
    """Return which numbers are whole but for rounding."""
    return np.abs(value - np.rint(value)) <= INTEGER * np.abs(value)


def _following(spans: Spans, p: np.ndarray, matrices, words, times, rounds) -> np.ndarray:
    """Return sums over spans of off-chip words times `times` over `rounds`, rounded down."""
    rate = matrices.rate(matrices.width)[p]
    even, level = _near(times * rate), np.isnan(rate) & _near(times / rounds)
    long = spans.high - spans.low > PERIODS * _period(matrices)[p]
    long &= (spans.size == 1) & _near(times)
    found = words * np.rint(times / rounds)  # where nothing is left to round
    for chosen, sums in (
        (even, _line),
        (~even & ~level & long, _by_period),
        (~even & ~level & ~long, _by_position),
    ):
        some = np.flatnonzero(chosen)
        if some.size:
            found[some] = sums(spans.pick(some), p[some], matrices, times[some], rounds[some])
    return found


def _floors(spans: Spans, offset, rise, rounds) -> np.ndarray:
    """Return sums over spans of offset + rise s, whole numbers, over `rounds`, rounded down."""
    first, step = (np.rint(x).astype(np.int64) for x in (offset, rise))
    return spans.floors(step, rounds, first)


def _line(spans: Spans, p: np.ndarray, matrices, times, rounds) -> np.ndarray:
    """Return the sums where columns take whole words."""
    return _floors(spans, 0 * times, times * matrices.rate(matrices.width)[p], rounds)


def _period(matrices) -> np.ndarray:
    """Return after how many columns a tile of one profile has taken whole words: (profiles,)."""
    bits = [(ACTIVATION_BITS * height).astype(np.int64) for height in matrices.heights]
    width = matrices.width.astype(np.int64)
    return width // np.gcd(width, np.gcd(*bits))


def _by_period(spans: Spans, p: np.ndarray, matrices, times, rounds) -> np.ndarray:
    """Return the sums where there is one tile: words grow linearly from period to period."""
    period, width = _period(matrices)[p], matrices.width[p]
    span, start = ranges(np.arange(len(p)), spans.low, spans.low + period - 1)
    count, (full, rest) = matrices.count[p], (ACTIVATION_BITS * x[p] for x in matrices.heights)
    rise = (count * full + rest) * period / width
    words = count[span] * np.ceil(full[span] * start / width[span])
    words += np.ceil(rest[span] * start / width[span])
    each = (spans.high[span] - start) // period[span] + 1
    rise = np.rint(rise)[span]
    sums = words * each + rise * (each * (each - 1) // 2)
    whole_times, left = np.divmod(np.rint(times).astype(np.int64)[span], rounds[span])
    first, step = (x.astype(np.int64) * left for x in (words, rise))
    sums = whole_times * sums + floor_sum(each, first, step, rounds[span])
    return np.bincount(span, sums, len(p))


def _by_position(spans: Spans, p: np.ndarray, matrices, times, rounds) -> np.ndarray:
    """Return the sums position by position: q t + r takes q tiles of t columns and one of r."""
    size, full, rounds = (x.astype(float) for x in (spans.size, spans.tiles - 1, rounds))
    width, count = matrices.width[p], matrices.count[p]
    bits = [ACTIVATION_BITS * rows[p] for rows in matrices.heights]

    def words(rows, columns):
        found = np.ceil(bits[0][rows] * columns / width[rows]) * count[rows]
        if bits[1][rows].any():
            found += np.ceil(bits[1][rows] * columns / width[rows])
        return found

    same = spans.multiples == 0  # t in all of the span
    start = full * np.floor(spans.low / size)
    before = full * words(slice(None), np.floor(spans.low / size))

    def within(rows, position):
        found = before[rows] + words(rows, position - start[rows])
        return whole(found * times[rows] / rounds[rows])

    def across(rows, position):
        tile = np.floor(position / size[rows])
        found = full[rows] * words(rows, tile) + words(rows, position - full[rows] * tile)
        return whole(found * times[rows] / rounds[rows])

    def series(some, start, step, number):
        total, step = np.zeros(len(some)), np.broadcast_to(step, some.shape)
        for chosen, values in ((same[some], within), (~same[some], across)):
            part = np.flatnonzero(chosen)
            steps = start[part], step[part], number[part]
            total[part] = position_sums(partial(_picked, values, some[part]), *steps)
        return total

    return spans.sums(series)


def _picked(values: Callable, entries: np.ndarray, rows: np.ndarray, position: np.ndarray):
    return values(entries[rows], position)
