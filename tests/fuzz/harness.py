"""What a parser may do with any input: take it, or refuse it in short whole lines, soon and small.

A `Parser` is a way to make inputs and a use of what was read. `fuzz` puts inputs through it and
counts. Anything but an `InputError` is a bug, and goes up as it is.
"""

import contextlib
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from hypothesis.strategies import SearchStrategy

from mugi.cli import main
from mugi.errors import InputError
from mugi.hardware import library, model, technology

# of processor time; two that fuzz beside each other may share one core
SECONDS = 4.0 if "MUGI_FUZZ_SECONDS" in os.environ else 2.0
HANGS_S = 60.0  # of the clock: an input that waits for something
MEMORY = 1 << 30  # bytes that an input may add to those of the process
LONGEST_LINE = 4000  # characters of a mistake
BATCH = 200  # inputs that hypothesis makes from one seed
COMMANDS = 5  # refused inputs that are also given to the command


@dataclass(frozen=True)
class Parser:
    """A kind of input: how inputs are made, and what becomes of one.

    use: reads an input, in a folder for files, and does with it what follows; good: inputs it must
    take; seeds: those that once went wrong; command: the arguments of `mugi` that read an input
    (None: none does); quick: inputs that the fast tests try.
    """

    name: str
    inputs: SearchStrategy
    use: Callable[[object, Path], object]
    good: tuple = ()
    seeds: tuple = ()
    command: Callable[[object, Path], list[str]] | None = None
    quick: int = 10


@dataclass
class Tally:
    """What came of the inputs so far; slowest_s in processor seconds."""

    tried: int = 0
    taken: int = 0
    commands: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    began_s: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return (
            f"{self.tried:,} inputs in {time.monotonic() - self.began_s:.0f} s, "
            f"{self.taken:,} taken, {self.commands} of the rest by the command; slowest "
            f"{self.slowest_s:.2f} s: {self.slowest[:60]}; peak of the process {peak_mb:,.0f} MB"
        )


class Stuck(BaseException):
    """An input that takes too long; no handler of the package can catch it."""


def fuzz(parser: Parser, folder: Path, count: int, seconds: float) -> Tally:
    """Put up to `count` inputs through a parser for up to `seconds`, and return what came of it.

    Good inputs come first, unwatched: they import and compile what all others need.
    """
    for one in parser.good:
        parser.use(one, folder)
    tally, batch = Tally(), 0
    with _limited_memory():
        for one in parser.seeds:
            _try(parser, one, folder, tally)
        while tally.tried < count and time.monotonic() - tally.began_s < seconds:
            _batch(parser, folder, tally, batch, min(BATCH, count))
            _forget()
            batch += 1
    return tally


def _batch(parser: Parser, folder: Path, tally: Tally, seed: int, size: int) -> None:
    """Try the inputs of one seed; a failure is shrunk and shown by hypothesis."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=size,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(parser.inputs)
    def each(one: object) -> None:
        _try(parser, one, folder, tally)

    each()


def _try(parser: Parser, one: object, folder: Path, tally: Tally) -> None:
    """Put one input through a parser, watched."""
    began, refused = time.process_time(), None
    try:
        with _watched():
            parser.use(one, folder)
        tally.taken += 1
    except InputError as error:
        refused = error
    spent = time.process_time() - began
    tally.tried += 1
    if spent > tally.slowest_s:
        tally.slowest_s, tally.slowest = spent, " ".join(repr(one).split())
    if refused is None:
        return
    check_lines(refused)
    if parser.command and tally.commands < COMMANDS:
        tally.commands += 1
        check_command(parser.command(one, folder))


def check_lines(error: InputError) -> None:
    """Assert that mistakes are whole lines of words that a terminal can show."""
    assert error.mistakes
    for line in map(str, error.mistakes):
        assert line.strip() and len(line) <= LONGEST_LINE, line[:200]
        assert "Traceback" not in line, line
        assert line.isprintable(), ascii(line)


def check_command(arguments: list[str]) -> None:
    """Assert that the command refuses its arguments: status 2 and nothing but lines of its own."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    assert status == 2, (arguments, status, err.getvalue())
    assert all(line.startswith("mugi") for line in err.getvalue().splitlines()), err.getvalue()
    assert out.getvalue() == "", out.getvalue()


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Raise Stuck where what is inside takes too long."""

    def stop(number: int, frame: object) -> None:
        raise Stuck(f"more than {SECONDS} s" if number == signal.SIGPROF else "waits")

    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    before = {number: signal.signal(number, stop) for number in timers}
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, HANGS_S)
        yield
    finally:
        for number, timer in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    """Let the process have MEMORY more than it has; what wants more gets a MemoryError.

    Only Linux keeps such limits.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform != "linux":
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _forget() -> None:
    """Empty the caches of files: thousands of them stand in for the few of one run."""
    for cached in (library.parsed, model._checked, model._translated, technology._checked):
        cached.cache_clear()
