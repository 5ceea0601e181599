"""`mugi evaluate`: a table of configurations, grids of them, or one with a readable breakdown."""

import argparse
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from mugi.assumptions import REGISTRY, pairs
from mugi.errors import InputError
from mugi.files import check_writable, parse_yaml, write_tables
from mugi.hardware.check import checked
from mugi.hardware.report import describe
from mugi.hardware.sweep import KEYS, MOST_RUNS, breakdown, expand, stream

RUNS_BROKEN_DOWN = 5000  # at a time; their components take about 100 MB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mugi evaluate`."""
    parser.add_argument("runs", nargs="?", help="CSV of configurations, one a row")
    parser.add_argument("--grid", help="YAML list of grids; every combination is a run")
    parser.add_argument("-o", "--output", help="results as .csv or .parquet")
    parser.add_argument("--breakdown", help="results by component as .csv or .parquet")
    single = parser.add_argument_group("one configuration, printed")
    for key in KEYS:
        single.add_argument(f"--{key.replace('_', '-')}")
    single.add_argument(
        "--assume", action="append", default=[], metavar="NAME=VALUE", help="flip an assumption"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate what the arguments ask for; print one configuration, or write tables."""
    chosen = {key: getattr(args, key) for key in KEYS if getattr(args, key) is not None}
    if (args.runs is not None) + (args.grid is not None) + bool(chosen) != 1:
        raise InputError("give a CSV of runs, --grid FILE, or one configuration by its options")
    if args.assume and not chosen:
        raise InputError("--assume is for one configuration; tables have assumption.<name> columns")
    for path in (args.output, args.breakdown):
        if path and not path.endswith((".csv", ".parquet")):
            raise InputError(f"'{path}' must end in .csv or .parquet")
    if chosen:
        flips = pairs(args.assume, "--assume", REGISTRY)
        runs = pd.DataFrame([chosen | {f"assumption.{name}": flips[name] for name in flips}])
    elif args.grid:
        runs = expand(_grids(args.grid))
    else:
        runs = read_runs(args.runs)
    fitted = []
    results = _noted(stream(runs, progress=True), fitted)
    try:
        first = next(results)
    except InputError as error:
        raise InputError(str(error) if args.runs else _without_lines(str(error))) from error
    results = itertools.chain([first], results)
    for path in filter(None, (args.output, args.breakdown)):
        check_writable(path)
    if args.output:
        write_tables(results, args.output)
    if chosen:
        print(describe(first.iloc[0], breakdown(runs)))
    elif not args.output:
        for number, table in enumerate(results):
            if not args.breakdown:
                table.to_csv(sys.stdout, index=False, header=number == 0)
    if args.breakdown:
        write_tables(breakdowns(runs), args.breakdown)
    if count := sum(fitted):
        print(
            f"mugi evaluate: {count} runs have SRAM sizes CACTI was not run for; their SRAM costs"
            " are fitted (docs/hardware.md)",
            file=sys.stderr,
        )
    return 0


def _without_lines(text: str) -> str:
    """Return mistakes of runs that are no lines of a file, each kind once."""
    return "\n".join(dict.fromkeys(re.sub(r"^line \d+: ", "", line) for line in text.splitlines()))


def read_runs(path: str) -> pd.DataFrame:
    """Read a CSV of configurations; raises InputError if it is not there or not a table.

    A file of more than MOST_RUNS lines is not read.
    """
    try:
        with open(path, "rb") as file:
            lines = sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))
        if lines > MOST_RUNS + 1:
            raise InputError(f"'{path}' has {lines:,} lines, more than {MOST_RUNS:,} runs")
        return pd.read_csv(path, low_memory=False)
    except OSError as error:
        raise InputError(f"'{path}': {error.strerror}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not a CSV table: {str(error).strip()}") from error


def _noted(tables: Iterable[pd.DataFrame], fitted: list[int]) -> Iterator[pd.DataFrame]:
    """Pass tables on, and note how many of their runs have fitted SRAM costs."""
    for table in tables:
        fitted.append(int(table["sram_fitted"].sum()))
        yield table


def breakdowns(runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield what `breakdown` returns for a few runs at a time."""
    runs = checked(runs)
    for low in range(0, len(runs), RUNS_BROKEN_DOWN):
        yield breakdown(runs[low : low + RUNS_BROKEN_DOWN])


def _grids(path: str) -> list[dict]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"'{path}': {error.strerror}") from error
    grids = parse_yaml(path, text, list).content
    if not all(isinstance(grid, dict) for grid in grids):
        raise InputError(f"'{path}' must be a list of grids, each mapping columns to values")
    lines = [
        f"'{path}': grid {number}: {key} must be a value or a list of values"
        for number, grid in enumerate(grids, 1)
        for key, value in grid.items()
        if any(isinstance(v, dict | list) for v in (value if isinstance(value, list) else [value]))
    ]
    if lines:
        raise InputError(*lines)
    return grids
