"""Sums over decode steps, read at any length: in closed form where a quantity allows it.

Positions are counted from 1 and laid out in rows of 256, the off-chip tile. Everything a matrix
product does at position 256 a + r grows linearly in a for a given r, so a `Line` (256 values and a
slope) stands for all positions. What does not (counts rounded down, maxima that change hands, NoC
rules) is summed row by row, for the profiles that need it only.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mugi.hardware.tiling import OFFCHIP_TILE as ROW

POSITIONS = np.append(np.arange(1.0, ROW + 1), 2.0 * ROW)  # row 0, and the end of row 1
ROWS_AT_ONCE = 512  # bounds memory where positions are gone through one by one
EPSILON = 1e-6  # counts this close below a whole number are that number
Chosen = np.ndarray | slice
ALL = slice(None)


def whole(count: np.ndarray) -> np.ndarray:
    """Return counts rounded down to whole events, as the published model truncates them."""
    return np.floor(count + EPSILON)


@dataclass(frozen=True)
class Line:
    """A quantity at position 256 a + r: start[:, r - 1] + a slope, for each profile.

    start and slope have the shape (profiles, 256), or (profiles, 1) where all r have the same.
    """

    start: np.ndarray
    slope: np.ndarray

    @classmethod
    def through(cls, values: np.ndarray, profiles: int) -> "Line":
        """Return the line through values at POSITIONS, which broadcast to (profiles, 257)."""
        values = np.broadcast_to(values, (profiles, len(POSITIONS)))
        start, slope = values[:, :ROW], values[:, ROW:] - values[:, ROW - 1 : ROW]
        return cls(start[:, :1] if (start == start[:, :1]).all() else start, slope)

    def at(self, row: float | np.ndarray, chosen: Chosen = ALL) -> np.ndarray:
        """Return the values of a row, of shape (chosen profiles, 256)."""
        return self.start[chosen] + row * self.slope[chosen]

    def scaled(self, factor: np.ndarray) -> "Line":
        """Return the line times a factor of shape (profiles, 1)."""
        return Line(self.start * factor, self.slope * factor)

    def below(self, others: Iterable["Line"]) -> bool:
        """Return whether some other line is at least as high at all positions, in each profile."""
        found = np.zeros(len(self.start), dtype=bool)
        for other in others:
            found |= ((self.start <= other.start) & (self.slope <= other.slope)).all(axis=1)
        return bool(found.all())


class Runs:
    """The runs of a set of profiles: which profile, and which positions they decode.

    profile and seq_len have one value a run; positions first + 1 to seq_len are summed.
    """

    def __init__(self, profile: np.ndarray, seq_len: np.ndarray, first: int):
        self.profile = profile
        self.seq_len = seq_len
        self.rows = (seq_len - 1) // ROW
        self.rest = seq_len - self.rows * ROW
        self.first = first
        self.last_row = np.zeros(profile.max() + 1, dtype=int)
        np.maximum.at(self.last_row, profile, self.rows)
        self.edges = np.unique(np.append(self.rest, [first, ROW]))
        self.at_first, self.at_rest = (np.searchsorted(self.edges, x) for x in (first, self.rest))

    def upto(self, values: np.ndarray) -> np.ndarray:
        """Return sums of a row's first values, or of as many equal ones: (profiles, edges)."""
        if values.shape[1] == 1:
            return values * self.edges
        starts = np.append(0, self.edges[:-1])
        return np.cumsum(np.add.reduceat(values, starts, axis=1), axis=1)

    def regroup(self, index: np.ndarray) -> "Runs":
        """Return the same runs over other profiles; `index` maps each old one to its new one."""
        return Runs(index[self.profile], self.seq_len, self.first)

    def closed(self, line: Line) -> np.ndarray:
        """Return the sum of a line, one value a run."""
        starts, rows, rest, p = self.upto(line.start), self.rows, self.at_rest, self.profile
        total = rows * starts[p, -1] + starts[p, rest] - starts[p, self.at_first]
        if line.slope.shape[1] == 1:
            return total + line.slope[p, 0] * rows * (ROW / 2 * (rows - 1) + self.rest)
        slopes = self.upto(line.slope)
        return total + rows * ((rows - 1) / 2 * slopes[p, -1] + slopes[p, rest])

    def first_row(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of values in row 0 only, one value a run."""
        sums = self.upto(values)
        end = np.where(self.rows > 0, len(self.edges) - 1, self.at_rest)
        return sums[self.profile, end] - sums[self.profile, self.at_first]

    def by_row(self, values: Callable, chosen: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Sum values(row, profiles) over positions, for the runs of chosen profiles only.

        `values` takes rows of shape (n, 1) and as many profiles, and returns a list of arrays that
        broadcast to (n, 256). It gets equal rows of many profiles at once, which may share work.
        Returns the indices of the runs, and their sums of each array.
        """
        runs = np.flatnonzero(chosen[self.profile])
        reached = chosen[:, None] & (np.arange(self.last_row.max() + 1) <= self.last_row[:, None])
        row, profile = np.nonzero(reached.T)
        place = np.cumsum(reached.T).reshape(reached.T.shape).T - 1
        ending = place[self.profile[runs], self.rows[runs]]  # the row that each run ends in
        order = np.argsort(ending, kind="stable")
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for low in range(0, len(profile), ROWS_AT_ONCE):
            part = slice(low, low + ROWS_AT_ONCE)
            here = order[slice(*np.searchsorted(ending[order], (low, low + ROWS_AT_ONCE)))]
            arrays = values(row[part, None], profile[part])
            if not found:
                found = [(np.zeros(reached.shape), np.zeros(len(runs))) for _ in arrays]
            for (sums, partial), array in zip(found, arrays, strict=True):
                array = np.broadcast_to(array, (len(row[part]), ROW))
                sums[profile[part], row[part]] = array.sum(axis=1)
                zero = row[part] == 0
                if zero.any():
                    sums[profile[part][zero], 0] = array[zero, self.first :].sum(axis=1)
                kept = np.arange(ROW) < self.rest[runs[here], None]
                kept &= (np.arange(ROW) >= self.first) | (self.rows[runs[here], None] > 0)
                partial[here] = (array[ending[here] - low] * kept).sum(axis=1)
        before = [np.cumsum(sums, axis=1) - sums for sums, _ in found]
        ends = self.profile[runs], self.rows[runs]
        return runs, [b[ends] + partial for b, (_, partial) in zip(before, found, strict=True)]

    def counts(self, line: Line) -> np.ndarray:
        """Return the sum of a line rounded down to whole events at every position."""
        slope = np.rint(line.slope)
        uneven = (np.abs(line.slope - slope) > EPSILON)[:, 0]
        total = self.closed(Line(whole(line.start), slope))
        if uneven.any():
            runs, (sums,) = self.by_row(lambda row, chosen: [whole(line.at(row, chosen))], uneven)
            total[runs] = sums
        return total
