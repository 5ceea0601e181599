"""Tables of runs: grids expanded, mistakes found, defaults filled in."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.errors import InputError, Mistake, closest, raise_all, unknown
from mugi.files import comma_hint
from mugi.hardware import lengths, technology
from mugi.hardware.design import Design, given, load_design, variants
from mugi.hardware.model import load_model
from mugi.hardware.setups import distinct
from mugi.hardware.workload import PREFILL_TOKENS

KEYS = (
    "design", "variant", "array_height", "array_width", "noc_rows", "noc_cols", "model",
    "kv_heads", "batch_size", "seq_len", "prompt_len", "output_len", "preset", "technology",
)  # fmt: skip
REQUIRED = ("design", "array_height", "model", "batch_size")
TEXT = {"variant": "", "preset": assumptions.DEFAULT_PRESET, "technology": technology.DEFAULT}
COUNTS = (
    "array_height", "array_width", "noc_rows", "noc_cols", "kv_heads", "batch_size", "seq_len",
    "prompt_len", "output_len",
)  # fmt: skip
PREFIX = "assumption."
MHA_70B = f"{PREFIX}mha_70b_kv_heads"
MOST_RUNS = 5_000_000  # results of a million runs take about 2 GB
LIKE_A_COLUMN = 0.8  # how alike a name is that is rather a slip of the pen than a column carried on
LARGEST_COUNT = 2**31
LONGEST = 2**22  # tokens of a sequence, whose positions are walked one by one: seconds
LEAST = {"output_len": 0}
ByRun = list[tuple[int, Mistake]]  # runs are counted from 0


def expand(grids: Sequence[Mapping]) -> pd.DataFrame:
    """Return every combination of the list-valued entries of each grid, in order, without repeats.

    Raises InputError for a key that is no column of a run, for no grid at all, and for more than
    MOST_RUNS combinations.
    """
    mistakes, frames, total = [], [], 0
    if not grids:
        raise InputError("there are no grids")
    for number, grid in enumerate(grids, 1):
        odd = [key for key in grid if key not in KEYS and not str(key).startswith(PREFIX)]
        wrong = [unknown("key", key, KEYS) for key in odd]
        values = {k: v if isinstance(v, list | tuple) else [v] for k, v in grid.items()}
        total += math.prod(map(len, values.values()))
        if total > MOST_RUNS:
            wrong.append(Mistake(f"{total:,} runs so far, more than {MOST_RUNS:,}"))
        if not grid:
            wrong.append(Mistake("it has no keys", allowed=tuple(KEYS)))
        mistakes += [mistake.at(f"grid {number}") for mistake in wrong]
        if not mistakes:
            index = pd.MultiIndex.from_product(values.values(), names=list(values))
            frames.append(index.to_frame(index=False))
    raise_all(mistakes)
    return pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)


def check_runs(runs: pd.DataFrame) -> list[Mistake]:
    """Return every mistake in a table of runs; `line` counts a CSV's heading as 1."""
    try:
        checked(runs)
    except InputError as error:
        return list(error.mistakes)
    return []


def checked(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with every default filled in; raises InputError with all that is wrong."""
    mistakes, complete = _by_run(runs)
    raise_all([mistake.at(f"line {run + 2}") for run, mistake in mistakes])
    return complete


def mistakes_by_run(runs: pd.DataFrame) -> ByRun:
    """Return (run, mistake) for every mistake, runs counted from 0; InputError as to columns."""
    return _by_run(runs)[0]


def _by_run(runs: pd.DataFrame) -> tuple[ByRun, pd.DataFrame | None]:
    """Return the mistakes, and the runs that have none so far with all columns filled in."""
    mistakes = [Mistake(f"column '{name}' is missing") for name in REQUIRED if name not in runs]
    if not {"seq_len", "output_len"} & set(runs.columns) and not _all_encode(runs):
        mistakes.append(Mistake("column 'seq_len' is missing"))
    mistakes += [m for m in map(_column_mistake, runs.columns.difference(KEYS)) if m]
    if not mistakes and runs.empty:
        mistakes = [Mistake("there are no runs")]
    raise_all(mistakes)
    by_run, complete = _text_mistakes(runs) + _number_mistakes(runs), None
    good = np.delete(np.arange(len(runs)), [run for run, _ in by_run])
    by_run += [(int(good[run]), mistake) for run, mistake in lengths.mistakes(runs.iloc[good])]
    good = np.delete(np.arange(len(runs)), [run for run, _ in by_run])
    if len(good):
        complete = filled(runs.iloc[good] if by_run else runs)
        by_run += [(int(good[run]), mistake) for run, mistake in _size_mistakes(complete)]
    return sorted(set(by_run), key=lambda pair: (pair[0], str(pair[1]))), complete


def _column_mistake(name: str) -> Mistake | None:
    """Return the mistake of a column that is carried through but looks like a misspelt one."""
    if name.startswith(PREFIX):
        flip = name.removeprefix(PREFIX)
        return None if flip in assumptions.REGISTRY else assumptions.check(flip, "")
    near = closest(name, KEYS, LIKE_A_COLUMN)
    return Mistake(f"column '{name}' is not known", nearest=near) if near else None


def _of_distinct(load: Callable, *columns: pd.Series) -> ByRun:
    """Return the mistakes that `load` raises for each distinct combination of cells."""
    by_run = []
    first, codes = distinct(*columns)
    for code, place in enumerate(first):
        try:
            load(*(column.iloc[place] for column in columns))
        except InputError as error:
            alike = np.flatnonzero(codes == code)
            by_run += [(int(run), mistake) for mistake in error.mistakes for run in alike]
    return by_run


def blank(values: pd.Series) -> pd.Series:
    """Return which cells are empty."""
    return values.isna() | (values.astype(str).str.strip() == "")


def _texts(runs: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as text, with its default where it is empty or not there."""
    values = runs.get(column, pd.Series("", runs.index))
    return values.where(~blank(values), TEXT.get(column, "")).astype(str)


def _text_mistakes(runs: pd.DataFrame) -> ByRun:
    """Return what is wrong with names of designs, models, presets, technologies, assumptions."""

    def flip(value: object) -> None:
        if not pd.isna(value):
            assumptions.resolve(assumptions.PRESETS[0], {column.removeprefix(PREFIX): value})

    by_run = _of_distinct(load_design, _texts(runs, "design"), _texts(runs, "variant"))
    by_run += _of_distinct(load_model, _texts(runs, "model"))
    by_run += _of_distinct(assumptions.preset, _texts(runs, "preset"))
    by_run += _of_distinct(technology.technology, _texts(runs, "technology"))
    for column in (name for name in runs if name.startswith(PREFIX)):
        by_run += _of_distinct(flip, runs[column].where(~blank(runs[column]), None))
    return by_run


def _number_mistakes(runs: pd.DataFrame) -> ByRun:
    """Return what is wrong with sizes: not whole, too small, missing."""
    by_run = []
    for column in (name for name in COUNTS if name in runs):
        empty = blank(runs[column]).to_numpy()
        numbers = pd.to_numeric(runs[column], errors="coerce").to_numpy(float)
        if runs[column].dtype in (bool, object):  # True is no 1
            truths = [isinstance(value, bool | np.bool_) for value in runs[column]]
            numbers = np.where(truths, np.nan, numbers)
        least = np.full(len(runs), LEAST.get(column, 1))
        if column == "seq_len":
            alone = lengths.said(runs)[["prompt_len", "output_len"]].isna().all(axis=1)
            least = np.where(alone, PREFILL_TOKENS, least)
        most = LONGEST if column in lengths.LENGTHS else LARGEST_COUNT
        wrong = ~(numbers >= least) | (numbers != np.floor(numbers)) | (numbers > most)
        for run in np.flatnonzero(np.where(empty, column in REQUIRED, wrong)):
            value = runs[column].iloc[run]
            value = f"{value:g}" if isinstance(value, float) else value
            shown = "empty" if empty[run] else f"'{value}'{comma_hint(str(value))}"
            limit = f"at most {most:,}" if numbers[run] > most else f"at least {least[run]}"
            what = f"{column} must be a whole number of {limit}, not {shown}"
            by_run.append((int(run), Mistake(what)))
    return by_run


def _all_encode(runs: pd.DataFrame) -> bool:
    """Return whether all models are encoders, which have the length of what they encode."""
    try:
        return "model" in runs and all(
            not load_model(str(m)).layers for m in runs["model"].unique()
        )
    except InputError:
        return False


def _heads(name: str) -> tuple[int, int]:
    """Return heads and KV heads of a model's decoder, or of an encoder's last stage."""
    model = load_model(name)
    if model.layers:
        return model.heads, model.kv_heads
    last = model.encoder[-1]
    return last.heads, last.kv_heads or last.heads


def _size_mistakes(runs: pd.DataFrame) -> ByRun:
    """Return what the designs' checks and the models' heads say about sizes of filled runs."""
    heads = _of_each(lambda name: _heads(name)[0], runs["model"]).to_numpy()
    kv_heads = runs["kv_heads"].to_numpy()
    own = _of_each(_fixed_kv_heads, runs["model"]).to_numpy()
    by_run = [
        (int(run), Mistake(f"kv_heads of this model are {own[run]}, not {kv_heads[run]}"))
        for run in np.flatnonzero((own > 0) & (kv_heads != own))
    ]
    by_run += [
        (int(run), Mistake(f"{heads[run]} heads do not divide among {kv_heads[run]} kv_heads"))
        for run in np.flatnonzero(heads % kv_heads)
    ]
    sizes = runs[["array_height", "array_width", "noc_rows", "noc_cols"]].to_numpy(float)
    for design, assumed, rows in by_design(runs):
        try:
            symbols = design.symbols(given(*sizes[rows].T), assumed)
            for text, test in design.checks.items():
                held = np.asarray(test.number(symbols, -np.inf), bool)
                wrong = ~np.broadcast_to(held, len(rows))
                by_run += [(int(run), Mistake(text)) for run in rows[wrong]]
        except InputError as error:
            by_run += [(int(rows[0]), mistake) for mistake in error.mistakes]
    return by_run


def _fixed_kv_heads(name: str) -> int:
    """Return KV heads that a run cannot change, of latent attention and encoders, or else 0."""
    model = load_model(name)
    return _heads(name)[1] if model.latent or not model.layers else 0


def filled(runs: pd.DataFrame) -> pd.DataFrame:
    """Return checked runs with every default filled in and counts as whole numbers."""
    runs = runs.copy()
    for column in TEXT:
        runs[column] = _texts(runs, column)
    for column in COUNTS:
        values = runs.get(column, pd.Series(np.nan, runs.index))
        runs[column] = pd.to_numeric(values, errors="coerce")
    runs[list(lengths.LENGTHS)] = lengths.completed(runs)
    runs[["noc_rows", "noc_cols"]] = runs[["noc_rows", "noc_cols"]].fillna(1)
    default = _of_each(lambda name: variants(name)[0], runs["design"])
    runs["variant"] = runs["variant"].where(runs["variant"] != "", default)
    for name in runs["design"].unique():
        chosen = (runs["design"] == name) & runs["array_width"].isna()
        if chosen.any():
            height = runs.loc[chosen, "array_height"].to_numpy()
            width = load_design(name).array_width
            widths = np.asarray(width.number({"array_height": height}, least=1), float)
            if np.any(widths != np.floor(widths)):
                raise InputError(Mistake(f"'{width.text}' must be a whole number", width.where))
            runs.loc[chosen, "array_width"] = widths
    runs["model"] = models = runs["model"].astype(str)
    heads = _of_each(lambda name: _heads(name)[1], models)
    if MHA_70B in runs:
        switch = assumptions.REGISTRY["mha_70b_kv_heads"]
        flipped = pd.to_numeric(runs[MHA_70B], errors="coerce").fillna(switch.published)
        heads = heads.where(models != "llama_2_70b", flipped)
    runs["kv_heads"] = runs["kv_heads"].fillna(heads)
    return runs.astype(dict.fromkeys(COUNTS, int))


def _of_each(function: Callable, values: pd.Series) -> pd.Series:
    """Return function(value) of all values, called once for each that is distinct."""
    return values.map({value: function(value) for value in values.unique()})


def by_design(runs: pd.DataFrame) -> Iterator[tuple[Design, dict, np.ndarray]]:
    """Yield the designs of filled runs, with assumptions, and the places of the runs of both.

    The technology goes with the assumptions.
    """
    columns = [name for name in runs if name.startswith(PREFIX)]
    texts = [runs[name].where(~blank(runs[name]), "") for name in columns]
    texts = [runs["preset"], runs["technology"], *texts, runs["design"], runs["variant"]]
    texts = [text.astype(str) for text in texts]
    first, codes = distinct(*texts)
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.searchsorted(codes[order], np.arange(1, len(first))))
    keys = zip(*(text.iloc[first] for text in texts), strict=True)
    for (preset, name, *values, design, variant), rows in zip(keys, groups, strict=True):
        flips = dict(zip(columns, values, strict=True))
        flips = {column.removeprefix(PREFIX): v for column, v in flips.items() if v}
        assumed = assumptions.resolve(preset, flips) | {"technology": name}
        yield load_design(design, variant), assumed, rows
