"""Quantities over decode steps, for many profiles that share what they can.

Positions are counted from 1 and laid out in rows of 256, the off-chip tile. What a matrix product
does at position 256 a + r grows linearly in a for a given r, so a `Table` (256 values and a slope)
stands for all positions. Profiles of the same shape share a row of it; a `Series` is the sum of
tables, each scaled for every profile, and takes part in arithmetic like an array.
"""

from functools import cached_property

import numpy as np

from mugi.hardware.tiling import OFFCHIP_TILE as ROW

POSITIONS = np.append(np.arange(1.0, ROW + 1), 2.0 * ROW)[None, :]  # row 0, and the end of row 1
INTEGER = 1e-13  # relative distance from a whole number that arithmetic may leave


class Table:
    """Values at position 256 a + r: start[k, r - 1] + a slope[k, 0]; `key` is each profile's k.

    start has the shape (keys, 256), or (keys, 1) where all r have the same; slope (keys, 1). A
    table of one key is for all profiles.
    """

    def __init__(self, start: np.ndarray, slope: np.ndarray, key: np.ndarray | None = None):
        self.start = start[:, :1] if (start == start[:, :1]).all() else start
        self.slope = slope
        self.key = key if len(start) > 1 else None

    @classmethod
    def through(cls, values: np.ndarray, key: np.ndarray | None = None) -> "Table":
        """Return the table of values at POSITIONS: (keys, 257)."""
        return cls(values[:, :ROW], values[:, ROW:] - values[:, ROW - 1 : ROW], key)

    def of(self, values: np.ndarray, profile: np.ndarray) -> np.ndarray:
        """Return the rows that profiles have of an array with one a key."""
        return values if self.key is None else values[self.key[profile]]

    def at(self, row: np.ndarray, profile: np.ndarray) -> np.ndarray:
        """Return the values of rows of profiles, or what broadcasts to their (n, 256)."""
        return self.of(self.start, profile) + self.of(self.slope, profile) * row

    def cell(self, values: np.ndarray, profile: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return one value of each profile's row of an array with one a key."""
        column = column if values.shape[1] > 1 else 0
        return values[0 if self.key is None else self.key[profile], column]

    def spread(self, profiles: int) -> "Table":
        """Return the table with a key a profile."""
        everyone = np.arange(profiles)
        return Table(self.of(self.wide, everyone), self.of(self.slope, everyone), everyone)

    @cached_property
    def wide(self) -> np.ndarray:
        """Return the start for every r: (keys, 256)."""
        return np.broadcast_to(self.start, (len(self.start), ROW))

    @cached_property
    def before(self) -> np.ndarray:
        """Return sums of the first 0 to 256 values of row 0: (keys, 257)."""
        return np.hstack([np.zeros((len(self.start), 1)), np.cumsum(self.wide, axis=1)])

    @cached_property
    def whole(self) -> np.ndarray:
        """Return which keys have whole numbers at all positions."""
        return np.all(self.start == np.rint(self.start), axis=1) & (self.slope % 1 == 0)[:, 0]

    @cached_property
    def stride(self) -> np.ndarray:
        """Return n where a row rises by its first value every n positions, and 0 elsewhere."""
        unit = self.start[:, :1]
        length = np.sum(self.wide == unit, axis=1)
        steps = unit * np.ceil(POSITIONS[:, :ROW] / length[:, None])
        regular = (self.wide == steps).all(axis=1) & (self.slope == steps[:, -1:])[:, 0]
        return np.where(regular & (unit > 0)[:, 0], length, 0)

    @cached_property
    def bend(self) -> np.ndarray:
        """Return n where a row stays at its first value up to position n, and rises in proportion
        to the position from there on; 0 elsewhere."""
        unit, position = self.start[:, :1], POSITIONS[:, :ROW]
        length = np.sum(self.wide == unit, axis=1)[:, None]
        bent = unit * np.maximum(position, length) / length
        near = np.abs(self.wide - bent) <= INTEGER * self.wide
        far = np.abs(self.slope * length - unit * ROW) > INTEGER * unit * ROW
        return np.where(near.all(axis=1) & ((unit > 0) & ~far)[:, 0], length[:, 0], 0)

    @cached_property
    def line(self) -> np.ndarray:
        """Return offset and rise (2, keys) where values are offset + rise s, and NaN elsewhere."""
        rise = self.slope / ROW
        offset = self.start[:, :1] - rise
        near = np.abs(self.wide - offset - rise * POSITIONS[:, :ROW]) <= INTEGER * np.abs(self.wide)
        return np.where(near.all(axis=1), np.hstack([offset, rise]).T, np.nan)

    @cached_property
    def rising(self) -> bool:
        """Return whether values never fall within a row."""
        return bool((np.diff(self.start, axis=1) >= 0).all())


ONES = Table(np.ones((1, 1)), np.zeros((1, 1)))


class Series(np.lib.mixins.NDArrayOperatorsMixin):
    """The sum of `terms`: scales of shape (profiles, 1), each times a table.

    Scaling and adding keep tables shared. Other arithmetic makes a table with a key a profile.
    """

    def __init__(self, terms: list[tuple[np.ndarray, Table]], profiles: int):
        merged: dict[int, tuple[np.ndarray, Table]] = {}
        for scale, table in terms:
            if id(table) in merged:
                scale = merged[id(table)][0] + scale
            merged[id(table)] = scale, table
        kept = [(np.broadcast_to(s, (profiles, 1)), t) for s, t in merged.values() if np.any(s)]
        self.terms = kept or [(np.zeros((profiles, 1)), ONES)]
        self.profiles = profiles

    @classmethod
    def of(cls, value: object, profiles: int) -> "Series":
        """Return a number, an array that broadcasts to (profiles, 257) or a series as a series."""
        if isinstance(value, Series):
            return value
        if not _varies(value):
            return cls([(np.asarray(value, float), ONES)], profiles)
        return cls([(np.ones(1), Table.through(value, np.arange(profiles)))], profiles)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Return the values at POSITIONS: (profiles, 257)."""
        everyone = np.arange(self.profiles)
        values = [
            scale * table.of(np.hstack([table.wide, table.wide[:, -1:] + table.slope]), everyone)
            for scale, table in self.terms
        ]
        return sum(values)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        """Return the result of a numpy function, or operator, on series, arrays and numbers."""
        first, last = inputs[0], inputs[-1]
        if ufunc in (np.add, np.subtract):
            terms = list(Series.of(first, self.profiles).terms)
            for scale, table in Series.of(last, self.profiles).terms:
                terms.append((ufunc(0.0, scale), table))
            return Series(terms, self.profiles)
        if ufunc in (np.multiply, np.divide) and not _varies(last):
            return Series([(ufunc(s, last), t) for s, t in first.terms], self.profiles)
        if ufunc is np.multiply and not _varies(first):
            return Series([(first * s, t) for s, t in last.terms], self.profiles)
        result = getattr(ufunc, method)(*map(np.asarray, inputs), **options)
        return result if result.dtype == bool else Series.of(result, self.profiles)

    def sum(self, axis=None, out=None) -> float:
        """Return a number that is finite if all values are."""
        return sum(float(np.sum(s)) * float(np.sum(t.start + t.slope)) for s, t in self.terms)

    def at(self, row: np.ndarray, profile: np.ndarray, known: dict | None = None) -> np.ndarray:
        """Return the values of rows of profiles, or what broadcasts to their (n, 256).

        `known` keeps values of tables for other series in the same rows.
        """
        total, known = 0.0, {} if known is None else known
        for scale, table in self.terms:
            if table not in known:
                known[table] = table.at(row, profile)
            values = scale[profile] * known[table]
            total = total + values if len(self.terms) > 1 else values
        return total

    def cells(self, profile: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return one value of each of some profiles."""
        return sum(
            scale[profile, 0]
            * (table.cell(table.start, profile, column) + row * table.cell(table.slope, profile, 0))
            for scale, table in self.terms
        )

    @cached_property
    def single(self) -> tuple[np.ndarray, Table]:
        """Return the scale, one a profile, and the only table that makes the series."""
        series = self if len(self.terms) == 1 else Series.of(np.asarray(self), self.profiles)
        scale, table = series.terms[0]
        return scale[:, 0], table

    @cached_property
    def line(self) -> np.ndarray:
        """Return offset and rise, (2, profiles), of values that are a line; NaN for others."""
        everyone = np.arange(self.profiles)
        return sum(scale[:, 0] * table.of(table.line.T, everyone).T for scale, table in self.terms)

    @cached_property
    def whole(self) -> np.ndarray:
        """Return which profiles have whole numbers at all positions."""
        scale, table = self.single
        near = np.abs(scale - np.rint(scale)) <= INTEGER * np.abs(scale)
        return near & table.of(table.whole, np.arange(self.profiles))


def _varies(value: object) -> bool:
    return isinstance(value, Series) or np.shape(value)[-1:] == POSITIONS.shape[-1:]
