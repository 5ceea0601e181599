"""Whether a block that was filled in before says the same as one of now."""

import re

from mugi.compare import inside, near

NUMBER = r"[-+]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER}) \[({NUMBER}), ({NUMBER})\]")
DECIMAL = re.compile(r"[-+]?\d+\.\d+")


def equal(old: str, new: str) -> bool:
    """Whether a block says the same: hardware, carbon, verdicts, the schema."""
    return old == new


def measured(old: str, new: str) -> bool:
    """Whether every measured number lies in the interval printed before, and all else is equal."""
    before, after = INTERVAL.findall(old), INTERVAL.findall(new)
    within = all(
        inside(float(value), float(low), float(high))
        for (_, low, high), (value, *_) in zip(before, after, strict=False)
    )
    old, new = INTERVAL.sub("#", old), INTERVAL.sub("#", new)
    decimals = zip(DECIMAL.findall(old), DECIMAL.findall(new), strict=False)
    alike = all(as_printed(before, after) for before, after in decimals)
    return within and alike and DECIMAL.sub("#", old) == DECIMAL.sub("#", new)


def told(old: str, new: str) -> bool:
    """The same of numbers of which another machine may tell one from 0, or not."""
    old, new = (text.replace("not told from 0", "told from 0") for text in (old, new))
    return measured(old, new)


def as_printed(before: str, after: str) -> bool:
    """Whether two decimals differ by the tolerance, or by what rounding in print can make of it."""
    unit = 10.0 ** -len(before.partition(".")[2])
    return bool(near(float(after), float(before), slack=1.001 * unit))


def unchecked(old: str, new: str) -> bool:
    """Times and sizes are those of one machine."""
    return True
