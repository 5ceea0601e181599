"""Sums over decode steps, read at any length: in closed form where a quantity allows it.

Counts rounded down have one where they are whole, or rise by a fraction at even distances. What
else there is (maxima that change hands, NoC rules) is summed row by row, for the runs that need it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mugi.hardware.floors import floor_sum, fraction
from mugi.hardware.series import ROW, Series, Table
from mugi.hardware.spans import Entries, ranges

ROWS_AT_ONCE = 512  # bounds memory where positions are gone through one by one
ROWS_LISTED = 200_000  # and where rows are
MOST = 2.0**62  # sums that int64 holds
EPSILON = 1e-6  # counts this close below a whole number are that number


def whole(count: np.ndarray) -> np.ndarray:
    """Return counts rounded down to whole events, as the published model truncates them."""
    rounded = np.add(count, EPSILON)
    return np.floor(rounded, out=rounded) if rounded.ndim else np.floor(rounded)


@dataclass
class Rows(Entries):
    """Rows of positions, one an entry: the run and profile, and columns low to high - 1 of it."""

    run: np.ndarray
    profile: np.ndarray
    row: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def end(self, series: Series, last: bool) -> np.ndarray:
        """Return the values of a series at the first or last column."""
        column = np.maximum(self.high - 1, 0) if last else np.minimum(self.low, ROW - 1)
        return series.cells(self.profile, self.row, column)

    def sums(self, series: Series) -> np.ndarray:
        """Return the sums of a series over the columns."""
        return sum(
            scale[self.profile, 0]
            * (
                table.cell(table.before, self.profile, self.high)
                - table.cell(table.before, self.profile, self.low)
                + self.row * (self.high - self.low) * table.cell(table.slope, self.profile, 0)
            )
            for scale, table in series.terms
        )

    def fractions(self, series: Series, numerator, divisor) -> np.ndarray:
        """Return the sums of a whole series times a fraction, one a row, each rounded down.

        The table of the series has a stride.
        """
        scale, table = series.single
        stride = np.broadcast_to(table.of(table.stride, self.profile), self.row.shape)
        unit = scale[self.profile] * table.cell(table.start, self.profile, 0)
        numerator = np.rint(unit).astype(np.int64) * numerator
        before = self.row * -(-ROW // stride)

        def upto(rows, column):
            ratio = numerator[rows], divisor[rows]
            steps = -(-column // stride[rows])
            full = stride[rows] * fractions(before[rows] + 1, steps, *ratio)
            return full - (-column % stride[rows]) * floors(before[rows] + steps, *ratio)

        total, late = upto(slice(None), self.high), np.flatnonzero(self.low)
        total[late] -= upto(late, self.low[late])
        return total

    def bent(self, numerator, divisor, bend) -> np.ndarray:
        """Return the sums of n r / (d b) rounded down, r the position, at least b within a row.

        n / d is the value up to position b of row 0, see `Table.bend`; all are whole numbers.
        """
        turn = np.clip(bend, self.low, self.high)
        ratio, start = (numerator, divisor * bend), ROW * self.row
        flat = (turn - self.low) * floors(start + bend, *ratio)
        return flat + fractions(start + turn + 1, self.high - turn, *ratio)

    def by_position(self, values: Callable) -> np.ndarray:
        """Return sums over the columns of values(row, profile), one a row.

        `values` takes rows of shape (n, 1) and as many profiles, and returns what broadcasts to
        (n, 256). It gets equal rows of many profiles at once, which may share work.
        """
        found, columns = np.zeros(len(self.row)), np.arange(ROW)
        small = np.min_scalar_type(self.row.max(initial=0))  # which sorts faster
        order = np.argsort(self.row.astype(small), kind="stable")
        for start in range(0, len(order), ROWS_AT_ONCE):
            part = order[start : start + ROWS_AT_ONCE]
            low, high = self.low[part, None], self.high[part, None]
            array = np.broadcast_to(
                values(self.row[part, None], self.profile[part]), (len(part), ROW)
            )
            found[part] = array.sum(axis=1)
            cut = np.flatnonzero((low > 0) | (high < ROW))
            kept = (columns >= low[cut]) & (columns < high[cut])
            found[part[cut]] = np.einsum("ij,ij->i", array[cut], kept)
        return found


class Runs:
    """The runs of a set of profiles: which profile, and which positions they decode.

    profile and seq_len have one value a run; positions first + 1 to seq_len are summed.
    """

    def __init__(self, profile: np.ndarray, seq_len: np.ndarray, first: int):
        self.profile, self.seq_len, self.first = profile, seq_len, first
        self.rows = (seq_len - 1) // ROW
        self.rest = seq_len - self.rows * ROW
        self.known: dict[Table, np.ndarray] = {}

    def regroup(self, index: np.ndarray) -> "Runs":
        """Return the same runs over other profiles; `index` maps each old one to its new one."""
        return Runs(index[self.profile], self.seq_len, self.first)

    def distinct(self) -> tuple["Runs", np.ndarray]:
        """Return these runs without repeats, and which of those each one is."""
        key = self.profile * (self.seq_len.max() + 1) + self.seq_len
        _, first, index = np.unique(key, return_index=True, return_inverse=True)
        return self.pick(first), index

    def pick(self, runs: np.ndarray) -> "Runs":
        """Return some of the runs."""
        return Runs(self.profile[runs], self.seq_len[runs], self.first)

    def each_row(self, chosen: np.ndarray | bool = True) -> Iterator[Rows]:
        """Yield the rows of chosen runs, or of all, some runs at a time."""
        runs = np.flatnonzero(np.broadcast_to(chosen, self.profile.shape))
        parts = np.cumsum(self.rows[runs] + 1) // ROWS_LISTED
        for part in np.split(runs, np.flatnonzero(np.diff(parts)) + 1):
            run, row = ranges(part, np.zeros_like(self.rows), self.rows)
            low = np.where(row == 0, self.first, 0)
            high = np.where(row == self.rows[run], self.rest[run], ROW)
            yield Rows(run, self.profile[run], row, low, high)

    def by_row(
        self, values: Callable[[Rows], np.ndarray], chosen: np.ndarray | bool = True
    ) -> np.ndarray:
        """Return sums of values(rows) over the rows of chosen runs, 0 for others: (runs,)."""
        total = np.zeros(len(self.profile))
        for rows in self.each_row(chosen):
            total += np.bincount(rows.run, values(rows), len(total))
        return total

    def sums(self, table: Table) -> np.ndarray:
        """Return the sum of a table, one value a run."""
        if table not in self.known:
            p, rows, rest = self.profile, self.rows, self.rest
            row, start, end = (
                table.cell(table.before, p, column) for column in (ROW, self.first, rest)
            )
            rise = table.cell(table.slope, p, 0) * rows * (ROW / 2 * (rows - 1) + rest)
            self.known[table] = rows * row + end - start + rise
        return self.known[table]

    def closed(self, series: Series) -> np.ndarray:
        """Return the sum of a series, one value a run."""
        return sum(scale[self.profile, 0] * self.sums(table) for scale, table in series.terms)

    def counts(self, series: Series) -> np.ndarray:
        """Return the sum of a series rounded down to whole events at every position."""
        scale, table = series.single
        total = np.rint(scale)[self.profile] * self.sums(table)
        if not series.whole.all():
            for profiles, sums in _kinds(series, self.rows.max(initial=0) + 1):
                some = np.flatnonzero(profiles[self.profile])
                if some.size:
                    total[some] = sums(self.pick(some))
        return total


def _kinds(series: Series, most_rows: int) -> list[tuple[np.ndarray, Callable]]:
    """Return how to sum counts rounded down: for which profiles, and sums(runs) of theirs."""
    scale, table = series.single
    everyone = np.arange(series.profiles)
    unit, slope = (scale * table.of(x, everyone)[:, 0] for x in (table.start, table.slope))
    ratio = fraction(np.where(unit > 0, unit, 1.0))
    total = (unit + slope * most_rows) * most_rows * ROW
    exact = (ratio[1] > 0) & (total * ratio[1] < MOST)  # in int64, as are all that it sums
    stride = np.where(exact, table.of(table.stride, everyone), 0)
    even = ~series.whole & (stride > 0)
    periodic = ~series.whole & ~even & (np.abs(slope - np.rint(slope)) <= EPSILON)
    rest = ~(series.whole | even | periodic)
    bend = np.zeros_like(stride)
    if rest.any():
        bend = np.where(rest & exact, table.of(table.bend, everyone), 0)

    def strides(runs):
        found = [x[runs.profile] for x in (*ratio, stride)]
        first = np.full_like(runs.rest, runs.first)
        return _fractions_upto(runs.rows, runs.rest, *found) - _fractions_upto(0, first, *found)

    def rows(runs):
        chosen, index = np.unique(runs.profile, return_inverse=True)
        start = whole(scale[chosen, None] * table.of(table.start, chosen))
        rounded = Table(start, np.rint(slope[chosen, None]), np.arange(len(chosen)))
        return Runs(index, runs.seq_len, runs.first).sums(rounded)

    def bends(runs):
        found = *ratio, bend
        return runs.by_row(lambda rows: rows.bent(*(x[rows.profile] for x in found)))

    def positions(runs):
        values = lambda row, profile: whole(series.at(row, profile))  # noqa: E731
        return runs.by_row(lambda rows: rows.by_position(values))

    return [(even, strides), (periodic, rows), (bend > 0, bends), (rest & (bend == 0), positions)]


def _fractions_upto(rows, rest, numerator, divisor, stride) -> np.ndarray:
    """Return the sum of floor(n i / d) over all positions, i rising by one every stride of a row.

    A row has whole strides and what is left of 256; its last i counts for that many positions.
    """
    each = -(-ROW // stride)
    i = rows * each - (-rest // stride)
    total = stride * fractions(0, i + 1, numerator, divisor)
    short = each * stride - ROW
    total -= short * fractions(0, np.where(short > 0, rows + 1, 0), numerator * each, divisor)
    return total - (-rest % stride) * floors(i, numerator, divisor)


def floors(i, numerator, divisor) -> np.ndarray:
    """Return n i / d rounded down."""
    return (numerator * i + np.floor(EPSILON * divisor).astype(np.int64)) // divisor


def fractions(first, count, numerator, divisor) -> np.ndarray:
    """Return the sum of n i / d rounded down, over `count` whole i from `first` on."""
    whole_part, numerator = np.divmod(numerator, divisor)
    shift = np.floor(EPSILON * divisor).astype(np.int64)
    total = whole_part * (first * count + count * (count - 1) // 2)
    return total + floor_sum(count, numerator * first + shift, numerator, divisor)
