"""Numbers computed from result tables: the arithmetic of a ledger's quantities on chosen rows.

Where a table has the columns `preset` or `accounting`, a quantity is that of `as-published`, or of
`corrected` where asked for.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pandas as pd

from mugi.claim import LARGEST, SIGNS, Claim, Conditions, Quantity
from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.expressions import Expression

AGGREGATES = {"geomean": lambda x: float(np.exp(np.log(x).mean(skipna=False)))}
AGGREGATES |= {"min": min, "max": max}
CORRECTABLE = ["preset", "accounting"]
COMPARISONS = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
Tables = Mapping[str, pd.DataFrame]


class NotRun(InputError):
    """The tables lack what a claim needs."""


def correctable(claim: Quantity, table: pd.DataFrame) -> list[str]:
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
    """Return a quantity, with the keys `corrected` so, and what it was judged on.

    Raises InputError, which names the key of the ledger at fault, and NotRun for missing rows.
    """
    state = {key: ["as-published"] for key in CORRECTABLE if key in table}
    state |= {key: ["corrected"] for key in corrected}

    def side(key: str) -> pd.Series:
        with at_key(key):
            rows = select(table, [state, *getattr(quantity, key)])
        with at_key("column"):
            values = evaluate(rows, quantity.column)
        if quantity.aggregate != "sum":
            return values
        if "model" not in table:
            return pd.Series({f"sum of {len(values)} rows": values.sum()})
        return values.groupby(level=0, sort=False).sum()

    values = side("where")
    models = list(dict.fromkeys(map(str, values.index))) if "model" in table else []
    rows = values.index[0] if quantity.aggregate == "sum" else f"{len(values)} rows"
    judged_on = ", ".join(models) or rows
    if quantity.over:
        baseline = side("over")
        if len(values) == len(baseline) == 1:
            baseline = baseline.set_axis(values.index)
        if baseline.index.has_duplicates or sorted(values.index) != sorted(baseline.index):
            raise InputError(Mistake("where and over need one row each of the same models", "over"))
        values = values / baseline
        if not np.isfinite(values).all():  # means would skip it
            raise InputError(Mistake(f"{quantity.column.text} of `over` is 0", "column"))
    if quantity.aggregate in AGGREGATES:
        with np.errstate(invalid="ignore", divide="ignore"):  # of logarithms; told below
            value = AGGREGATES[quantity.aggregate](values)
        judged_on = f"{quantity.aggregate} of {judged_on}"
    elif len(values) > 1:
        raise InputError(Mistake(f"{len(values)} rows; one is needed, or an aggregate", "where"))
    else:
        value = values.iloc[0]
    if not abs(value) <= LARGEST:  # as NaN is not
        raise InputError(Mistake(f"{value:g} is no number up to {LARGEST:g}", "column"))
    return value, judged_on


def interval_of(claim: Claim, table: pd.DataFrame) -> tuple[float, float, int] | None:
    """Return low and high end of a claim's interval and the documents it is of, if it has one.

    Of a minimum or maximum they are those of the row that has it, of several the first. Of one
    document nothing is known: it could be anything. Raises InputError as `compute` does.
    """
    if claim.interval is None:
        return None
    rows = select(table, claim.where)
    values = evaluate(rows, claim.column).to_numpy()
    place = values.argmax() if claim.aggregate == "max" else values.argmin()

    def read(key: str) -> float:
        with at_key(f"interval.{key}"):
            return float(evaluate(rows.iloc[[place]], getattr(claim.interval, key)).iloc[0])

    documents = int(read("documents"))
    ends = (read("low"), read("high")) if documents > 1 else (-np.inf, np.inf)
    return (*ends, documents)


@contextmanager
def at_key(key: str) -> Iterator[None]:
    """Name a key of the ledger in the mistakes of what is done inside."""
    try:
        yield
    except InputError as error:
        raise error.at(key) from None


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
    values = column.number(symbols, least=-np.inf)
    return pd.Series(values, rows.index, float).set_axis(rows.get("model", rows.index))
