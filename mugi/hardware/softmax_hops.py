"""Router events of softmax in decode: words times hops, rounded down at every position."""

import numpy as np

from mugi.hardware import timing
from mugi.hardware.events import OFFCHIP_SYMBOLS, Event
from mugi.hardware.memory import ACTIVATION_BITS
from mugi.hardware.series import INTEGER, Series
from mugi.hardware.spans import Spans, row_sums
from mugi.hardware.steps import Runs, whole


def span_hops(event: Event, count: Series, matrices, chunk, spans: Spans, runs: Runs) -> np.ndarray:
    """Return a router event's sums over the spans of runs, NaN where spans do not tell: (runs,).

    `count` is the event's without hops, for events that do not follow off-chip words.
    """
    p = runs.profile[spans.run]
    scope = chunk.take(p, {"P", "R", "Q"} | event.count.names & chunk.symbols.keys())
    tiles = (matrices.passes[p] * spans.tiles)[:, None]
    ratio = timing.hop_ratio(tiles, event.hops, scope, chunk.assumptions)
    total, rounds = (np.broadcast_to(x, (len(p), 1))[:, 0].astype(np.int64) for x in ratio)
    followed = event.count.names & set(OFFCHIP_SYMBOLS)
    if followed == {"offchip_words"}:
        unit = event.count(scope | {"offchip_words": 1.0})
        unit = np.broadcast_to(unit, (len(p), 1))[:, 0]
        offset, rise = np.zeros(len(p)), unit * matrices.rate(matrices.width)[p]
    elif followed:
        return np.full(len(runs.profile), np.nan)
    else:
        unit, (offset, rise) = np.ones(len(p)), count.line[:, p]
    found = np.full(len(p), np.nan)
    exact = _near(offset) & _near(rise)
    some = np.flatnonzero(exact)
    part, times = spans.pick(some), total[some]
    first, step = (np.rint(x[some]).astype(np.int64) * times for x in (offset, rise))
    found[some] = part.floors(step, rounds[some], first)
    if followed:
        level = ~exact & _near(unit) & ((np.rint(np.where(exact, 0, unit)) * total) % rounds == 0)
        some = np.flatnonzero(level)
        words = matrices.span_words(matrices.width, spans.pick(some), p[some])
        found[some] = words * (unit * total / rounds)[some]
        some = np.flatnonzero(~exact & ~level)
        times = unit[some] * total[some], rounds[some].astype(float)
        found[some] = _row_by_row(spans.pick(some), p[some], matrices, *times)
    return np.bincount(spans.run, found, len(runs.profile))


def _near(value: np.ndarray) -> np.ndarray:
    """Return which numbers are whole but for rounding."""
    return np.abs(value - np.rint(value)) <= INTEGER * np.abs(value)


def _row_by_row(spans: Spans, p: np.ndarray, matrices, times, rounds) -> np.ndarray:
    """Return sums of words times hops, times/rounds by span, where tiles take no whole words.

    Position q t + r takes q tiles of t columns and one of r.
    """
    span, low, high, tile = spans.rows()
    full = (spans.tiles - 1)[span]
    low, high = low - full * tile, high - full * tile
    count, width = matrices.count[p][span], matrices.width[p][span]
    bits = [ACTIVATION_BITS * rows[p][span] for rows in matrices.heights]
    before = full * (count * np.ceil(bits[0] * tile / width) + np.ceil(bits[1] * tile / width))
    times, rounds = times[span], rounds[span]

    def values(rows, columns):
        words = np.ceil(bits[0][rows] * columns / width[rows]) * count[rows] + before[rows]
        if bits[1][rows].any():
            words += np.ceil(bits[1][rows] * columns / width[rows])
        return whole(words * times[rows] / rounds[rows])

    return np.bincount(span, row_sums(values, low, high), len(spans.run))
