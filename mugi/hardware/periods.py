"""Counts in proportion to the position, rounded down: what that leaves out repeats itself.

A count of n s / d at position s has the same rest after d positions. Units that are busy as long as
each other but for rounding thus leave out the same again after the least common multiple of all d.
"""

import numpy as np

from mugi.hardware.floors import fraction
from mugi.hardware.series import INTEGER
from mugi.hardware.spans import position_sums
from mugi.hardware.steps import whole

LONGEST = 1 << 31  # a period that no sequence has


class Proportional:
    """Units of an operation, as far as their counts and cycles are in proportion to the position.

    known: profiles where all units that may be the busiest are, with the same cycles; period: of
    what they leave out; rise: cycles a position. All have one value a profile.
    """

    def __init__(self, operation):
        profiles = len(operation.everyone)
        self.pattern, self.units = operation.pattern, []
        self.known, self.period = np.ones(profiles, dtype=bool), np.ones(profiles, dtype=np.int64)
        self.rise = np.zeros(profiles)
        for names, alive in zip(operation.units.values(), operation.alive, strict=True):
            cycles, count = (x[names[0]].line for x in (operation.cycles, operation.counts))
            fine = (cycles[0] == 0) & (count[0] == 0) & (count[1] > 0) & (len(names) == 1)
            divisor = fraction(np.where(fine, count[1], 1.0))[1]
            rise = np.where(self.rise > 0, self.rise, cycles[1])
            fine &= (divisor > 0) & (np.abs(rise - cycles[1]) <= INTEGER * rise)
            self.known &= fine | ~alive
            self.rise = np.where(fine & alive, rise, self.rise)
            period = np.minimum(np.lcm(self.period, np.maximum(divisor, 1)), LONGEST)
            self.period = np.where(fine & alive, period, self.period)
            with np.errstate(all="ignore"):
                self.units.append((alive, count[1], cycles[1] / count[1]))

    def sums(self, profile: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return what the busiest unit takes at positions first to last of known profiles."""
        total, pattern = np.zeros(len(profile)), self.pattern[profile]
        for one in np.unique(pattern):
            some = np.flatnonzero(pattern == one)
            total[some] = self._sums(profile[some], first[some], last[some])
        return total

    def _sums(self, profile, first, last) -> np.ndarray:
        """Return the sums of profiles with the same units left."""
        units = [(c[profile], e[profile]) for alive, c, e in self.units if alive[profile[0]]]
        count, rise = last - first + 1, self.rise[profile]
        times, rest = np.divmod(count, self.period[profile])

        def left_out(rows, position):
            longest = 0.0
            for rate, each in units:
                longest = np.maximum(longest, each[rows] * whole(rate[rows] * position))
            again = times[rows] + (position - first[rows] < rest[rows])
            return again * (rise[rows] * position - longest)

        missing = position_sums(left_out, first, 1, np.minimum(count, self.period[profile]))
        return rise * count * (first + last) / 2 - missing
