"""Mistakes in a table of runs, all of them, by line, before anything is computed."""

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.errors import InputError, nearest
from mugi.hardware.design import load_design, variants
from mugi.hardware.workload import PREFILL_TOKENS, load_model

REQUIRED = ("design", "array_height", "model", "batch_size", "seq_len")
TEXT = {"variant": "", "preset": "as-published"}
COUNTS = (
    "array_height", "array_width", "noc_rows", "noc_cols", "kv_heads", "batch_size", "seq_len",
)  # fmt: skip
PREFIX = "assumption."


def check_runs(runs: pd.DataFrame) -> list[str]:
    """Return a line for every mistake in a table of runs; `line` counts a CSV's heading as 1."""
    lines = [f"column '{name}' is missing" for name in REQUIRED if name not in runs]
    for name in runs:
        close = nearest(name, [*COUNTS, *TEXT, "design", "model"])
        if close and name not in (*COUNTS, *TEXT, "design", "model"):
            twin = close.split("'")[1]
            if twin not in runs:
                lines.append(f"column '{name}' is not known{close}")
        if name.startswith(PREFIX):
            problem = (
                assumptions.check(name.removeprefix(PREFIX), runs[name].iloc[0]) if 0 else None
            )
            lines += [problem] if problem else []
    if lines:
        return lines
    found = _text_mistakes(runs) + _number_mistakes(runs)
    if not found:
        found = _geometry_mistakes(filled(runs))
    return [f"line {row + 2}: {text}" for row, text in sorted(found)]


def _rows(mask: np.ndarray, text: str) -> list[tuple[int, str]]:
    return [(int(row), text) for row in np.flatnonzero(mask)]


def _each(values: pd.Series, problem) -> list[tuple[int, str]]:
    """Return the rows of every distinct value that `problem` has a line about."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return [
        pair
        for code, value in enumerate(distinct)
        for text in (problem(value) or "").splitlines()
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
    variant = runs["variant"].where(~blank(runs["variant"]), "") if "variant" in runs else ""
    pairs = pd.Series(
        list(zip(runs["design"].astype(str), np.broadcast_to(variant, len(runs)), strict=True))
    )
    found = _each(pairs, lambda pair: _raised(load_design, *map(str, pair)))
    found += _each(runs["model"].astype(str), lambda name: _raised(load_model, name))
    if "preset" in runs:
        preset = runs["preset"].where(~blank(runs["preset"]), TEXT["preset"])
        found += _each(preset, lambda name: _raised(assumptions.preset, name))
    for column in runs:
        if column.startswith(PREFIX):
            name = column.removeprefix(PREFIX)
            values = runs[column].where(~blank(runs[column]), None)
            found += _each(
                values,
                lambda v, name=name: None if v is None or v != v else assumptions.check(name, v),
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
            shown = "empty" if empty[row] else f"'{runs[column].iloc[row]}'"
            floor = f"a whole number of at least {least}"
            found.append((int(row), f"{column} must be {floor}, not {shown}"))
    return found


def _geometry_mistakes(runs: pd.DataFrame) -> list[tuple[int, str]]:
    found = []
    heads = runs["model"].astype(str).map(lambda name: load_model(name).heads).to_numpy()
    kv_heads = runs["kv_heads"].to_numpy()
    for row in np.flatnonzero(heads % kv_heads):
        found.append((int(row), f"{heads[row]} heads do not divide among {kv_heads[row]} kv_heads"))
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
    default = {name: (variants(name) or [""])[0] for name in runs["design"].unique()}
    runs["variant"] = runs["variant"].where(runs["variant"] != "", runs["design"].map(default))
    for name in runs["design"].unique():
        chosen = (runs["design"] == name) & runs["array_width"].isna()
        if chosen.any():
            width = load_design(name).array_width(
                {"array_height": runs.loc[chosen, "array_height"].to_numpy()}
            )
            runs.loc[chosen, "array_width"] = width
    models = runs["model"].astype(str)
    heads = models.map({name: load_model(name).kv_heads for name in models.unique()})
    if "assumption.mha_70b_kv_heads" in runs:
        eight = runs["assumption.mha_70b_kv_heads"].astype(str) == "8"
        heads = heads.where(~((models == "llama_2_70b") & eight), 8)
    runs["kv_heads"] = runs["kv_heads"].fillna(heads)
    for column in COUNTS:
        runs[column] = runs[column].astype(int)
    return runs


def assumption_sets(runs: pd.DataFrame) -> tuple[list[dict], np.ndarray]:
    """Return the distinct sets of assumptions among filled runs, and which one each run has."""
    columns = [name for name in runs if name.startswith(PREFIX)]
    texts = [runs["preset"].astype(str)] + [
        runs[name].where(~blank(runs[name]), "").astype(str) for name in columns
    ]
    codes, distinct = pd.MultiIndex.from_arrays(texts).factorize()
    sets = []
    for preset, *values in distinct:
        flips = {
            name.removeprefix(PREFIX): value
            for name, value in zip(columns, values, strict=True)
            if value
        }
        sets.append(assumptions.resolve(preset, flips))
    return sets, codes
