"""Choosing each layer's softmax: the published greedy search, and one with fewer forward passes.

greedy    layer 1 to N, earlier layers at their choice, later ones at the default; the candidate
          with the lowest perplexity is kept, as behind the paper's Fig. 7
descent   every layer starts at the candidate with the least error of its own attention's output,
          all found in one pass of the exact model; then layer by layer the few candidates with the
          least such error are tried with all others in place, and that of the least KL divergence
          from the exact model is kept
"""

from collections.abc import Callable, Sequence

import torch

from mugi.accuracy.finite import check_finite, stopped
from mugi.accuracy.trials import Text
from mugi.llm.layers import EXACT
from mugi.methods import Method

Measure = Callable[[Sequence[Method], int], dict[str, float]]
"""Returns `Text.score` of an assignment, kept; the next ones differ from a layer on."""
Scores = dict[str, dict[str, float]]  # method -> what `Text.score` returns


def distinct(methods: Sequence[Method]) -> dict[Method, Method]:
    """Return for each method the first with the same table: an anchor at either end of a LUT
    without a sliding window makes the same LUT. Of codes below 0, which softmax reads."""

    def table(method: Method) -> object:
        tables = method.stack("exp").tables
        return method if len(tables) > 1 else (tables[:, 1 << 15 :].tobytes(), method.normalize)

    first: dict[object, Method] = {}
    return {method: first.setdefault(table(method), method) for method in methods}


def uniform(score: Measure, methods: Sequence[Method], layers: int) -> Scores:
    """Return the scores of one candidate in all layers, for each candidate."""
    alike = distinct(methods)
    return {str(method): score([alike[method]] * layers, 0) for method in methods}


def greedy(
    score: Measure, methods: Sequence[Method], default: Method, layers: int
) -> tuple[list[Method], list[Scores]]:
    """Return the choice and the scores of all candidates, layer by layer."""
    alike = distinct(methods)
    chosen: list[Method] = []
    surface = []
    for layer in range(layers):
        behind = [default] * (layers - layer - 1)
        scores = {str(m): score([*chosen, alike[m], *behind], layer) for m in methods}
        chosen.append(_lowest(methods, scores, "nll_nats"))
        surface.append(scores)
    return chosen, surface


def local_errors(text: Text, methods: Sequence[Method]) -> list[dict[str, float]]:
    """Return for each layer method -> squared error of its attention's output, over that of exact.

    One pass of the model with exact softmax; each layer gets what the exact ones before give.
    Raises InputError for an error that is not finite.
    """
    layers = text.layers
    squares = torch.zeros(len(layers.all), 1 + len(methods), dtype=torch.float64)

    def watch(layer: int, *arguments) -> None:
        exact = layers.attention(EXACT)(*arguments).float()
        outputs = (layers.attention(method)(*arguments).float() - exact for method in methods)
        for column, difference in enumerate([exact, *outputs]):
            squares[layer, column] += difference.square().sum(dtype=torch.float64).item()

    text.keep(())
    layers.watch = watch
    try:
        text.keep([EXACT] * len(layers.all))
    finally:
        layers.watch = None
    errors = squares[:, 1:] / squares[:, :1]
    with stopped(layers.model, "each softmax that is tried"):
        for layer, own in enumerate(errors):
            check_finite(own, "error of the attention", f"layer {layer}")
    return [dict(zip(map(str, methods), row, strict=True)) for row in errors.tolist()]


def descent(
    score: Measure, errors: list[dict[str, float]], methods: Sequence[Method], tries: int
) -> tuple[list[Method], list[Scores]]:
    """Return the choice and the scores of what was tried, layer by layer."""
    own = list(dict.fromkeys(distinct(methods).values()))
    ranked = [sorted(own, key=lambda m, row=row: row[str(m)])[:tries] for row in errors]
    chosen = [options[0] for options in ranked]
    surface = []
    for layer, options in enumerate(ranked):
        before, behind = chosen[:layer], chosen[layer + 1 :]
        scores = {str(m): score([*before, m, *behind], layer) for m in options}
        chosen[layer] = _lowest(options, scores, "kl_divergence_nats")
        surface.append(scores)
    return chosen, surface


def _lowest(methods: Sequence[Method], scores: Scores, field: str) -> Method:
    return min(methods, key=lambda method: scores[str(method)][field])
