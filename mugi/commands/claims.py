"""`mugi claims`: judge the paper's claims from the result tables."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from mugi.claims import RESULT_COLUMNS, judge
from mugi.claims_check import check
from mugi.claims_text import markdown, text
from mugi.commands.output import as_json, closing
from mugi.conclusions import conclude, load_conclusions
from mugi.errors import InputError, Mistake, raise_all
from mugi.files import check_outputs, read_table, write_table, write_text
from mugi.ledger import LEDGER, load_ledgers, read_ledgers
from mugi.verdicts import ERROR

CHECK = "check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi claims`."""
    parser.add_argument(
        "tables",
        type=Path,
        nargs="*",
        help=f"result tables, named as their files; `{CHECK}` first: judge nothing, look for "
        "mistakes in the ledger and, if tables follow, in what it asks of them",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-o", "--output", type=Path, help="claims.csv to write")
    what.add_argument(
        "--check", type=Path, metavar="FILE", help="judge nothing: contradictions in a claims.csv"
    )
    parser.add_argument(
        "--partial", action="store_true", help="list claims whose tables or runs are missing too"
    )
    parser.add_argument(
        "--record-only", action="store_true", help="status 0 whatever is found; see --check"
    )
    parser.add_argument("--json", action="store_true", help="print the claims as JSON")
    parser.add_argument(
        "--ledger",
        type=Path,
        action="append",
        metavar="FILE",
        help="claims to judge in place of the paper's (docs/howto/claim.md; repeat for more); one "
        "that is wrong is listed as such, with status 2 at the end",
    )


def run(args: argparse.Namespace) -> int:
    """Judge all claims, write CSV and Markdown, print them; 1 if one contradicts its record."""
    if args.check:
        return _told(args, _judged(args.check), args.check)
    ledgers = args.ledger or [LEDGER]
    if args.tables[:1] == [Path(CHECK)]:
        tables = {path.stem: read_table(path) for path in args.tables[1:]}
        checked = check(read_ledgers(ledgers), tables)
        closing({", ".join(map(str, ledgers)): f"{checked} claims, no mistakes"})
        return 0
    if not args.output:
        raise InputError(f"-o FILE, --check FILE or `{CHECK}` is needed")
    page, beside = args.output.with_suffix(".md"), args.output.with_name("conclusions.csv")
    check_outputs([args.output, beside], [page])
    tables = {path.stem: read_table(path) for path in args.tables}
    known = read_ledgers(ledgers) if args.ledger else load_ledgers(ledgers)
    results = judge(ledger=known, tables=tables, partial=args.partial, strict=not args.ledger)
    results, conclusions = conclude(results, load_conclusions())
    printed = as_json(results) if args.json else text(results)
    write_table(results, args.output)
    write_text(page, markdown(results, conclusions))
    if len(conclusions):
        write_table(conclusions, beside)
    print(printed)
    return _told(args, results, args.output)


def _judged(path: Path) -> pd.DataFrame:
    """Read a claims.csv; raises InputError for a claim against its record without a number."""
    results = read_table(path, RESULT_COLUMNS)
    results["agrees"] = results["agrees"].astype(str) == "True"
    results["computed"] = pd.to_numeric(results["computed"], errors="coerce")
    unsaid = results.index[~results["agrees"] & results["computed"].isna()]
    what = "a claim that contradicts its record needs a number"
    raise_all([Mistake(what, f"{path}: line {row + 2}, computed") for row in unsaid[:1]])
    return results


def _told(args: argparse.Namespace, results: pd.DataFrame, path: Path) -> int:
    """Print what is wrong and what contradicts its record, and how many; return the status."""
    for claim in results[results["comparison"] == ERROR].itertuples():
        print(f"mugi claims: {claim.reason}", file=sys.stderr)
    odd = results[~results["agrees"].astype(bool)]
    for claim in odd.itertuples():
        record = f"is recorded as '{claim.recorded}' but" if claim.recorded else "is"
        print(
            f"mugi claims: {claim.id} {record} '{claim.comparison}': "
            f"printed {claim.printed}, computed {claim.computed:.6g}",
            file=sys.stderr,
        )
    wrong = int((results["comparison"] == ERROR).sum())
    told = f"{len(results)} claims, {len(odd) or 'none'} against the record"
    closing({path: told + (f", {wrong} wrong" if wrong else "")}, beside_data=not args.check)
    return 0 if args.record_only else 2 if wrong else int(bool(len(odd)))
