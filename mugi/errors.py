"""Mistakes in the user's input: where, what, what is allowed, the nearest valid name.

Everything that reads input raises `InputError` with all the mistakes it finds; they become text
here and nowhere else, one line each. Code that knows more about the place adds it with `at`.
"""

import difflib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

LONGEST = 1000  # characters of each part of a mistake


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong.

    what: the mistake, in words; where: file, line, key or option it is in, from the outside in;
    allowed: what may stand there; nearest: the one of these most like what does stand there.
    """

    what: str
    where: str = ""
    allowed: tuple[str, ...] = ()
    nearest: str = ""

    def at(self, place: object) -> "Mistake":
        """Return the mistake in a place (a file, a line, a key), outside of `where`."""
        return replace(self, where=f"{place}: {self.where}" if self.where else str(place))

    def __str__(self) -> str:
        line = f"{shown(self.where)}: {shown(self.what)}" if self.where else shown(self.what)
        line += f" (did you mean '{shown(self.nearest)}'?)" if self.nearest else ""
        return f"{line}; one of: {shown(', '.join(self.allowed))}" if self.allowed else line


class InputError(ValueError):
    """Bad input: one or more mistakes, which go to the user without a traceback, one line each."""

    def __init__(self, *mistakes: Mistake | str):
        self.mistakes = tuple(
            one
            for mistake in mistakes
            for one in (
                [mistake] if isinstance(mistake, Mistake) else map(Mistake, mistake.split("\n"))
            )
        )
        super().__init__(*map(str, self.mistakes))

    def at(self, place: object) -> "InputError":
        """Return the error with all its mistakes in a place: `raise error.at(path) from None`."""
        return type(self)(*(mistake.at(place) for mistake in self.mistakes))

    def __str__(self) -> str:
        return "\n".join(map(str, self.mistakes))


def shown(text: str) -> str:
    """Return text for a line of a terminal: cut where it is long, other than letters as escapes.

    What files hold stands in mistakes: megabytes of it, ends of lines, commands of terminals.
    """
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def closest(name: object, choices: Iterable[object], cutoff: float = 0.5) -> str:
    """Return the choice most like `name`, or an empty string if none is like it."""
    similar = difflib.get_close_matches(str(name), [str(choice) for choice in choices], 1, cutoff)
    return similar[0] if similar else ""


def unknown(kind: str, name: object, choices: Iterable[object]) -> Mistake:
    """Return the mistake of a name that is not one of `choices`."""
    choices = tuple(str(choice) for choice in choices)
    return Mistake(f"unknown {kind} '{name}'", allowed=choices, nearest=closest(name, choices))


def raise_all(mistakes: Sequence[Mistake | str]) -> None:
    """Raise InputError with all `mistakes`, if there are any."""
    if mistakes:
        raise InputError(*mistakes)


def check_file(path: object) -> None:
    """Raise InputError unless there is a file: a pipe may wait for ever, a device have no end."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InputError(Mistake(error.strerror, str(path))) from None
    if not stat.S_ISREG(mode):
        what = "is a folder" if stat.S_ISDIR(mode) else "is a pipe or a device"
        raise InputError(Mistake(f"{what}, not a file", str(path)))


def first_line(error: Exception) -> str:
    """Return the first line of what a library's exception says, or else the exception's name.

    A line that ends with a colon says nothing without the next.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    count = next((n for n, line in enumerate(lines, 1) if not line.endswith(":")), len(lines))
    return " ".join(lines[:count]) or type(error).__name__
