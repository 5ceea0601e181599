"""Do results agree with those of another run, or with the reference tables of the package?

`compare.yaml` says how each table is compared. All that the reference has must be there; what the
results have beside it is not looked at.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, closest, raise_all, unknown
from mugi.files import TABLES, read_table, write_table
from mugi.schema import Section, validated

REFERENCES = Path(str(files("mugi") / "reference"))
ROUNDING = 1e-12  # relative
MEASURED = 0.02  # relative, where no interval is known
EXACT, CLOSE, INTERVAL, NEAR = "exact", "1e-12", "interval", "2 %"
ENDS = ["ci_low", "ci_high"]
LEFT_OUT = ("cells", "models", "logs", "benchmarks", "docs", "tasks", "report")  # none, or copies
DIFFERENCES = ["table", "row", "column", "value", "reference", "tolerance"]


class Rule(Section):
    """How tables are compared; `compare.yaml` explains the keys."""

    match: list[str] = Field(min_length=1)
    key: list[str] = Field(default_factory=list)
    measured: list[str] = Field(default_factory=list)
    slack: float = 0.0
    exact_where: dict[str, list[str]] = Field(default_factory=dict)
    ignored: list[str] = Field(default_factory=list)
    skipped: str = ""
    keeps: list[str] = Field(default_factory=list)


class Rules(Section):
    """The whole of `compare.yaml`."""

    tables: list[Rule]
    reasons: dict[str, str]
    references: dict[str, list[str]]


RULES: Rules = validated(Rules, read_yaml(str(files("mugi") / "compare.yaml")))


class Comparison(NamedTuple):
    """What became of one table of the reference.

    rows: of the reference; columns: column -> tolerance; differences: rows with DIFFERENCES; note:
    why it was not compared.
    """

    table: str
    rows: int
    columns: dict[str, str]
    differences: pd.DataFrame
    note: str = ""


def rule_of(name: str) -> Rule:
    """Return how the table of a path under results/ is compared."""
    fitting = (rule for rule in RULES.tables if any(fnmatch(name, one) for one in rule.match))
    return next(fitting, Rule(match=[name]))


def inside(value: object, low: object, high: object, slack: float = 0.0):
    """Return whether numbers lie in an interval."""
    return (low - slack <= value) & (value <= high + slack)


def near(value: object, reference: object, relative: float = MEASURED, slack: float = 0.0):
    """Return whether numbers differ by no more than a relative or an absolute tolerance."""
    return abs(value - reference) <= np.maximum(relative * abs(reference), slack)


def compare(*, results: Path, reference: str | Path = "default") -> list[Comparison]:
    """Compare result tables with a reference, table by table, in the order of their names.

    results: a results folder, the folder it is in, or a table; reference: another, or the name of
    one in the package (`default`, of `make`, or `smoke`). Raises InputError if either has no
    tables, or if they have none in common.
    """
    ours, theirs = _tables_in(results), _tables_in(reference_folder(reference))
    if results.is_file():  # the only one that is asked for
        theirs = {name: path for name, path in theirs.items() if name in ours}
    if not ours.keys() & theirs.keys():
        raise InputError(Mistake(f"none of the tables of {reference}", str(results)))
    return [_compared(name, ours.get(name), path) for name, path in sorted(theirs.items())]


def reference_folder(reference: str | Path) -> Path:
    """Return where the tables of a reference are; raises InputError if it is not there."""
    if str(reference) in RULES.references:
        return REFERENCES / str(reference)
    if not os.path.exists(reference):
        named = unknown("reference", reference, RULES.references)
        raise InputError(replace(named, allowed=(*RULES.references, "a results folder")))
    return Path(reference)


def write_reference(results: Path, name: str) -> list[Path]:
    """Write the reference `name` of the package from a results folder; return what was written."""
    ours, written = _tables_in(results), []
    raise_all(
        [Mistake("missing", f"{results}/{t}") for t in RULES.references[name] if t not in ours]
    )
    for table in RULES.references[name]:
        content, path = _read(ours[table]), REFERENCES / name / table
        write_table(content[rule_of(table).keeps or list(content)], path)
        written.append(path)
    return written


def _tables_in(place: Path) -> dict[str, Path]:
    """Return the tables of a results folder, or of one file, by their path in such a folder."""
    if place.is_file():
        return {f"{place.absolute().parent.name}/{place.name}": place}
    if not place.is_dir():
        folders = [path.name for path in place.absolute().parent.glob("*/")]
        near_by = closest(place.name, folders, 0.7)
        raise InputError(Mistake(f"no folder '{place}'", nearest=near_by))
    folder = place / "results" if (place / "results").is_dir() else place
    paths = (path for ending in TABLES for path in folder.rglob(f"*{ending}"))
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    tables = {
        name: path
        for name, path in named.items()
        if "/" in name and not _is_left_out(name.split("/"))
    }
    if not tables:
        raise InputError(Mistake("no result tables", str(place)))
    return tables


def _is_left_out(parts: list[str]) -> bool:
    """Whether a path lies in a folder of what is no result; accuracy/models holds some."""
    return parts[0] in LEFT_OUT or (parts[1] in LEFT_OUT and parts[:2] != ["accuracy", "models"])


def _read(path: Path) -> pd.DataFrame:
    """Return a table as text, each cell as it is written; what is missing is empty."""
    table = read_table(path, dtype=str) if path.suffix == ".csv" else read_table(path)
    return table.astype(object).where(table.notna(), "").astype(str)


def _compared(name: str, ours: Path | None, theirs: Path) -> Comparison:
    nothing = pd.DataFrame(columns=DIFFERENCES)
    rule = rule_of(name)
    if rule.skipped or ours is None:
        return Comparison(name, 0, {}, nothing, rule.skipped or "not in the results")
    try:
        return compare_tables(name, _read(ours), _read(theirs))
    except InputError as error:
        raise error.at(ours) from None


def compare_tables(name: str, table: pd.DataFrame, reference: pd.DataFrame) -> Comparison:
    """Compare two tables of texts by key; raises InputError for columns that are missing."""
    rule = rule_of(name)
    needed = [*rule.key, *rule.exact_where]
    raise_all(
        [f"no column '{column}' in the reference" for column in needed if column not in reference]
    )
    compared = [column for column in reference if column not in rule.ignored]
    raise_all(
        [
            Mistake(f"missing column '{column}'", nearest=closest(column, table))
            for column in compared
            if column not in table
        ]
    )
    columns = {c: _tolerance(rule, c, table[c], reference) for c in compared}
    key = rule.key or [column for column, tolerance in columns.items() if tolerance == EXACT]
    place = _index(table, key).get_indexer(_index(reference, key))  # -1: not in the results
    there, found = reference[place >= 0], table.iloc[place[place >= 0]]
    told = [_differences(name, reference[place < 0], key, "row", "missing", "there", EXACT)]
    for column in [column for column in columns if column not in key]:
        value, expected = found[column], there[column]
        agrees = _agree(rule, columns[column], value, expected, there)
        pair = value[~agrees], expected[~agrees]
        told.append(_differences(name, there[~agrees], key, column, *pair, columns[column]))
    columns |= dict.fromkeys(key, EXACT)
    return Comparison(name, len(reference), columns, pd.concat(told, ignore_index=True))


def _tolerance(rule: Rule, column: str, ours: pd.Series, reference: pd.DataFrame) -> str:
    """Return the tolerance of a column: that of its kind, or that of the numbers in it."""
    if column in rule.key:
        return EXACT
    if column in rule.measured:
        return INTERVAL if column == "value" and {*ENDS} <= {*reference} else NEAR
    cells = set(ours) | set(reference[column])
    whole = all(re.fullmatch(r"-?\d*", cell) for cell in cells)
    return EXACT if whole or pd.isna(_numbers(cells - {""})).any() else CLOSE


def _numbers(cells: Iterable[str]) -> np.ndarray:
    """Return cells as float64, NaN for those that are no number."""
    return pd.to_numeric(pd.Series(list(cells), dtype=object), errors="coerce").to_numpy(float)


def _index(table: pd.DataFrame, key: list[str]) -> pd.MultiIndex:
    """Return the key of each row, and its number among the rows of the same key."""
    ties = table.groupby(key, sort=False).cumcount() if key else pd.Series(range(len(table)))
    return pd.MultiIndex.from_arrays([*(table[column] for column in key), ties])


def _agree(
    rule: Rule, tolerance: str, value: pd.Series, expected: pd.Series, rows: pd.DataFrame
) -> np.ndarray:
    """Return which values agree; a cell that is empty on one side only does not."""
    same = value.to_numpy() == expected.to_numpy()
    if tolerance == EXACT:
        return same
    numbers, references = _numbers(value), _numbers(expected)
    close = near(numbers, references, ROUNDING)
    if tolerance == CLOSE:
        return same | close
    within = near(numbers, references, MEASURED, rule.slack)
    if tolerance == INTERVAL:
        low, high = _numbers(rows[ENDS[0]]), _numbers(rows[ENDS[1]])
        within = np.where(low < high, inside(numbers, low, high, rule.slack), within)
        # of one document a difference may be any rounding's; what it is taken of is compared
        metric = rows.get("metric", pd.Series("", rows.index))
        within |= np.isnan(low) & metric.str.endswith("_difference").to_numpy()
    exactly = np.zeros(len(rows), bool)
    for column, values in rule.exact_where.items():
        exactly |= rows[column].isin(values).to_numpy()
    return same | np.where(exactly, close, within)


def _differences(
    name: str, rows: pd.DataFrame, key: list[str], column: str, value, reference, tolerance: str
) -> pd.DataFrame:
    """Return DIFFERENCES of rows of a table in a column."""
    shown = [
        ", ".join(f"{k}={v}" for k, v in zip(key, row, strict=True) if v)
        for row in rows[key].to_numpy()
    ]
    cells = {"value": value, "reference": reference}
    cells = {k: v.to_numpy() if isinstance(v, pd.Series) else v for k, v in cells.items()}
    found = {"table": name, "row": shown, "column": column, **cells, "tolerance": tolerance}
    return pd.DataFrame(found, index=range(len(rows)), columns=DIFFERENCES)
