"""The metrics of accuracy.csv: each is defined here, once.

Every metric is a function of a ratio of sums over documents, a `total` over a `weight`. A metric of
tokens is a function that returns one number a scored token, registered by `token_metric` with its
unit and how it is formed from the mean; a second argument is the reference that it compares with.

To add one, write such a function here: tables, intervals and differences follow from it. Its name
joins the key of finished cells, so that windows are measured again; to change one, raise
`mugi.accuracy.VERSIONS`. Metrics whose sums come from elsewhere (lm-eval, speech, vision) are named
in METRICS, with their units and forms.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from mugi.accuracy.finite import check_finite


class Form(NamedTuple):
    """How a metric is formed from a mean (total / weight), and the derivative of that."""

    value: Callable[[float], float]
    slope: Callable[[float], float]


MEAN = Form(lambda mean: mean, lambda mean: 1.0)
EXP = Form(np.exp, np.exp)
BITS = Form(lambda nats: nats / math.log(2), lambda nats: 1 / math.log(2))


class Metric(NamedTuple):
    """A metric of tables.

    function: one number a scored token, from `Predictions` (and those of a reference), or None;
    compares: whether it is of a reference and the model, and not of the model alone; settled:
    whether tokens with little context before them are left out.
    """

    name: str
    unit: str
    form: Form = MEAN
    function: Callable | None = None
    compares: bool = False
    settled: bool = False


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        Metric("word_perplexity", "perplexity", EXP),  # from here on lm-eval's
        Metric("byte_perplexity", "perplexity", EXP),
        Metric("perplexity", "perplexity", EXP),
        Metric("bits_per_byte", "bits", BITS),
        Metric("acc", "share of questions"),
        Metric("acc_norm", "share of questions"),
        Metric("word_error_rate", "share of words"),  # of speech
        Metric("accuracy", "share of examples"),  # from here on of vision
        Metric("cross_entropy_nats", "nats"),
        Metric("feature_cosine", "cosine"),
        Metric("neighbour_agreement", "share of examples"),
        Metric("linear_probe_accuracy", "share of examples"),
    ]
}
"""Metric by name; those of tokens are registered below."""


def token_metric(unit: str, form: Form = MEAN, settled: bool = False) -> Callable:
    """Register a function of predictions as a metric, under its own name."""

    def register(function: Callable) -> Callable:
        compares = len(inspect.signature(function).parameters) > 1
        metric = Metric(function.__name__, unit, form, function, compares, settled)
        METRICS[metric.name] = metric
        return function

    return register


@token_metric("perplexity", EXP)
def token_perplexity(here):
    """Exp of the mean negative log-likelihood of a token."""
    return here.log_loss


@token_metric("nats")
def log_loss_nats(here):
    """Mean negative log-likelihood of a token."""
    return here.log_loss


@token_metric("nats", settled=True)
def kl_divergence_nats(here, reference):
    """Mean KL(reference ‖ here) of the next token's distribution.

    With logits W h it is Δ log Σ exp - E · (h - h_reference), where E = Wᵀ p of the reference: no
    term is large, and nothing of the vocabulary's size is kept.
    """
    moved = (reference.mean_features() * (here.features - reference.features)).sum(-1)
    return here.log_total - reference.log_total - moved


@token_metric("share of tokens")
def top1_agreement(here, reference):
    """Share of tokens for which both have the same most likely successor."""
    return here.best == reference.best


def metric_of(name: str) -> Metric:
    """Return the metric of a name in tables: METRIC or METRIC_difference, lm-eval's with a filter
    behind a comma; one that is not known is a mean without a unit."""
    known = name.removesuffix("_difference").partition(",")[0]
    return METRICS.get(known, Metric(known, ""))


def token_metrics() -> list[Metric]:
    """Return the metrics that are summed over the tokens of windows."""
    return [metric for metric in METRICS.values() if metric.function]


def token_sums(
    here, references: Mapping[str, object], documents: np.ndarray, first: int, kl_context: int
) -> list[dict]:
    """Return the sums of every token metric: document, metric, reference, total and weight.

    `here` and the named `references` are `Predictions` of the same scored tokens; `documents` of
    each, of which the first one stands at the place `first` of its window. `kl_context`: see
    `TextSettings.kl_context_tokens`. Raises NonFinite for a number that is NaN or infinite.
    """
    context = first + np.arange(len(documents))  # tokens of the window before each scored one
    rows = []
    for metric in token_metrics():
        for name, reference in references.items() if metric.compares else [("", None)]:
            arguments = [here, reference] if metric.compares else [here]
            values = metric.function(*arguments).double().cpu().numpy()
            check_finite(values, metric.name)
            scored = context >= (kl_context if metric.settled else 0)
            for document in np.unique(documents[scored]):
                own = scored & (documents == document)
                rows.append(
                    {"document": int(document), "metric": metric.name, "reference": name}
                    | {"total": float(values[own].sum()), "weight": int(own.sum())}
                )
    return rows


def over_documents(rows: list[dict]) -> pd.DataFrame:
    """Return document, metric, reference, total and weight, those of a document added up; the sum
    of what is not a number is none either."""
    columns = ["document", "metric", "reference", "total", "weight"]
    table = pd.DataFrame(rows, columns=columns)
    return table.groupby(columns[:3], sort=False).sum(skipna=False).reset_index()[columns]
