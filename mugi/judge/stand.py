"""A stand on accuracy: what approximations cost each model, beside what INT4 costs, from tables.

A number is *told from 0* if 0 lies outside of its 95 % interval (paired, over sequences), and *not
told from 0* otherwise: no other rule, and nothing typed in for a method.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t

from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.methods import EXACT, NATIVE
from mugi.methods.references import QUANTISED

TOLD, NOT_TOLD, NO_INTERVAL = "told from 0", "not told from 0", "one sequence, no interval"
METRICS = {
    "log_loss_nats_difference": "added_log_loss_nats",
    "kl_divergence_nats": "kl_divergence_nats",
    "word_error_rate_difference": "added_word_error_rate",
    "linear_probe_accuracy_difference": "added_probe_accuracy",
    "accuracy_difference": "added_accuracy",
    "feature_cosine": "cosine_distance",
}
"""Metric of accuracy.csv -> the cost that it is here; all are 0 if nothing is changed."""
FUNCTIONS = ["softmax", "activation", "cross_softmax"]
QUANTISERS = ["woq", "kvq"]
NEEDED = [
    *["model", "dtype", *FUNCTIONS, *QUANTISERS, "task", "metric", "reference"],
    *["ci_low", "ci_high", "documents"],
]
"""Columns of accuracy.csv that are read, beside the number `value`."""
DOCUMENTS = ["model", *FUNCTIONS, *QUANTISERS, "task", "metric", "reference", "document"]
"""Columns of the sums of documents that are read, beside the numbers `total` and `weight`."""
COLUMNS = [
    *["model", "dtype", "corpus", "approximation", "metric", "reference"],
    *["value", "low", "high", "sequences", "what_it_says"],
]


def stand(accuracy: pd.DataFrame, documents: Sequence[pd.DataFrame] = ()) -> pd.DataFrame:
    """Return a row a cost, with COLUMNS, of every approximation on every text or data.

    accuracy: rows of accuracy.csv (NEEDED and `value`), of any models; documents: tables of the
    sums of documents, for how much of a KL divergence is more than rounding does. value, low,
    high: the cost in the unit of its name and the ends of its 95 % interval, empty for one
    sequence. reference: what it is compared with: `native`, the untouched model; `exact`, the exact
    functions rounded to BF16; both also "with the same INT4", where weights or KV cache are. A
    model that is its own reference is left out. Raises InputError for an end of an interval that is
    no number, and for documents that are not those of `accuracy` or not the same under two
    approximations.
    """
    ends = ["ci_low", "ci_high"]
    numbers = accuracy[ends].replace("", None).apply(pd.to_numeric, errors="coerce")
    wrong = numbers.isna() & accuracy[ends].notna() & (accuracy[ends] != "")
    mistakes = [
        Mistake(f"'{accuracy[name].iloc[row]}' is no number", f"row {row + 1}, {name}")
        for name in ends
        for row in wrong[name].to_numpy().nonzero()[0]
    ]
    raise_all(mistakes)
    costs = [*_costs(accuracy.assign(**numbers))]
    dtypes = dict(zip(accuracy["model"], accuracy["dtype"], strict=True))
    strangers = {name for table in documents for name in table["model"]} - dtypes.keys()
    raise_all([unknown("model of documents", name, dtypes) for name in sorted(strangers)])
    for table in documents:
        costs += [{"dtype": dtypes[row["model"]], **row} for row in _beyond_rounding(table)]
    return pd.DataFrame(costs, columns=COLUMNS)


def _costs(accuracy: pd.DataFrame) -> Iterator[dict]:
    for row in accuracy[accuracy["metric"].isin(METRICS)].to_dict("records"):
        functions = {row[name] for name in FUNCTIONS} - {NATIVE}
        if not functions and all(row[name] == NATIVE for name in QUANTISERS):
            continue
        if row["reference"] == EXACT and functions == {EXACT}:
            continue
        value, low, high = row["value"], row["ci_low"], row["ci_high"]
        if row["metric"] == "feature_cosine":
            value, low, high = 1 - value, 1 - high, 1 - low
        numbers = {"value": value, "low": low, "high": high, "sequences": row["documents"]}
        yield {"dtype": row["dtype"]} | _row(row, METRICS[row["metric"]], numbers)


def _row(row: dict, metric: str, numbers: dict) -> dict:
    place = {"model": row["model"], "corpus": row["task"], "approximation": _approximation(row)}
    place |= {"metric": metric, "reference": _reference(row)}
    return place | numbers | {"what_it_says": said(numbers["low"], numbers["high"])}


def _beyond_rounding(documents: pd.DataFrame) -> Iterator[dict]:
    """Yield for each approximation of functions by how much its KL divergence to the model's own
    functions, with the same weights and KV cache, is above that of the exact functions in BF16."""
    keys = ["model", *FUNCTIONS, *QUANTISERS, "task"]
    table = documents[documents["metric"] == "kl_divergence_nats"]
    native = (table[QUANTISERS] == NATIVE).all(axis=1)
    table = table[table["reference"] == np.where(native, NATIVE, QUANTISED)]
    groups = {key: group.set_index("document") for key, group in table.groupby(keys, sort=False)}
    for key, here in groups.items():
        row = dict(zip(keys, key, strict=True))
        exact = row | {name: EXACT for name in FUNCTIONS if row[name] != NATIVE}
        there = groups.get(tuple(exact.values()))
        if there is None or exact == row or exact == row | dict.fromkeys(FUNCTIONS, NATIVE):
            continue
        if not here.index.equals(there.index):
            where = f"{row['model']}, {_approximation(row)}, {row['task']}"
            raise InputError(Mistake("its documents are not those of exact", where))
        more = here["total"] - there["total"]
        row["reference"] = here["reference"].iloc[0]
        yield _row(row, "kl_beyond_rounding_nats", _mean(more, here["weight"]))


def _mean(totals: pd.Series, weights: pd.Series) -> dict:
    """Return the ratio of the sums and its interval, as those of accuracy.csv: Student's t of what
    each sequence moves the ratio by."""
    count, value = len(totals), totals.sum() / weights.sum()
    reach = np.nan
    if count > 1:
        influences = (totals - value * weights) / weights.sum()
        error = np.sqrt(count / (count - 1) * (influences**2).sum())
        reach = t.ppf(0.975, count - 1) * error
    return {"value": value, "low": value - reach, "high": value + reach, "sequences": count}


def said(low: float, high: float) -> str:
    """Say by the one rule whether a number with this interval is told from 0."""
    if pd.isna(low) or pd.isna(high):
        return NO_INTERVAL
    return NOT_TOLD if low <= 0 <= high else TOLD


def _approximation(row: dict) -> str:
    names = [name for name in [*FUNCTIONS, *QUANTISERS] if row[name] != NATIVE]
    return ";".join(f"{name}={row[name]}" for name in names)


def _reference(row: dict) -> str:
    formats = dict.fromkeys(row[name].partition(":")[0].upper() for name in QUANTISERS)
    formats.pop(NATIVE.upper(), None)
    same = f" with the same {' and '.join(formats)}"
    if row["reference"] == QUANTISED:
        return NATIVE + same
    return EXACT + same if row["reference"] == EXACT and formats else row["reference"]
