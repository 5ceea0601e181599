"""Positions of softmax that go together, because as many tiles of columns are spread over nodes.

A matrix of s columns moves in tiles of t = floor(s / n) columns, n being a power of 2 (see
`softmax_words`). Position s = n t + r takes n + ceil(r / t) tiles.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mugi.hardware.floors import floor_sum

CELLS = 1 << 16  # positions gone through together; what they take fits a cache


class Entries:
    """A dataclass whose fields have one value an entry."""

    def pick(self, chosen: np.ndarray):
        """Return some of the entries."""
        return type(self)(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass
class Spans(Entries):
    """Positions low to high of runs, one an entry; all have as many tiles of columns, `tiles`.

    `every` (0 or 1) counts all of them and `multiples` (0, 1 or -1) the multiples of `size`, the n
    of above. Fields are whole numbers of shape (spans,).
    """

    run: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: np.ndarray
    tiles: np.ndarray
    every: np.ndarray
    multiples: np.ndarray

    def beside(self, other: "Spans") -> "Spans":
        """Return these spans and then those of another."""
        names = self.__dataclass_fields__
        return Spans(*(np.append(getattr(self, name), getattr(other, name)) for name in names))

    def between(self, low: np.ndarray, high: np.ndarray) -> "Spans":
        """Return the spans without positions below `low` and above `high`, maybe without any."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        low, high = np.maximum(self.low, low), np.minimum(self.high, high)
        return Spans(**fields | {"low": low, "high": np.maximum(high, low - 1)})

    def sums(self, series: Callable) -> np.ndarray:
        """Return sums over the spans: series(spans, start, step, count) has those of start,
        start + step, ... of some of them.
        """
        total = np.zeros(len(self.run))
        some = np.flatnonzero(self.every)
        total[some] = series(some, self.low[some], 1, (self.high - self.low)[some] + 1)
        some = np.flatnonzero(self.multiples)
        if some.size:
            size = self.size[some]
            first, last = -(-self.low[some] // size), self.high[some] // size
            found = series(some, first * size, size, last - first + 1)
            total[some] += self.multiples[some] * found
        return total

    def positions(self) -> np.ndarray:
        """Return how many positions there are."""
        return self.sums(lambda some, start, step, count: count)

    def of_positions(self) -> np.ndarray:
        """Return the sum of the positions."""
        return self.sums(
            lambda some, start, step, count: start * count + step * (count * (count - 1) // 2)
        )

    def floors(self, numerator: np.ndarray, divisor: np.ndarray, first=0) -> np.ndarray:
        """Return sums of floor((first + numerator s) / divisor) of whole numbers, (spans,)."""
        whole, numerator = np.divmod(numerator, divisor)  # so that no product leaves int64
        first = np.broadcast_to(first, self.run.shape)

        def series(some, start, step, count):
            rise = numerator[some]
            return floor_sum(count, first[some] + rise * start, rise * step, divisor[some])

        return whole.astype(float) * self.of_positions() + self.sums(series)


def spans(fitting: np.ndarray, first: int, last: np.ndarray) -> Spans:
    """Return the spans of positions first + 1 to `last` of runs.

    The largest tile has `fitting` columns (not rounded), one value a run.
    """
    found, size = [_shallow(*(last[:0],) * 3, 1)], 1
    low = np.full_like(last, first + 1)
    while np.any(low <= last):
        end = np.floor(fitting * size).astype(np.int64)
        run = np.flatnonzero(low <= np.minimum(last, end))
        part = run, low[run], np.minimum(last, end)[run]
        deep = part[1] // size < size - 1
        found += [_shallow(*(x[~deep] for x in part), size), _deep(*(x[deep] for x in part), size)]
        low, size = np.maximum(low, end + 1), 2 * size
    return Spans(*(np.concatenate(part) for part in zip(*found, strict=True)))


def whole_spans(first: int, last: np.ndarray) -> Spans:
    """Return spans of all positions first + 1 to `last` of runs, as if there were one tile."""
    zero = np.zeros_like(last)
    return Spans(zero + np.arange(len(last)), zero + first + 1, last, *(zero + 1,) * 3, zero)


def _shallow(run, low, high, size: int) -> tuple[np.ndarray, ...]:
    """Return the fields of spans where the rest takes one tile at most."""
    one = np.ones_like(run)
    even = (
        run,
        low,
        high,
        size * one,
        size * one,
        *((one, 0 * one) if size == 1 else (0 * one, one)),
    )
    if size == 1:
        return even
    odd = run, low, high, size * one, (size + 1) * one, one, -one
    return tuple(np.concatenate(part) for part in zip(even, odd, strict=True))


def _deep(run, low, high, size: int) -> tuple[np.ndarray, ...]:
    """Return the fields of spans where the rest takes several tiles: block by block."""
    block, tile = ranges(np.arange(len(run)), low // size, high // size)
    tile = np.maximum(tile, 1)
    entry, rest = ranges(np.arange(len(tile)), 0 * tile, -((1 - size) // tile))
    block, tile = block[entry], tile[entry]
    start = size * tile + np.where(rest > 0, (rest - 1) * tile + 1, 0)
    end = size * tile + np.minimum(rest * tile, size - 1)
    start, end = np.maximum(start, low[block]), np.minimum(end, high[block])
    kept = start <= end
    one = np.ones(np.count_nonzero(kept), np.int64)
    return run[block[kept]], start[kept], end[kept], size * one, size + rest[kept], one, 0 * one


def ranges(entries: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each of `entries` once for every whole number from its low to its high, and those."""
    count = np.maximum(high[entries] - low[entries] + 1, 0)
    entry = np.repeat(entries, count)
    return entry, np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count) + low[entry]


def position_sums(values: Callable, start, step, count: np.ndarray) -> np.ndarray:
    """Return sums of values(rows, positions) over start, start + step, ..., `count` in each row.

    Rows of about the same length go together; `rows` is an index that makes the fields of rows
    broadcast with the positions.
    """
    step = np.broadcast_to(step, count.shape)
    shorter = count.max(initial=0) - count
    order = np.argsort(shorter.astype(np.min_scalar_type(shorter.max(initial=0))), kind="stable")
    order = order[: np.count_nonzero(count > 0)]
    total, done = np.zeros(len(count)), 0
    while done < len(order):
        longest = count[order[done]]
        part = order[done : done + max(1, CELLS // longest)]
        axis = int(longest > len(part))
        rows, steps = np.expand_dims(part, axis), np.expand_dims(np.arange(longest), 1 - axis)
        found = values(rows, (start[rows] + step[rows] * steps).astype(float))  # longer axis last
        if count[part[-1]] < longest:
            found = found * (steps < count[rows])
        total[part] = found.sum(axis=axis)
        done += len(part)
    return total
