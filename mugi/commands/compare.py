"""`mugi compare`: do results agree with those of another run, or with the package's reference?"""

import argparse
from pathlib import Path

import pandas as pd

from mugi.commands.output import as_json, closing, rows
from mugi.compare import RULES, Comparison, compare
from mugi.files import write_table

SHOWN = 10  # differences of a table that are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi compare`."""
    parser.add_argument("results", type=Path, help="results folder, or one of its tables")
    parser.add_argument(
        "reference",
        nargs="?",
        default="default",
        help="results folder or table of another run, or a reference of the package: "
        f"{', '.join(RULES.references)} (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", type=Path, help="all differences as .csv or .parquet")
    parser.add_argument("--json", action="store_true", help="print tables and differences as JSON")


def run(args: argparse.Namespace) -> int:
    """Print every table and what differs in it; 1 if anything does."""
    compared = compare(results=args.results, reference=args.reference)
    differences = pd.concat([one.differences for one in compared], ignore_index=True)
    if args.output:
        write_table(differences, args.output)
    if args.json:
        tables = [one._asdict() | {"differences": rows(one.differences)} for one in compared]
        print(as_json({"tables": tables, "reasons": RULES.reasons}))
    else:
        print("\n".join([*map(described, compared), "", *legend(compared)]))
    count = sum(not one.note for one in compared)
    several = f"{len(differences):,} difference{'s' * (len(differences) > 1)} from"
    verdict = several if len(differences) else "agrees with"
    told = f"{verdict} {args.reference} in {count} tables, {len(compared) - count} not compared"
    closing({args.results: told, args.output: differences}, beside_data=args.json)
    return int(bool(len(differences)))


def described(one: Comparison) -> str:
    """Return a table's line, with those of its first differences below."""
    if one.note:
        return f"-        {one.table}: not compared, {one.note}"
    listed = {name: [c for c in one.columns if one.columns[c] == name] for name in RULES.reasons}
    columns = "; ".join(f"{name}: {', '.join(these)}" for name, these in listed.items() if these)
    verdict = "differs" if len(one.differences) else "agrees "
    lines = [f"{verdict}  {one.table}: {one.rows:,} rows; {columns}"]
    for odd in one.differences.head(SHOWN).itertuples():
        told = f"{odd.column} {odd.value}, reference {odd.reference} ({odd.tolerance})"
        lines.append(f"           {odd.row}: {told}")
    more = len(one.differences) - SHOWN
    return "\n".join([*lines, f"           and {more:,} more, see -o"] if more > 0 else lines)


def legend(compared: list[Comparison]) -> list[str]:
    """Return a line for each tolerance in use: its name and reason."""
    used = {tolerance for one in compared for tolerance in one.columns.values()}
    return [f"{name:8} {reason}" for name, reason in RULES.reasons.items() if name in used]
