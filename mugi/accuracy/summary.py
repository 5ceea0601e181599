"""Metrics, their differences to a reference, and bootstrap intervals over documents.

Every metric is a function of a ratio of sums over documents: a `total` over a `weight`. An interval
resamples the documents with replacement, the same ones for an approximation and its reference
(paired), and takes the middle 95 % of what comes out.
"""

import math
from functools import lru_cache

import numpy as np
import pandas as pd

LOGARITHMIC = {
    "token_perplexity": np.exp,
    "word_perplexity": np.exp,
    "byte_perplexity": np.exp,
    "perplexity": np.exp,
    "bits_per_byte": lambda nats: nats / math.log(2),
}
"""Metric whose totals are negative log-likelihoods in nats -> function of the mean."""
CONFIDENCE = 0.95
_RESAMPLES = 10_000
_MOST_CELLS = 10_000_000  # documents × resamples: 1,000 documents get all the resamples


def resamples(documents: int) -> int:
    """Return how many resamples an interval over so many documents takes; 0 for one document."""
    return min(_RESAMPLES, max(1000, _MOST_CELLS // documents)) if documents > 1 else 0


def describe(documents: pd.DataFrame, references: dict[str, pd.DataFrame], seed: int) -> list[dict]:
    """Return rows of metric, reference, value, standard_error, ci_low, ci_high, documents and
    bootstrap_samples.

    `documents` has the columns document, metric, reference, total and weight; `references` are
    tables of the same documents, by name. A metric without a reference of its own also gets its
    difference to each of `references`, named METRIC_difference.
    """
    rows = []
    for (metric, reference), table in documents.groupby(["metric", "reference"], sort=False):
        here = _draws(metric, table, seed)
        rows.append({"metric": metric, "reference": reference} | _interval(here, len(table)))
        if reference:
            continue
        for name, others in references.items():
            other = others[(others["metric"] == metric) & (others["reference"] == "")]
            assert list(other["document"]) == list(table["document"])
            difference = here - _draws(metric, other, seed)
            row = {"metric": f"{metric}_difference", "reference": name}
            rows.append(row | _interval(difference, len(table)))
    return rows


def _draws(metric: str, table: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the metric of all documents, then that of each resample."""
    sums = table[["total", "weight"]].to_numpy(dtype=float)
    with np.errstate(all="ignore"):
        totals, weights = (_counts(len(table), seed) @ sums).T
        function = LOGARITHMIC.get(metric.split(",")[0], lambda mean: mean)
        return function(totals / weights)


@lru_cache(maxsize=4)
def _counts(documents: int, seed: int) -> np.ndarray:
    """Return how often each document counts: once, then as each resample draws it."""
    random = np.random.default_rng(seed)
    even = np.full(documents, 1 / documents)
    drawn = random.multinomial(documents, even, size=resamples(documents))
    return np.vstack([np.ones(documents), drawn])


def _interval(draws: np.ndarray, documents: int) -> dict:
    value, drawn = float(draws[0]), draws[1:]
    row = {"value": value, "documents": documents, "bootstrap_samples": len(drawn)}
    if len(drawn):
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        row |= {"standard_error": float(drawn.std()), "ci_low": low, "ci_high": high}
    return row
