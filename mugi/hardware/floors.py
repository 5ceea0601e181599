"""Sums of fractions rounded down, without going through them."""

from collections.abc import Callable

import numpy as np

MOST_DENOMINATOR = 10**7
EXACT = 2.0**52  # floats divide smaller whole numbers so that rounding down is right, and faster
AT_ONCE = 8192  # sums whose arguments fit a cache


def floor_sum(count, first, step, divisor) -> np.ndarray:
    """Return the sum of floor((first + step i) / divisor) over i from 0 to count - 1.

    Arguments are whole numbers of at least 0, int64 or numbers that fit it.
    """
    arguments = np.broadcast_arrays(
        *(np.asarray(x, np.int64) for x in (count, first, step, divisor))
    )
    total = np.empty(arguments[0].size, np.int64)
    flat = [x.ravel() for x in arguments]
    for start in range(0, total.size, AT_ONCE):
        part = [x[start : start + AT_ONCE] for x in flat]
        wide = [x.astype(float) for x in part]
        largest = (wide[1] + wide[2] * wide[0]) * np.maximum(wide[0], 1)
        if largest.max(initial=0) < EXACT:
            found = _floor_sum(*wide, lambda x, y: np.floor(x / y))
        else:
            found = _floor_sum(*part, np.floor_divide)
        total[start : start + AT_ONCE] = found
    return total.reshape(arguments[0].shape)


def _floor_sum(count, first, step, divisor, divide: Callable) -> np.ndarray:
    """Return the sums of `floor_sum` for arrays of one dimension.

    What is left after whole multiples are the points of a lattice below a line; seen from the other
    axis the line is one with divisor and step swapped, as in Euclid's algorithm.
    """
    total, active = np.zeros_like(count), np.arange(count.size)
    while active.size:
        whole_step, whole_first = divide(step, divisor), divide(first, divisor)
        total[active] += whole_step * divide(count * (count - 1), 2) + whole_first * count
        step = step - whole_step * divisor
        end = first - whole_first * divisor + step * count
        kept = np.flatnonzero(end >= divisor)
        if kept.size < active.size:
            active, end, step, divisor = active[kept], end[kept], step[kept], divisor[kept]
        count = divide(end, divisor)
        first = end - count * divisor
        step, divisor = divisor, step
    return total


def fraction(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of positive numbers; a denominator of 0 if none is small."""
    numerator, denominator = np.floor(value), np.ones_like(value)
    before, below, rest = np.ones_like(value), np.zeros_like(value), value - numerator
    for _ in range(40):
        off = np.abs(value * denominator - numerator) > 4e-15 * value * denominator
        off &= denominator < MOST_DENOMINATOR
        if not off.any():
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            digit, left = np.floor(1 / rest), 1 / rest - np.floor(1 / rest)
        numerator, before = np.where(off, digit * numerator + before, numerator), numerator
        denominator, below = np.where(off, digit * denominator + below, denominator), denominator
        rest = left
    found = np.abs(value * denominator - numerator) <= 4e-15 * value * denominator
    found &= denominator < MOST_DENOMINATOR
    return np.where(found, numerator, 0).astype(np.int64), np.where(found, denominator, 0).astype(
        np.int64
    )
