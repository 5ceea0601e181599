"""Every quantitative claim of the paper, judged from the result tables.

Where a table has the columns `preset` or `accounting`, a claim is judged on `as-published`, and its
corrected value, shown beside it, is that of `corrected` where the table has it.
"""

import contextlib
import operator
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.expressions import Expression
from mugi.ledger import (
    BUT,
    DIFFERS,
    PLACEHOLDER,
    REPRODUCED,
    SIGNS,
    VERDICTS,
    Claim,
    Conditions,
    Quantity,
)

RESULT_COLUMNS = [
    *["id", "location", "statement", "design", "baseline", "printed", "unit", "computed"],
    *["corrected", "relative_difference", "judged_on", "verdict", "recorded_verdict", "agrees"],
    *["target", "reason", "note", "source"],
]
TEXTS = ["location", "statement", "design", "baseline", "printed", "unit", "target", "source"]
TEXTS += ["reason", "note"]
NOT_RUN = "not in this run"  # tables or rows that a claim needs are not there
ONLY_PUBLISHED = "Only with the published assumptions; the corrected model gives the value beside"
AGGREGATES = {"geomean": lambda x: float(np.exp(np.log(x).mean())), "min": min, "max": max}
CORRECTABLE = ["preset", "accounting"]
COMPARISONS = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
Tables = Mapping[str, pd.DataFrame]


class NotRun(InputError):
    """The tables lack what a claim needs."""


def judge(*, ledger: Mapping[str, Claim], tables: Tables, partial: bool = False) -> pd.DataFrame:
    """Judge every claim of a ledger (by id) from tables (by name), one row each, in order.

    A claim contradicts its verdict on record (`agrees` false) if it is recorded as reproduced and
    differs or the reverse. Raises InputError for tables and rows that are missing; if `partial`,
    their claims have the verdict `not in this run`.
    """
    mistakes, results = [] if partial else _missing(ledger, tables), []
    for name, claim in ledger.items():
        result = {"id": name, "verdict": claim.verdict, "agrees": True}
        result |= {"recorded_verdict": claim.verdict}
        result |= {column: getattr(claim, column) for column in TEXTS}
        try:
            if claim.is_judged and claim.table in tables:
                result |= _judged(claim, tables[claim.table])
            elif claim.is_judged and partial:
                raise NotRun(_is_missing(claim))
        except NotRun as error:
            mistakes += [] if partial else _of(name, claim, error)
            result |= {"verdict": NOT_RUN, "reason": f"Needs more runs: {error}"}
        except InputError as error:
            mistakes += _of(name, claim, error)
        try:
            result |= _filled_in(claim, result, tables)
        except InputError as error:
            mistakes += _of(name, claim, error)
        results.append(result)
    raise_all(mistakes)
    return pd.DataFrame(results).reindex(columns=RESULT_COLUMNS)


def _of(name: str, claim: Claim, error: InputError) -> tuple[Mistake, ...]:
    return error.at(f"claim {name}: table '{claim.table}'").mistakes


def _missing(ledger: Mapping[str, Claim], tables: Tables) -> list[Mistake]:
    """Return a mistake for each table that claims need and that is not there."""
    needed: dict[str, list[str]] = {}
    for name, claim in ledger.items():
        if claim.is_judged and claim.table not in tables:
            needed.setdefault(claim.table, []).append(name)
    mistakes = []
    for names in needed.values():
        first = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        line = f"{_is_missing(ledger[names[0]])}; {len(names)} claims need it: {first}"
        mistakes.append(Mistake(line))
    return mistakes


def _is_missing(claim: Claim) -> str:
    return f"table '{claim.table}' is missing, `snakemake {claim.target}` makes it"


def _judged(claim: Claim, table: pd.DataFrame) -> dict[str, object]:
    """Return value, corrected value and verdict of one claim."""
    value, judged_on = compute(claim, table)
    result = {"computed": value, "judged_on": judged_on}
    if claim.printed_number:
        result["relative_difference"] = value / claim.printed_number - 1
    corrected_holds = True
    keys = correctable(claim, table)
    if keys or claim.corrected_column:
        column = claim.corrected_column or claim.column
        result["corrected"], _ = compute(claim.model_copy(update={"column": column}), table, keys)
        corrected_holds = holds(claim, result["corrected"])
    if not holds(claim, value):
        result["verdict"] = DIFFERS
    elif claim.verdict == BUT or not corrected_holds:
        result |= {"verdict": BUT, "reason": claim.reason or ONLY_PUBLISHED}
    else:
        result["verdict"] = REPRODUCED
    result["agrees"] = (result["verdict"] == DIFFERS) == (claim.verdict == DIFFERS)
    return result


def _filled_in(claim: Claim, result: Mapping, tables: Tables) -> dict[str, str]:
    """Return the reason and the note of a result with the claim's values in their places."""
    words = dict.fromkeys(claim.values, f"({NOT_RUN})")
    for name, value in claim.values.items():
        if value.table in tables:
            with contextlib.suppress(NotRun):
                number, _ = compute(value, tables[value.table])
                words[name] = f"{number:.{value.decimals}f}"
    return {
        key: PLACEHOLDER.sub(lambda match: words.get(match[1], match[0]), result[key])
        for key in ["reason", "note"]
    }


def correctable(claim: Claim, table: pd.DataFrame) -> list[str]:
    """Return the keys whose value `corrected` is there for all the rows that a claim needs."""
    sides = [select(table, side) for side in [claim.where, claim.over] if side]
    return [
        key
        for key in CORRECTABLE
        if key in table and all((side[key] == "corrected").any() for side in sides)
    ]


def compute(
    quantity: Quantity, table: pd.DataFrame, corrected: Iterable[str] = ()
) -> tuple[float, str]:
    """Return a quantity, with the keys `corrected` so, and what it was judged on."""
    state = {key: ["as-published"] for key in CORRECTABLE if key in table}
    state |= {key: ["corrected"] for key in corrected}

    def side(conditions: list[Conditions]) -> pd.Series:
        values = evaluate(select(table, [state, *conditions]), quantity.column)
        if quantity.aggregate != "sum":
            return values
        if "model" not in table:
            return pd.Series({f"sum of {len(values)} rows": values.sum()})
        return values.groupby(level=0, sort=False).sum()

    values = side(quantity.where)
    models = list(dict.fromkeys(map(str, values.index))) if "model" in table else []
    rows = values.index[0] if quantity.aggregate == "sum" else f"{len(values)} rows"
    judged_on = ", ".join(models) or rows
    if quantity.over:
        baseline = side(quantity.over)
        if len(values) == len(baseline) == 1:
            baseline = baseline.set_axis(values.index)
        if baseline.index.has_duplicates or sorted(values.index) != sorted(baseline.index):
            raise InputError("where and over need one row each of the same models")
        values = values / baseline
        if not np.isfinite(values).all():  # means would skip it
            raise InputError(f"{quantity.column.text} of `over` is 0")
    if quantity.aggregate in AGGREGATES:
        value = AGGREGATES[quantity.aggregate](values)
        return value, f"{quantity.aggregate} of {judged_on}"
    if len(values) > 1:
        raise InputError(f"{len(values)} rows; one is needed, or an aggregate")
    return values.iloc[0], judged_on


def select(table: pd.DataFrame, selection: Iterable[Conditions]) -> pd.DataFrame:
    """Return the rows that meet all conditions, later ones on top of earlier ones.

    Raises NotRun if there are none, or none with one of several values of a condition.
    """
    conditions = {column: value for part in selection for column, value in part.items()}
    raise_all([unknown("column", name, table.columns) for name in conditions if name not in table])
    kept = np.arange(len(table))
    for column, condition in conditions.items():
        cells = table[column].iloc[kept]
        if isinstance(condition, dict):
            numbers = pd.to_numeric(cells, errors="coerce")
            limits = [COMPARISONS[key](numbers, limit) for key, limit in condition.items()]
            meets = np.logical_and.reduce(limits)
            is_absent = not meets.any()
        else:
            equal = [_equal(cells, value) for value in condition]
            meets = np.logical_or.reduce(equal)
            is_absent = not all(one.any() for one in equal)
        if is_absent:
            there = ", ".join(sorted(set(cells.astype(str))))[:200]
            raise NotRun(f"no row with {_written(conditions)}: {column} there is {there}")
        kept = kept[meets]
    return table.iloc[kept]


def _equal(cells: pd.Series, value: object) -> np.ndarray:
    """Return which cells are a value: numbers by what they are, all else by its text."""
    if type(value) in (int, float):
        return (pd.to_numeric(cells, errors="coerce") == value).to_numpy()
    return (cells.astype(str) == str(value)).to_numpy()


def _written(conditions: Conditions) -> str:
    """Return conditions as text, such as `design=mugi; batch_size>=8`."""
    texts = []
    for column, condition in conditions.items():
        if isinstance(condition, dict):
            texts += [f"{column}{SIGNS[key]}{limit}" for key, limit in condition.items()]
        else:
            texts.append(f"{column}={'|'.join(map(str, condition))}")
    return "; ".join(texts)


def evaluate(rows: pd.DataFrame, column: Expression) -> pd.Series:
    """Return the arithmetic of each row, indexed by model if the table has models.

    Raises InputError for names that are no column, and for cells that are no number.
    """
    names = sorted(column.names)
    raise_all([unknown("column", name, rows.columns) for name in names if name not in rows])
    symbols = {name: pd.to_numeric(rows[name], errors="coerce") for name in names}
    for name, numbers in symbols.items():
        if numbers.isna().any():
            cell = rows[name][numbers.isna()].iloc[0]
            raise InputError(Mistake(f"'{cell}' is not a number", f"column '{name}'"))
    values = column.checked(column(symbols))
    return pd.Series(values, rows.index, float).set_axis(rows.get("model", rows.index))


def holds(claim: Claim, value: float) -> bool:
    """Return whether `value` is what the paper printed, by the claim's test.

    Without a test it must round to what was printed, with as many decimals.
    """
    test, printed = claim.test, claim.printed_number
    if test is None:
        decimals = len(claim.printed.partition(".")[2])
        return abs(value - printed) <= 0.5 * 10**-decimals + 1e-9 * abs(printed)
    if test.within is not None:
        return abs(value - printed) <= test.within * abs(printed)
    return value > test.above if test.above is not None else value < test.below


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
    counts = counted(results).rename_axis("verdict").rename("claims")
    parts = ["# Claims of the paper", f"{len(results)} claims.", counts.to_markdown()]
    table = readable(results).replace(r"\|", r"\|", regex=True)
    for location, section in table.groupby(results["location"], sort=False):
        parts += [f"## {location}", section.to_markdown(index=False, disable_numparse=True)]
    return "\n\n".join(parts) + "\n"
