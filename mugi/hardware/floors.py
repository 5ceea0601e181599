"""Sums of fractions rounded down, without going through them."""

import numpy as np

MOST_DENOMINATOR = 10**7


def floor_sum(count, first, step, divisor) -> np.ndarray:
    """Return the sum of floor((first + step i) / divisor) over i from 0 to count - 1.

    Arguments are whole numbers of at least 0. What is left after whole multiples are the points of
    a lattice below a line; seen from the other axis the line is one with divisor and step swapped,
    as in Euclid's algorithm.
    """
    count, first, step, divisor = np.broadcast_arrays(
        *(np.asarray(x, np.int64) for x in (count, first, step, divisor))
    )
    total, active = np.zeros(count.shape, np.int64), np.arange(count.size)
    while active.size:
        whole_step, step = np.divmod(step, divisor)
        whole_first, first = np.divmod(first, divisor)
        whole = whole_step * (count * (count - 1) // 2) + whole_first * count
        end = first + step * count
        total[active] += whole
        kept = end >= divisor
        active = active[kept]
        end, count, step, divisor = (x[kept] for x in (end, count, step, divisor))
        count, first = np.divmod(end, divisor)
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
