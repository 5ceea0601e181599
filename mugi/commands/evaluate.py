"""`mugi evaluate`: a table of configurations, grids of them, or one with a readable breakdown."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from mugi.assumptions import REGISTRY, pairs
from mugi.commands.configuration import add_configuration
from mugi.commands.output import as_json, closing, rows
from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, check_file, raise_all
from mugi.files import check_outputs, read_table, write_tables
from mugi.hardware.evaluate import breakdown, breakdowns, evaluate, stream
from mugi.hardware.model import translation
from mugi.hardware.report import describe
from mugi.hardware.runs import KEYS, MOST_RUNS, expand, mistakes_by_run
from mugi.shards import Shard

# column -> what is said of the runs for which it is true
NOTES = {
    "sram_fitted": "runs have SRAM sizes CACTI was not run for; their SRAM costs are fitted"
    " (docs/reference/design.md)",
    "sram_extrapolated": "of them have SRAMs smaller or larger than all that CACTI was run for,"
    " whose costs may be far off",
    "exceeds_dram": "runs keep more weights and KV cache than the technology has DRAM"
    " (weight_bytes, kv_cache_bytes; capacity_gb of dram_device)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mugi evaluate`."""
    parser.add_argument(
        "runs", nargs="?", help="table of configurations, one a row (docs/reference/outputs.md)"
    )
    parser.add_argument("--grid", help="YAML list of grids; every combination is a run")
    parser.add_argument(
        "--shard",
        metavar="K/N",
        help="only part K of N of the runs; `mugi collect` puts the tables of all below each other",
    )
    parser.add_argument("-o", "--output", help="results as .csv or .parquet")
    parser.add_argument("--breakdown", help="results by component as .csv or .parquet")
    single = parser.add_argument_group("one configuration, printed")
    add_configuration(single)
    single.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="flip an assumption on top of the preset (repeat for more); `mugi assumptions` lists "
        "names and values",
    )
    single.add_argument("--json", action="store_true", help="print result and components as JSON")


def run(args: argparse.Namespace) -> int:
    """Evaluate what the arguments ask for; print one configuration, or write tables."""
    chosen = {key: getattr(args, key) for key in KEYS if getattr(args, key) is not None}
    if (args.runs is not None) + (args.grid is not None) + bool(chosen) != 1:
        raise InputError("give a CSV of runs, --grid FILE, or one configuration by its options")
    if args.assume and not chosen:
        raise InputError("--assume is for one configuration; tables have assumption.<name> columns")
    if args.json and not chosen:
        raise InputError("--json is for one configuration; tables are .csv or .parquet")
    if args.runs:
        runs = read_runs(args.runs)
    else:
        runs = one_run(chosen, args.assume) if chosen else expand(read_grids(args.grid))
    if args.shard:
        runs = _part(runs, args.shard)
    try:  # nothing is written if runs are wrong
        tables = [evaluate(runs)] if chosen else stream(runs, progress=True)
    except InputError:
        if not args.runs:  # runs that are no lines of a file share their mistakes
            raise_all(list(dict.fromkeys(mistake for _, mistake in mistakes_by_run(runs))))
        raise
    check_outputs([args.output, args.breakdown])
    if chosen:
        [result], parts = rows(tables[0]), breakdown(runs)
        as_text = as_json(result | {"components": rows(parts)}) if args.json else ""
        print(as_text or describe(tables[0].iloc[0], parts))
        if read := translation(chosen["model"]):
            print(*(f"config.json, {note}" for note in read.notes), sep="\n", file=sys.stderr)
    noted = dict.fromkeys(NOTES, 0)
    results = _noted(tables, noted)
    if args.output:
        write_tables(results, args.output)
    else:
        for number, table in enumerate(results):
            if not chosen and not args.breakdown:
                table.to_csv(sys.stdout, index=False, header=number == 0)
    if args.breakdown:
        write_tables(breakdowns(runs), args.breakdown)
    tell_notes("evaluate", noted)
    closing(
        {
            args.output or "stdout": f"{len(runs):,} run{'s' * (len(runs) > 1)}",
            args.breakdown: "by component",
        },
        beside_data=bool(chosen) or not (args.output or args.breakdown),
    )
    return 0


def tell_notes(command: str, noted: Mapping[str, int]) -> None:
    """Print the notes on results: column of NOTES -> number of runs for which it is true."""
    for column, count in noted.items():
        if count:
            print(f"mugi {command}: {count} {NOTES[column]}", file=sys.stderr)


def _part(runs: pd.DataFrame, text: str) -> pd.DataFrame:
    shard = Shard.parse(text)
    if shard.count > len(runs):
        raise InputError(Mistake(f"more parts than runs ({len(runs):,})", f"--shard {text}"))
    return runs[shard.rows(len(runs))].reset_index(drop=True)


def one_run(chosen: dict[str, str], assumed: list[str]) -> pd.DataFrame:
    """Return the run that options give; `assumed` are NAME=VALUE of assumptions."""
    flips = pairs(assumed, "--assume", REGISTRY)
    return pd.DataFrame([chosen | {f"assumption.{name}": flips[name] for name in flips}])


def read_runs(path: str) -> pd.DataFrame:
    """Read a table of configurations; raises InputError if it is not there or not a table.

    A CSV of more than MOST_RUNS lines is not read.
    """
    if path.endswith(".parquet"):
        return read_table(path)
    check_file(path)
    with open(path, "rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    if lines > MOST_RUNS + 1:
        raise InputError(Mistake(f"has {lines:,} lines, more than {MOST_RUNS:,} runs", path))
    return read_table(path)


def read_grids(path: str) -> list[dict]:
    """Read a YAML list of grids; raises InputError for values that are no values or lists."""
    document = read_yaml(path, list).located()
    mistakes = []
    for number, grid in enumerate(document.content):
        if not isinstance(grid, dict):
            what = "must be a list of grids, each mapping columns to values"
            raise InputError(Mistake(what, document.where((number,))))
        for key, value in grid.items():
            values = value if isinstance(value, list) else [value]
            if any(isinstance(entry, dict | list) for entry in values):
                what = "must be a value or a list of values"
                mistakes.append(Mistake(what, document.where((number, key))))
    raise_all(mistakes)
    return document.content


def _noted(tables: Iterable[pd.DataFrame], noted: dict[str, int]) -> Iterator[pd.DataFrame]:
    """Pass tables on, and count the runs for which each column of NOTES is true."""
    for table in tables:
        for column in noted:
            noted[column] += int(table[column].sum())
        yield table
