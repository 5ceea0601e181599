"""Choosing each layer's softmax: the published greedy search, and one with fewer forward passes.

greedy    layer 1 to N, earlier layers at their choice, later ones at the default; the candidate
          with the lowest perplexity is kept, as behind the paper's Fig. 7
descent   every layer starts at the candidate with the least error of its own attention's output,
          all found in one pass of the exact model; then layer by layer the few candidates with the
          least such error are tried with all others in place, and that of the least KL divergence
          from the exact model is kept

A measurement is a mapping of numbers, so that it can be kept in a cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import torch

from mugi.accuracy.layers import EXACT, Text
from mugi.approximations import Method, parse

GREEDY, DESCENT = "greedy", "descent"
UNIFORM = "uniform"
Scores = dict[str, dict[str, float]]  # method -> fields of its Score
Keep = Callable[[dict, Callable[[], object]], object]
"""Return the kept measurement of a key, or make and keep it."""


def candidates(base: str, max_exps: Sequence[int], min_exps: Sequence[int]) -> list[Method]:
    """Return VLP methods with the parameters of `base` and each anchor of the LUT window."""
    anchors = [f"max_exp={n}" for n in max_exps] + [f"min_exp={n}" for n in min_exps]
    joint = "," if ":" in base else ":"
    return [parse(f"{base}{joint}{anchor}", "exp") for anchor in anchors]


def distinct(methods: Sequence[Method]) -> dict[Method, Method]:
    """Return for each method the first that has the same tables: an anchor at either end of a LUT
    without a sliding window makes the same LUT."""
    seen: dict[tuple, Method] = {}
    found = {}
    for method in methods:
        stack = method.stack("exp")
        one = len(stack.tables) == 1
        rest = (method,) if not one else (method.normalize,)
        found[method] = seen.setdefault((stack.tables.tobytes(), *rest), method)
    return found


def uniform(text: Callable[[], Text], methods: Sequence[Method], keep: Keep) -> Scores:
    """Return the scores of one candidate in all layers, for each candidate."""

    def measure(method: Method) -> dict:
        layers = len(text().layers.all)
        return asdict(text().score([method] * layers))

    alike = distinct(methods)
    return {
        str(m): keep({"search": UNIFORM, "softmax": str(alike[m])}, lambda m=m: measure(alike[m]))
        for m in methods
    }


def greedy(
    text: Callable[[], Text], methods: Sequence[Method], default: Method, layers: int, keep: Keep
) -> tuple[list[Method], list[Scores]]:
    """Return the choice and the scores of all candidates, layer by layer."""
    alike = distinct(methods)
    chosen: list[Method] = []
    surface = []
    for layer in range(layers):
        behind = [default] * (layers - layer - 1)

        def measure(behind=behind) -> Scores:
            text().keep(chosen)
            own = dict.fromkeys(alike.values())
            scores = {m: asdict(text().score([*chosen, m, *behind])) for m in own}
            return {str(m): scores[alike[m]] for m in methods}

        key = {"search": GREEDY, "chosen": [*map(str, chosen)], "default": str(default)}
        found = keep(key | {"candidates": [*map(str, methods)]}, measure)
        chosen.append(min(methods, key=lambda m: found[str(m)]["nll_nats"]))
        surface.append(found)
    return chosen, surface


def local_errors(text: Callable[[], Text], methods: Sequence[Method], keep: Keep) -> list[dict]:
    """Return for each layer method -> squared error of its attention's output, over that of exact.

    One pass of the model with exact softmax; each layer gets what the exact ones before give.
    """

    def measure() -> list[dict[str, float]]:
        layers = text().layers
        squares = torch.zeros(len(layers.all), 1 + len(methods), dtype=torch.float64)

        def watch(layer: int, *arguments) -> None:
            exact = layers.attention(EXACT)(*arguments).float()
            outputs = (layers.attention(method)(*arguments).float() - exact for method in methods)
            for column, part in enumerate([exact, *outputs]):
                squares[layer, column] += part.square().sum(dtype=torch.float64).item()

        text().keep(())
        layers.watch = watch
        try:
            text().keep([EXACT] * len(layers.all))
        finally:
            layers.watch = None
        errors = squares[:, 1:] / squares[:, :1]
        return [dict(zip(map(str, methods), row, strict=True)) for row in errors.tolist()]

    return keep({"search": "local", "candidates": [*map(str, methods)]}, measure)


def descent(
    text: Callable[[], Text], errors: list[dict], methods: Sequence[Method], tries: int, keep: Keep
) -> tuple[list[Method], list[Scores]]:
    """Return the choice and the scores of what was tried, layer by layer."""
    alike = distinct(methods)
    ranked = [
        sorted(dict.fromkeys(alike.values()), key=lambda method, row=row: row[str(method)])[:tries]
        for row in errors
    ]
    chosen = [row[0] for row in ranked]
    surface, now = [], None
    for layer, options in enumerate(ranked):

        def measure(layer=layer, others=options if now is None else options[1:]) -> Scores:
            text().keep(chosen[:layer])
            trials = {m: [*chosen[:layer], m, *chosen[layer + 1 :]] for m in others}
            return {str(m): asdict(text().score(trial)) for m, trial in trials.items()}

        key = {"search": DESCENT, "chosen": [*map(str, chosen)], "layer": layer}
        found = keep(key | {"candidates": [*map(str, options)]}, measure)
        if now is not None:  # the layer's first option is in place already
            found = {str(options[0]): now, **found}
        chosen[layer] = min(options, key=lambda m: found[str(m)]["kl_divergence_nats"])
        now = found[str(chosen[layer])]
        surface.append(found)
    return chosen, surface


def progress(
    text: Callable[[], Text], chosen: Sequence[Method], default: Method, split: str, keep: Keep
) -> list[dict[str, float]]:
    """Return the score with the first 0, 1, … all layers at their choice, the others at default."""

    def measure(tuned: int) -> dict:
        text().keep(chosen[: max(0, tuned - 1)])
        return asdict(text().score([*chosen[:tuned], *[default] * (len(chosen) - tuned)]))

    key = {"progress": split, "default": str(default)}
    return [
        keep(key | {"chosen": [*map(str, chosen[:tuned])]}, lambda tuned=tuned: measure(tuned))
        for tuned in range(len(chosen) + 1)
    ]
