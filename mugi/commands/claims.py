"""`mugi claims`: judge the paper's claims from the result tables."""

import argparse
import sys
from pathlib import Path

from mugi.claims import RESULT_COLUMNS, judge, markdown, text
from mugi.commands.output import as_json, closing
from mugi.files import read_table, write_table, write_text
from mugi.ledger import LEDGER, load_ledgers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mugi claims`."""
    parser.add_argument("tables", type=Path, nargs="*", help="result tables, named as their files")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-o", "--output", type=Path, help="claims.csv to write")
    what.add_argument(
        "--check", type=Path, metavar="FILE", help="judge nothing: contradictions in a claims.csv"
    )
    parser.add_argument(
        "--partial", action="store_true", help="list claims whose tables or runs are missing too"
    )
    parser.add_argument(
        "--record-only", action="store_true", help="status 0 whatever the verdicts; see --check"
    )
    parser.add_argument("--json", action="store_true", help="print the claims as JSON")
    parser.add_argument(
        "--ledger",
        type=Path,
        action="append",
        metavar="FILE",
        help="claims to judge in place of the paper's (docs/howto/claim.md; repeat for more)",
    )


def run(args: argparse.Namespace) -> int:
    """Judge all claims, write CSV and Markdown, print them; 1 if one contradicts its record."""
    if args.check:
        results = read_table(args.check, RESULT_COLUMNS)
        results["agrees"] = results["agrees"].astype(str) == "True"
    else:
        tables = {path.stem: read_table(path) for path in args.tables}
        results = judge(
            ledger=load_ledgers(args.ledger or [LEDGER]), tables=tables, partial=args.partial
        )
        write_table(results, args.output)
        write_text(args.output.with_suffix(".md"), markdown(results))
        print(as_json(results) if args.json else text(results))
    for claim in results[~results["agrees"].astype(bool)].itertuples():
        print(
            f"mugi claims: {claim.id} is recorded as '{claim.recorded_verdict}' "
            f"but '{claim.verdict}': printed {claim.printed}, computed {float(claim.computed):.6g}",
            file=sys.stderr,
        )
    odd = (~results["agrees"].astype(bool)).sum()
    told = f"{len(results)} claims, {odd or 'none'} against the record"
    closing({args.check or args.output: told}, beside_data=not args.check)
    return int(not (args.record_only or results["agrees"].all()))
