"""The claims ledger: every quantitative claim of the paper, judged from the result tables.

`data/claims.csv` holds one claim a row. What it needs to be computed:

table             name of a result table without suffix (`hardware`, `carbon`); empty: not judged
target            Snakemake target that makes the table, or will make it (`not yet`)
column            arithmetic over the table's columns, as read by `pandas.DataFrame.eval`
where             rows, as `key=value;key=value|other value;key>=number;key<=number`
baseline_where    rows to divide by, model by model; empty: no division
aggregate         over the models or rows selected: geomean, min or max; sum: of the rows of each
                  side before the division; empty: there is only one
test              how the value must compare: empty: equal to `printed` at its `decimals`;
                  `within 0.05`: relative to `printed`; `>1`, `<1`: as it says
corrected_column  replaces `column` in the corrected value, where the published formula is at fault

Where a table has the columns `preset` or `accounting`, a claim is judged on `as-published`, and its
corrected value, shown beside it, is that of `corrected` where the table has it.
"""

import argparse
import operator
import re
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.errors import InputError, nearest, unknown
from mugi.files import read_table, write_table, write_text

LEDGER = files("mugi") / "data" / "claims.csv"
TEXT = [
    *["id", "location", "statement", "printed", "unit", "decimals", "design", "baseline"],
    *["configuration", "source", "note"],
]
QUERY = ["column", "where", "baseline_where", "aggregate", "test", "corrected_column"]
LEDGER_COLUMNS = [*TEXT, "target", "table", *QUERY, "verdict", "reason"]
RESULT_COLUMNS = [
    *["id", "location", "statement", "design", "baseline", "printed", "unit", "computed"],
    *["corrected", "relative_difference", "judged_on", "verdict", "recorded_verdict", "agrees"],
    *["target", "reason", "note", "source"],
]
REPRODUCED, BUT, DIFFERS = "reproduced", "reproduced, but", "differs"
NOT_HERE, NOT_YET = "not reproducible here", "not yet"
VERDICTS = [REPRODUCED, BUT, DIFFERS, NOT_HERE, NOT_YET]
NOT_RUN = "not in this run"  # tables or rows that a claim needs are not there
AGGREGATES = {"geomean": lambda x: float(np.exp(np.log(x).mean())), "min": min, "max": max}
CORRECTABLE = ["preset", "accounting"]
CONDITION = re.compile(r"(\w+)(=|[<>]=(?=-?\d+\.?\d*$))(.*)")
TEST = re.compile(r"(within |>|<)(\d+\.?\d*)")


class NotRun(InputError):
    """The tables lack what a claim needs."""


def load_ledger(path: Path = LEDGER) -> pd.DataFrame:
    """Read the ledger, all cells as text; `InputError` with one line a mistake."""
    try:
        ledger = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    mistakes = [f"missing column '{name}'" for name in LEDGER_COLUMNS if name not in ledger]
    mistakes += [
        unknown("column", name, LEDGER_COLUMNS) for name in ledger if name not in LEDGER_COLUMNS
    ]
    if not mistakes:
        mistakes = [f"claim {name} is there twice" for name in ledger.id[ledger.id.duplicated()]]
        for claim in ledger.to_dict("records"):
            mistakes += [f"claim {claim['id']}: {mistake}" for mistake in _mistakes(claim)]
    if mistakes:
        raise InputError(*(f"{path}: {mistake}" for mistake in mistakes))
    return ledger


def _mistakes(claim: dict[str, str]) -> list[str]:
    """Return what is wrong with one row of the ledger."""
    found = [f"{name} is empty" for name in ["statement", "printed", "target"] if not claim[name]]
    if claim["verdict"] not in VERDICTS:
        return [*found, unknown("verdict", claim["verdict"], VERDICTS)]
    if claim["verdict"] != REPRODUCED and not claim["reason"]:
        found.append(f"'{claim['verdict']}' needs a reason")
    if claim["verdict"] in [NOT_HERE, NOT_YET]:
        return found + [f"{name}: not judged, must be empty" for name in QUERY if claim[name]]
    found += [f"{name} is empty" for name in ["table", "column", "where"] if not claim[name]]
    if claim["aggregate"] not in ["", "sum", *AGGREGATES]:
        found.append(unknown("aggregate", claim["aggregate"], ["sum", *AGGREGATES]))
    for side in ["where", "baseline_where"]:
        for text in filter(None, claim[side].split(";")):
            if not CONDITION.fullmatch(text):
                found.append(f"{side}: '{text}' is not key=value, key>=number or key<=number")
    if claim["test"] and not TEST.fullmatch(claim["test"]):
        found.append(f"test '{claim['test']}'; allowed: empty, 'within 0.05', '>1', '<1'")
    if not claim["test"].startswith((">", "<")):
        if not re.fullmatch(r"[~<>]?-?\d+\.?\d*", claim["printed"]):
            found.append(f"printed '{claim['printed']}' is not a number; give a test")
        if not claim["decimals"].isdigit():
            found.append(f"decimals '{claim['decimals']}' is not a count")
    return found


def parse_where(where: str) -> dict[tuple[str, str], list[str]]:
    """Return what stands on the right of each (column, sign) of `key=value|other;key>=number`."""
    parts = [CONDITION.fullmatch(text).groups() for text in where.split(";")]
    return {(key, sign): values.split("|") for key, sign, values in parts}


def select(table: pd.DataFrame, where: dict[tuple[str, str], list[str]]) -> pd.DataFrame:
    """Return the rows of `table` that meet all conditions; `InputError` if there are none."""
    kept = np.arange(len(table))
    for (key, sign), values in where.items():
        if key not in table:
            raise InputError(unknown("column", key, table.columns))
        cells = table[key].iloc[kept]
        meets = cells.astype(str).isin(values)
        if sign != "=":
            compare = operator.ge if sign == ">=" else operator.le
            meets = compare(pd.to_numeric(cells, errors="coerce"), float(values[0]))
        absent = sign == "=" and set(values) - set(cells.astype(str)[meets])
        if absent or not meets.any():
            text = "; ".join(f"{k}{s}{'|'.join(v)}" for (k, s), v in where.items())
            there = ", ".join(sorted(set(cells.astype(str))))
            raise NotRun(f"no row with {text}: {key} there is {there[:200]}")
        kept = kept[meets]
    return table.iloc[kept]


def evaluate(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return the arithmetic `column` of each row, indexed by model if the table has models."""
    try:
        values = rows.eval(column).astype(float)
    except Exception as error:  # pandas raises many kinds for a bad expression
        name = re.search(r"name '(\w+)'", str(error))
        hint = nearest(name[1], rows.columns) if name else ""
        raise InputError(f"column '{column}': {str(error).splitlines()[0]}{hint}") from None
    return values.set_axis(rows.get("model", rows.index))


def correctable(claim: dict[str, str], table: pd.DataFrame) -> list[str]:
    """Return the keys whose value `corrected` is there for all the rows that a claim needs."""
    rows = [select(table, parse_where(claim[k])) for k in ["where", "baseline_where"] if claim[k]]
    return [
        key
        for key in CORRECTABLE
        if key in table and all((side[key] == "corrected").any() for side in rows)
    ]


def compute(claim: dict[str, str], table: pd.DataFrame, corrected: list[str]) -> tuple[float, str]:
    """Return the value of a claim, with the keys `corrected` so, and what it was judged on."""
    state = {(key, "="): ["as-published"] for key in CORRECTABLE if key in table}
    state |= {(key, "="): ["corrected"] for key in corrected}

    def side(where: str) -> pd.Series:
        values = evaluate(select(table, state | parse_where(where)), claim["column"])
        if claim["aggregate"] != "sum":
            return values
        if "model" not in table:
            return pd.Series({f"sum of {len(values)} rows": values.sum()})
        return values.groupby(level=0, sort=False).sum()

    values = side(claim["where"])
    models = list(dict.fromkeys(map(str, values.index))) if "model" in table else []
    rows = values.index[0] if claim["aggregate"] == "sum" else f"{len(values)} rows"
    judged_on = ", ".join(models) or rows
    if claim["baseline_where"]:
        baseline = side(claim["baseline_where"])
        if len(values) == len(baseline) == 1:
            baseline = baseline.set_axis(values.index)
        if baseline.index.has_duplicates or sorted(values.index) != sorted(baseline.index):
            raise InputError("where and baseline_where need one row each of the same models")
        values = values / baseline
    if claim["aggregate"] in AGGREGATES:
        value = AGGREGATES[claim["aggregate"]](values)
        return value, f"{claim['aggregate']} of {judged_on}"
    if len(values) > 1:
        raise InputError(f"{len(values)} rows; one is needed, or an aggregate")
    return values.iloc[0], judged_on


def holds(claim: dict[str, str], value: float) -> bool:
    """Return whether `value` is what the paper printed, by the claim's test."""
    kind, limit = TEST.fullmatch(claim["test"]).groups() if claim["test"] else ("", "0")
    if kind == ">":
        return value > float(limit)
    if kind == "<":
        return value < float(limit)
    printed = float(claim["printed"].lstrip("~<>"))
    if kind:
        return abs(value - printed) <= float(limit) * abs(printed)
    return abs(value - printed) <= 0.5 * 10 ** -int(claim["decimals"]) + 1e-9 * abs(printed)


def judge_claim(claim: dict[str, str], table: pd.DataFrame | None) -> dict[str, object]:
    """Return the result row of one claim; claims without a query keep their recorded verdict."""
    recorded = claim["verdict"]
    result = {**claim, "recorded_verdict": recorded, "agrees": True}
    if table is None:
        return result
    value, judged_on = compute(claim, table, [])
    result |= {"computed": value, "judged_on": judged_on}
    if not claim["test"].startswith((">", "<")):
        printed = float(claim["printed"].lstrip("~<>"))
        result["relative_difference"] = value / printed - 1 if printed else None
    corrected_holds = True
    keys = correctable(claim, table)
    if keys or claim["corrected_column"]:
        column = claim["corrected_column"] or claim["column"]
        result["corrected"], _ = compute({**claim, "column": column}, table, keys)
        corrected_holds = holds(claim, result["corrected"])
    if not holds(claim, value):
        result["verdict"] = DIFFERS
    elif recorded == BUT or not corrected_holds:
        result["verdict"] = BUT
        result["reason"] = (
            claim["reason"]
            or "Only with the published assumptions; the corrected model gives the value beside"
        )
    else:
        result["verdict"] = REPRODUCED
    result["agrees"] = (result["verdict"] == DIFFERS) == (recorded == DIFFERS)
    return result


def judge(
    ledger: pd.DataFrame, tables: dict[str, pd.DataFrame], partial: bool = False
) -> pd.DataFrame:
    """Judge every claim of `ledger` from `tables` (name -> table), in the ledger's order.

    A claim contradicts its recorded verdict (`agrees` false) if it is recorded as reproduced and
    differs or the reverse. Raises `InputError` for tables and rows that are missing; if `partial`,
    their claims have the verdict `not in this run`.
    """
    queried = ledger[ledger["column"] != ""]
    missing = {
        table: f"table '{table}' is missing, `snakemake {target}` makes it"
        for table, target in zip(queried["table"], queried["target"], strict=True)
        if table not in tables
    }
    mistakes, results = [], []
    for table, line in missing.items() if not partial else ():
        ids = queried.id[queried["table"] == table]
        some = f"{', '.join(ids[:3])}{', ...' * (len(ids) > 3)}"
        mistakes.append(f"{line}; {len(ids)} claims need it: {some}")
    for claim in ledger.to_dict("records"):
        try:
            if not claim["column"]:
                results.append(judge_claim(claim, None))
            elif claim["table"] not in missing:
                results.append(judge_claim(claim, tables[claim["table"]]))
            elif partial:
                raise NotRun(missing[claim["table"]])
        except InputError as error:
            line = f"claim {claim['id']}: table '{claim['table']}': {error}"
            if not partial or not isinstance(error, NotRun):
                mistakes.append(line)
            found = {"recorded_verdict": claim["verdict"], "verdict": NOT_RUN, "agrees": True}
            results.append({**claim, **found, "reason": f"Needs more runs: {error}"})
    if mistakes:
        raise InputError(*mistakes)
    return pd.DataFrame(results).reindex(columns=RESULT_COLUMNS)


def readable(results: pd.DataFrame) -> pd.DataFrame:
    """Return the columns a reader wants, as text, numbers to five digits."""
    shown = ["id", "statement", "printed", "unit", "computed", "corrected", "judged_on", "verdict"]
    numbers = {
        name: ["" if pd.isna(value) else f"{value:.5g}" for value in results[name]]
        for name in ["computed", "corrected"]
    }
    return results[[*shown, "reason"]].assign(**numbers).fillna("")


def counted(results: pd.DataFrame) -> pd.Series:
    """Return how many claims have each verdict."""
    counts = results["verdict"].value_counts()
    return counts.reindex([*VERDICTS, *[NOT_RUN] * (NOT_RUN in counts)], fill_value=0)


def text(results: pd.DataFrame) -> str:
    """Return all claims, one a line, and the counts of the verdicts."""
    widths = {"id": 23, "statement": 42, "printed": 8, "computed": 8, "corrected": 9, "verdict": 21}
    widths["judged_on"] = 0
    table = readable(results)[[*widths]].rename(columns=lambda name: name.replace("_", " "))
    rows = [list(table), *table.to_numpy().tolist()]
    sizes = list(widths.values())
    lines = [
        "  ".join(cell[: size or None].ljust(size) for cell, size in zip(row, sizes, strict=True))
        for row in rows
    ]
    counts = counted(results)
    return "\n".join([*lines, "", *(f"{count:5} {verdict}" for verdict, count in counts.items())])


def markdown(results: pd.DataFrame) -> str:
    """Return counts of the verdicts and all claims as Markdown tables, one a section."""
    counts = counted(results)
    lines = ["# Claims of the paper", "", f"{len(results)} claims.", "", "| verdict | claims |"]
    lines += ["|---|--:|", *(f"| {verdict} | {count} |" for verdict, count in counts.items())]
    table = readable(results)
    for location, section in table.groupby(results["location"], sort=False):
        lines += ["", f"## {location}", "", f"| {' | '.join(section)} |", "|---" * 9 + "|"]
        for row in section.itertuples(index=False):
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |")
    return "\n".join([*lines, ""])


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


def run(args: argparse.Namespace) -> int:
    """Judge all claims, write CSV and Markdown, print them; 1 if one contradicts its record."""
    if args.check:
        results = read_table(args.check, RESULT_COLUMNS)
        results["agrees"] = results["agrees"].astype(str) == "True"
    else:
        tables = {path.stem: read_table(path) for path in args.tables}
        results = judge(load_ledger(LEDGER), tables, args.partial)
        write_table(results, args.output)
        write_text(args.output.with_suffix(".md"), markdown(results))
        print(text(results))
    for claim in results[~results["agrees"].astype(bool)].itertuples():
        print(
            f"mugi claims: {claim.id} is recorded as '{claim.recorded_verdict}' "
            f"but '{claim.verdict}': printed {claim.printed}, computed {float(claim.computed):.6g}",
            file=sys.stderr,
        )
    return int(not (args.record_only or results["agrees"].all()))
