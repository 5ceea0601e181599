"""Differences of metrics to a reference, and 95 % intervals over documents.

A metric is a function of a ratio of sums over documents, total over weight. Documents are taken as
a sample of all documents like them. What each moves the ratio by is its influence, and the interval
is Student's t of the influences with n - 1 degrees of freedom; the function is applied to its ends.
A difference is that of an approximation and its reference on the same documents (paired): their
functions are linearised, and the influences subtracted. In simulations these intervals cover the
truth in 93 % or more of the draws of 12 documents (tests/accuracy/test_intervals.py), where the
middle of bootstrap resamples covers 88 %.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import t

from mugi.accuracy.metrics import MEAN, Form, metric_of

CONFIDENCE = 0.95
METHOD = "Student t over documents, 95 %"
"""What the tables say of how an interval was made."""


def describe(documents: pd.DataFrame, references: Mapping[str, pd.DataFrame]) -> list[dict]:
    """Return metric, unit, reference, value, standard_error, ci_low, ci_high, interval, documents.

    `documents` has the columns document, metric, reference, total and weight; `references` are
    tables of the same documents, by name. A metric without a reference of its own also gets its
    difference to each of `references`, named METRIC_difference. One document has no interval.
    """
    rows = []
    for (metric, reference), table in documents.groupby(["metric", "reference"], sort=False):
        form, unit = metric_of(metric).form, metric_of(metric).unit
        mean, influences = ratio_of(*_sums(table))
        head = {"metric": metric, "unit": unit, "reference": reference}
        rows.append(head | interval(mean, influences, form))
        if reference:
            continue
        for name, sums in references.items():
            other = sums[(sums["metric"] == metric) & (sums["reference"] == "")]
            assert list(other["document"]) == list(table["document"])
            there, others = ratio_of(*_sums(other))
            with np.errstate(all="ignore"):
                value = float(form.value(mean) - form.value(there))
                influences_of_both = form.slope(mean) * influences - form.slope(there) * others
            head = {"metric": f"{metric}_difference", "unit": unit, "reference": name}
            rows.append(head | interval(value, influences_of_both))
    return rows


def _sums(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["total"].to_numpy(float), table["weight"].to_numpy(float)


def ratio_of(totals: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Return total / weight of all documents and the influence of each, which sum to 0."""
    with np.errstate(all="ignore"):
        mean = totals.sum() / weights.sum()
        return float(mean), (totals - mean * weights) / weights.sum()


def interval(ratio: float, influences: np.ndarray, form: Form = MEAN) -> dict:
    """Return value, standard_error, ci_low and ci_high of a function of a ratio, and how."""
    count = len(influences)
    with np.errstate(all="ignore"):
        row = {"value": float(form.value(ratio)), "documents": count, "interval": ""}
        if count > 1:
            error = float(np.sqrt(count / (count - 1) * (influences**2).sum()))
            reach = t.ppf((1 + CONFIDENCE) / 2, count - 1) * error
            row["standard_error"] = float(form.slope(ratio) * error)
            row["ci_low"] = float(form.value(ratio - reach))
            row["ci_high"] = float(form.value(ratio + reach))
            row["interval"] = METHOD
    return row
