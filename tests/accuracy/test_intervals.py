"""Intervals over documents: by hand, and how often they cover the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from mugi.accuracy.intervals import describe, interval, ratio_of
from mugi.accuracy.metrics import EXP, MEAN


def sums_of(values, weights, metric="kl_divergence_nats") -> pd.DataFrame:
    table = pd.DataFrame({"total": values, "weight": weights}).reset_index(names="document")
    return table.assign(metric=metric, reference="")


def test_an_interval_of_equal_weights_is_that_of_a_mean():
    values = np.random.default_rng(0).normal(3, 1, 9)
    (row,) = describe(sums_of(values, np.ones(9)), {})
    error = values.std(ddof=1) / 3
    low, high = t.interval(0.95, 8, values.mean(), error)
    assert row["value"] == pytest.approx(values.mean())
    assert row["standard_error"] == pytest.approx(error)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([low, high])
    assert (row["documents"], row["unit"]) == (9, "nats")
    assert "Student" in row["interval"]


def test_influences_are_what_leaving_a_document_out_changes():
    """The jackknife of the same statistic, which is another way to linearise it."""
    random = np.random.default_rng(1)
    weights = random.integers(50, 200, 40).astype(float)
    totals = weights * random.normal(3, 0.3, 40)
    others = totals + weights * random.normal(0.05, 0.02, 40)
    tables = [sums_of(own, weights, "token_perplexity") for own in (others, totals)]
    value, difference = describe(tables[0], {"native": tables[1]})

    def statistic(left_out):
        rest = np.arange(40) != left_out
        means = [own[rest].sum() / weights[rest].sum() for own in (others, totals)]
        return np.exp(means[0]) - np.exp(means[1])

    jackknife = np.array([statistic(document) for document in range(40)])
    error = np.sqrt(39 / 40 * ((jackknife - jackknife.mean()) ** 2).sum())
    assert difference["metric"] == "token_perplexity_difference"
    assert difference["value"] == pytest.approx(statistic(None))
    assert difference["standard_error"] == pytest.approx(error, rel=0.05)
    width = difference["ci_high"] - difference["ci_low"]
    assert width == pytest.approx(2 * t.ppf(0.975, 39) * difference["standard_error"])
    # pairing removes what texts differ in
    assert value["ci_high"] - value["ci_low"] > 3 * width
    assert value["ci_low"] > 0


def test_one_document_has_no_interval():
    (row,) = describe(sums_of([3.0], [2.0]), {})
    assert row["value"] == 1.5
    assert row["interval"] == ""
    assert "ci_low" not in row


def test_intervals_cover_the_truth():
    """12 documents of 240 tokens each, fewer than `make` has: differences of log-loss are nearly
    independent by token and long-tailed, KL is skewed and differs by document."""
    random = np.random.default_rng(2)
    draws, documents = 2000, 12
    covered = {"log-loss difference": 0, "KL": 0, "perplexity": 0}
    for _ in range(draws):
        weights = random.integers(200, 256, documents).astype(float)
        native = random.normal(3.1, 0.3, documents)
        tokens = random.standard_t(4, (documents, 240)).mean(1) * 0.09
        moved = random.normal(0.002, 0.002, documents) + tokens
        divergence = 0.004 * np.exp(random.normal(-0.045, 0.3, documents))
        for name, means, form, truth in [
            ("log-loss difference", moved, MEAN, 0.002),
            ("KL", divergence, MEAN, 0.004),
            ("perplexity", native, EXP, np.exp(3.1)),
        ]:
            row = interval(*ratio_of(means * weights, weights), form)
            covered[name] += row["ci_low"] <= truth <= row["ci_high"]
    assert all(count >= 0.93 * draws for count in covered.values()), covered
