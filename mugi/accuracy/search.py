"""Choosing each layer's softmax: the published greedy search, and one with fewer forward passes.

greedy    layer 1 to N, earlier layers at their choice, later ones at the default; the candidate
          with the lowest perplexity is kept, as behind the paper's Fig. 7
descent   every layer starts at the candidate with the least error of its own attention's output,
          all found in one pass of the exact model; then layer by layer the few candidates with the
          least such error are tried with all others in place, and that of the least KL divergence
          from the exact model is kept

A measurement is a mapping of numbers, so that it can be kept in a cell.
"""

from collections.abc import Sequence

import torch

from mugi.accuracy.sharing import tables_key
from mugi.accuracy.trials import Split
from mugi.llm.layers import EXACT
from mugi.methods import Method

UNIFORM, GREEDY, DESCENT = "uniform", "greedy", "descent"
Scores = dict[str, dict[str, float]]  # method -> fields of its `trials.Score`


def distinct(methods: Sequence[Method]) -> dict[Method, Method]:
    """Return for each method the first that gives the same softmax."""
    first: dict[object, Method] = {}
    return {method: first.setdefault(tables_key(method, "exp"), method) for method in methods}


def uniform(split: Split, methods: Sequence[Method], layers: int) -> Scores:
    """Return the scores of one candidate in all layers, for each candidate."""
    alike = distinct(methods)
    return {str(method): split.score([alike[method]] * layers) for method in methods}


def greedy(
    split: Split, methods: Sequence[Method], default: Method, layers: int
) -> tuple[list[Method], list[Scores]]:
    """Return the choice and the scores of all candidates, layer by layer."""
    alike = distinct(methods)
    chosen: list[Method] = []
    surface = []
    for layer in range(layers):
        behind = [default] * (layers - layer - 1)
        scores = {
            str(method): split.score([*chosen, alike[method], *behind], layer) for method in methods
        }
        chosen.append(min(methods, key=lambda method, s=scores: s[str(method)]["nll_nats"]))
        surface.append(scores)
    return chosen, surface


def local_errors(split: Split, methods: Sequence[Method]) -> list[dict[str, float]]:
    """Return for each layer method -> squared error of its attention's output, over that of exact.

    One pass of the model with exact softmax; each layer gets what the exact ones before give.
    """

    def measure() -> list[dict[str, float]]:
        text = split.text()
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
        return [dict(zip(map(str, methods), row, strict=True)) for row in errors.tolist()]

    key = {"split": split.name, "local_errors": [*map(str, methods)]}
    return split.keep(key, measure)


def descent(
    split: Split, errors: list[dict[str, float]], methods: Sequence[Method], tries: int
) -> tuple[list[Method], list[Scores]]:
    """Return the choice and the scores of what was tried, layer by layer."""
    own = list(dict.fromkeys(distinct(methods).values()))
    ranked = [sorted(own, key=lambda m, row=row: row[str(m)])[:tries] for row in errors]
    chosen = [options[0] for options in ranked]
    surface = []
    for layer, options in enumerate(ranked):
        before, behind = chosen[:layer], chosen[layer + 1 :]
        scores = {str(m): split.score([*before, m, *behind], layer) for m in options}
        chosen[layer] = min(options, key=lambda m, s=scores: s[str(m)]["kl_divergence_nats"])
        surface.append(scores)
    return chosen, surface


def progress(split: Split, chosen: Sequence[Method], default: Method) -> list[dict[str, float]]:
    """Return the score with the first 0, 1, … all layers at their choice, the others at default."""
    layers = len(chosen)
    return [
        split.score([*chosen[:tuned], *[default] * (layers - tuned)], max(0, tuned - 1))
        for tuned in range(layers + 1)
    ]
