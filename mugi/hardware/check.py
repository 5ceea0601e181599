"""Mistakes in a table of runs, all of them, by line, before anything is computed."""

from __future__ import annotations

import difflib

import numpy as np

from mugi import assumptions
from mugi.errors import InputError, Mistake, raise_all
from mugi.hardware import technology
from mugi.hardware.chunk import alike
from mugi.hardware.design import given, load_design, variants
from mugi.hardware.workload import PREFILL_TOKENS, load_model
from mugi.lazy import Lazy

pd = Lazy("pandas")  # takes longer to import than all of the model
REQUIRED = ("design", "array_height", "model", "batch_size", "seq_len")
TEXT = {"variant": "", "preset": "as-published", "technology": technology.DEFAULT}
COUNTS = (
    "array_height", "array_width", "noc_rows", "noc_cols", "kv_heads", "batch_size", "seq_len",
)  # fmt: skip
PREFIX = "assumption."
COLUMNS = ("design", "model", *TEXT, *COUNTS)
MHA_70B = f"{PREFIX}mha_70b_kv_heads"


def check_runs(runs: pd.DataFrame) -> list[str]:
    """Return a line for every mistake in a table of runs; `line` counts a CSV's heading as 1."""
    try:
        checked(runs)
    except InputError as error:
        return str(error).splitlines()
    return []


def checked(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with every default filled in; raises InputError with all that is wrong."""
    found, complete = _by_run(runs)
    raise_all([Mistake(text, f"line {row + 2}") for row, text in found])
    return complete


def mistakes_by_run(runs: pd.DataFrame) -> list[tuple[int, str]]:
    """Return (run, mistake) for every mistake, runs counted from 0; InputError as to columns."""
    return _by_run(runs)[0]


def _by_run(runs: pd.DataFrame) -> tuple[list[tuple[int, str]], pd.DataFrame | None]:
    """Return the mistakes and, of the runs without any so far, all columns."""
    lines = [f"column '{name}' is missing" for name in REQUIRED if name not in runs]
    lines += [line for line in map(_column_mistake, runs.columns.difference(COLUMNS)) if line]
    if not lines and runs.empty:
        lines = ["there are no runs"]
    raise_all(lines)
    found, complete = _text_mistakes(runs) + _number_mistakes(runs), None
    good = np.delete(np.arange(len(runs)), [row for row, _ in found])
    if len(good):
        complete = filled(runs.iloc[good] if found else runs)
        found += [(int(good[row]), text) for row, text in _geometry_mistakes(complete)]
    return sorted(set(found)), complete


def _column_mistake(name: str) -> str | None:
    """Return the line for a column that is carried through but looks like a misspelt one."""
    if name.startswith(PREFIX):
        flip = name.removeprefix(PREFIX)
        return None if flip in assumptions.REGISTRY else assumptions.check(flip, "")
    close = difflib.get_close_matches(name, COLUMNS, 1, 0.8)
    return f"column '{name}' is not known (did you mean '{close[0]}'?)" if close else None


def _rows(mask: np.ndarray, text: str) -> list[tuple[int, str]]:
    return [(int(row), text) for row in np.flatnonzero(mask)]


def _each(problem, *columns: pd.Series) -> list[tuple[int, str]]:
    """Return the rows of every distinct combination that `problem` has a line about."""
    first, codes = alike(*columns)
    return [
        pair
        for code, row in enumerate(first)
        for text in str(problem(*(column.iloc[row] for column in columns)) or "").splitlines()
        for pair in _rows(codes == code, text)
    ]


def _raised(function, *arguments) -> str | None:
    try:
        function(*arguments)
    except InputError as error:
        return str(error)
    return None


def blank(values: pd.Series) -> pd.Series:
    """Return which cells are empty."""
    return values.isna() | (values.astype(str).str.strip() == "")


def _text_mistakes(runs: pd.DataFrame) -> list[tuple[int, str]]:
    nothing = pd.Series("", index=runs.index)
    design, variant, model = (
        runs[column].where(~blank(runs[column]), "").astype(str) if column in runs else nothing
        for column in ("design", "variant", "model")
    )
    found = _each(lambda *names: _raised(load_design, *names), design, variant)
    found += _each(lambda name: _raised(load_model, name), model)
    for column, load in (("preset", assumptions.preset), ("technology", technology.technology)):
        if column in runs:
            names = runs[column].where(~blank(runs[column]), TEXT[column]).astype(str)
            found += _each(lambda name, load=load: _raised(load, name), names)
    for column in runs:
        if column.startswith(PREFIX):
            name = column.removeprefix(PREFIX)
            values = runs[column].where(~blank(runs[column]), None)
            found += _each(
                lambda v, name=name: None if v is None or v != v else assumptions.check(name, v),
                values,
            )
    return found


def _number_mistakes(runs: pd.DataFrame) -> list[tuple[int, str]]:
    found = []
    for column in COUNTS:
        if column not in runs:
            continue
        empty = blank(runs[column]).to_numpy()
        numbers = pd.to_numeric(runs[column], errors="coerce").to_numpy(float)
        least = PREFILL_TOKENS if column == "seq_len" else 1
        wrong = ~(numbers >= least) | (numbers != np.floor(numbers)) | (numbers > 2**31)
        wrong = np.where(empty, column in REQUIRED, wrong)
        for row in np.flatnonzero(wrong):
            value = runs[column].iloc[row]
            value = f"{value:g}" if isinstance(value, float) else value
            shown = "empty" if empty[row] else f"'{value}'"
            floor = f"a whole number of at least {least}"
            found.append((int(row), f"{column} must be {floor}, not {shown}"))
    return found


def _geometry_mistakes(runs: pd.DataFrame) -> list[tuple[int, str]]:
    """Return what the designs' checks and the models' heads say about sizes of filled runs."""
    heads = _of_each(lambda name: load_model(name).heads, runs["model"])
    odd = np.flatnonzero(heads % runs["kv_heads"] != 0)
    shares = zip(heads.iloc[odd], runs["kv_heads"].iloc[odd], strict=True)
    texts = (f"{each} heads do not divide among {kv} kv_heads" for each, kv in shares)
    found = [(int(row), text) for row, text in zip(odd, texts, strict=True)]
    sets, set_index = assumption_sets(runs)
    sizes = runs[["array_height", "array_width", "noc_rows", "noc_cols"]].to_numpy(float)
    keys = pd.DataFrame({"design": runs["design"], "variant": runs["variant"], "set": set_index})
    for (name, variant, number), rows in keys.groupby(["design", "variant", "set"]).indices.items():
        design = load_design(name, variant)
        try:
            symbols = design.symbols(given(*sizes[rows].T), sets[number])
            for text, test in design.checks.items():
                wrong = ~np.broadcast_to(test(symbols), len(rows))
                found += [(int(row), text) for row in rows[wrong]]
        except InputError as error:
            found += [(int(rows[0]), line) for line in str(error).splitlines()]
    return found


def filled(runs: pd.DataFrame) -> pd.DataFrame:
    """Return checked runs with every default filled in and counts as whole numbers."""
    runs = runs.copy()
    for column, default in TEXT.items():
        values = runs[column] if column in runs else pd.Series("", index=runs.index)
        runs[column] = values.where(~blank(values), default).astype(str)
    for column in COUNTS:
        values = runs[column] if column in runs else pd.Series(np.nan, index=runs.index)
        runs[column] = pd.to_numeric(values, errors="coerce")
    runs[["noc_rows", "noc_cols"]] = runs[["noc_rows", "noc_cols"]].fillna(1)
    default = _of_each(lambda name: variants(name)[0], runs["design"])
    runs["variant"] = runs["variant"].where(runs["variant"] != "", default)
    for name in runs["design"].unique():
        chosen = (runs["design"] == name) & runs["array_width"].isna()
        if chosen.any():
            height = runs.loc[chosen, "array_height"].to_numpy()
            runs.loc[chosen, "array_width"] = load_design(name).array_width(
                {"array_height": height}
            )
    runs["model"] = models = runs["model"].astype(str)
    heads = _of_each(lambda name: load_model(name).kv_heads, models)
    if MHA_70B in runs:
        switch = assumptions.REGISTRY["mha_70b_kv_heads"]
        flipped = pd.to_numeric(runs[MHA_70B], errors="coerce").fillna(switch.published)
        heads = heads.where(models != "llama_2_70b", flipped)
    runs["kv_heads"] = runs["kv_heads"].fillna(heads)
    for column in COUNTS:
        runs[column] = runs[column].astype(int)
    return runs


def _of_each(function, values: pd.Series) -> pd.Series:
    """Return function(value) of all values, called once for each that is distinct."""
    codes, distinct = pd.factorize(values)
    return pd.Series(np.array([function(value) for value in distinct])[codes], values.index)


def assumption_sets(runs: pd.DataFrame) -> tuple[list[dict], np.ndarray]:
    """Return the distinct sets of assumptions among filled runs, and which one each run has.

    The technology goes with them.
    """
    columns = [name for name in runs if name.startswith(PREFIX)]
    texts = [runs["preset"], runs["technology"]] + [
        runs[name].where(~blank(runs[name]), "").astype(str) for name in columns
    ]
    first, codes = alike(*texts)
    sets = []
    for preset, technology_name, *values in zip(*(text.iloc[first] for text in texts), strict=True):
        flips = {
            name.removeprefix(PREFIX): value
            for name, value in zip(columns, values, strict=True)
            if value
        }
        sets.append(assumptions.resolve(preset, flips) | {"technology": technology_name})
    return sets, codes
