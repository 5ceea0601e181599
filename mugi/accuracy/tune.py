"""Each layer's own LUT window, chosen on one half of a text and reported on the other."""

import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

from mugi.accuracy.cells import Cells, definitions, model_key, text_key
from mugi.accuracy.settings import at_least, context_mistakes
from mugi.errors import InputError, Mistake, raise_all
from mugi.llm import texts
from mugi.llm.settings import ModelSettings, device_kind
from mugi.methods import EXACT, NATIVE, Method, parse

SPLITS = ["tuning", "held_out"]
MEASURED = [
    *["token_perplexity", "nll_nats", "kl_divergence_nats", "top1_agreement"],
    *["nll_minus_exact_nats", "standard_error_nats", "tokens"],
]
SETTING = [
    *["text", "text_sha256", "window_tokens", "kl_context_tokens", "default", "dtype", "device"],
]
SUMMARY = ["model", "assignment", "chosen_by", "split", *MEASURED, *SETTING]
CURVE = ["model", "search", "split", "tuned_layers", "layers", "softmax", *MEASURED, *SETTING]
SURFACE = [
    *["model", "search", "layer", "layers", "softmax", "chosen", "attention_error"],
    *["token_perplexity", "kl_divergence_nats", "tokens", *SETTING],
]


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """What is tried for each layer's softmax, and on what text.

    max_exp, min_exp: anchors of the LUT window that are tried with the other parameters of VLP,
    `base`; default: anchor of layers not yet tuned, as `max_exp=N`; tries: candidates a layer of
    the descent; text: prose, pydoc, c4 (network) or a file; windows and held_out_windows: to tune
    and to report on, of `window_tokens` each; kl_context_tokens: of a window, before the first
    token whose KL divergence is scored.
    """

    max_exp: tuple[int, ...] = ()
    min_exp: tuple[int, ...] = ()
    base: str = "vlp:lut=8"
    default: str = "max_exp=2"
    tries: int = 4
    text: str = "prose"
    window_tokens: int = 512
    windows: int = 1
    held_out_windows: int = 2
    kl_context_tokens: int = 16

    def __post_init__(self):
        mistakes = at_least(
            1, windows=self.windows, held_out_windows=self.held_out_windows, tries=self.tries
        )
        mistakes += context_mistakes(self.window_tokens, self.kl_context_tokens)
        raise_all(mistakes)
        if len(self.candidates()) < 2:
            raise InputError("give at least 2 candidates by max_exp and min_exp")
        self.default_method()
        texts.check_text(self.text)

    def candidates(self) -> list[Method]:
        """Return VLP with each anchor of the LUT window."""
        return candidates(self.base, self.max_exp, self.min_exp)

    def default_method(self) -> Method:
        """Return VLP with the anchor of layers not yet tuned."""
        name, _, value = self.default.partition("=")
        if name not in ("max_exp", "min_exp") or not value.lstrip("-").isdigit():
            what = "must be max_exp=N or min_exp=N"
            raise InputError(Mistake(what, where=f"default {self.default}"))
        return parse(f"{self.base},{self.default}", "exp")


class Tuning(NamedTuple):
    """summary: assignments on both splits; curve: by number of tuned layers; surface: every
    candidate of every layer. Columns: SUMMARY, CURVE, SURFACE."""

    summary: pd.DataFrame
    curve: pd.DataFrame
    surface: pd.DataFrame


def candidates(base: str, max_exps: Sequence[int], min_exps: Sequence[int]) -> list[Method]:
    """Return VLP methods with the parameters of `base` and each anchor of the LUT window."""
    anchors = [f"max_exp={n}" for n in max_exps] + [f"min_exp={n}" for n in min_exps]
    return [parse(f"{base},{anchor}", "exp") for anchor in anchors]


def tune_softmax(
    *,
    model: ModelSettings,
    settings: TuneSettings,
    cells: Path | None = None,
    progress: bool = False,
) -> Tuning:
    """Search a LUT window for the softmax of each layer; score what is found on both splits.

    cells: folder where finished measurements are kept; progress: whether to show a bar on the error
    stream. Raises InputError for models that cannot be run from a layer on and for short texts.
    """
    model.check()
    bar = tqdm(unit="step", desc=model.name, file=sys.stderr, disable=not progress)
    with bar, ExitStack() as stack:
        bench = _Bench(model, settings, Cells(cells), stack, bar)
        searches = _searches(bench)
        curve, summary = _curve(bench, searches), _summary(bench, searches)
    setting = bench.setting | {
        "model": model.name,
        "default": str(settings.default_method()),
        "dtype": model.dtype,
        "device": device_kind(model.device),
    }
    tables = (summary, SUMMARY), (curve, CURVE), (_surface(bench.methods, searches), SURFACE)
    return Tuning(
        *(pd.DataFrame([row | setting for row in rows], columns=names) for rows, names in tables)
    )


class _Bench:
    """The model and both splits of the text, loaded for the first measurement that is not kept."""

    def __init__(
        self,
        model: ModelSettings,
        settings: TuneSettings,
        cells: Cells,
        stack: ExitStack,
        bar: tqdm,
    ):
        self.model, self.settings, self.cells = model, settings, cells
        self.stack, self.bar, self.methods = stack, bar, settings.candidates()
        self.kept: dict[str, object] = {}
        shared = text_key(settings.text)
        self.setting = {
            "text": settings.text,
            "text_sha256": shared["text_sha256"],
            "window_tokens": settings.window_tokens,
            "kl_context_tokens": settings.kl_context_tokens,
        }
        self.key = model_key(model) | definitions("tuning") | shared | self.setting
        self.key["windows"] = [settings.windows, settings.held_out_windows]
        self.key["base"] = settings.base
        self.key["bos"] = "auto"

    def keep(self, key: dict, measure: Callable[[], object]) -> object:
        """Return the kept value of `key`, or measure and keep it."""
        name = json.dumps(key)
        if name not in self.kept:
            value = self.cells.read(self.key | key)
            if value is None:
                value = measure()
                self.cells.write(self.key | key, value)
            self.kept[name] = value
            self.bar.update()
        return self.kept[name]

    def score(self, split: str, assignment: Sequence[Method], layer: int = 0) -> dict[str, float]:
        """Return the score of a method a layer on a split, see `trials.Text.score_features`; states
        in front of `layer` are kept for the assignments that are scored next."""

        def measure() -> dict[str, float]:
            self.texts[split].keep(assignment[:layer])
            return self.texts[split].score(assignment)

        return self.keep({"split": split, "assignment": [*map(str, assignment)]}, measure)

    def native_score(self, split: str) -> dict[str, float]:
        """Return the score of the untouched model."""
        key = {"split": split, "assignment": NATIVE}
        return self.keep(key, lambda: self.texts[split].score_features(self.native[split], NATIVE))

    @cached_property
    def texts(self) -> dict:
        """The windows of each split, with the model's layers, ready for a softmax each."""
        import torch

        from mugi.accuracy.finite import check_finite, stopped
        from mugi.accuracy.predictions import Head
        from mugi.accuracy.trials import Text
        from mugi.llm.layers import layered
        from mugi.llm.load import load

        model, tokenizer = load(self.model)
        windows = dict(zip(SPLITS, self.cut(model, tokenizer), strict=True))
        head = Head(model)
        with torch.inference_mode():
            self.native = {
                split: [head.features(window[None])[0] for window in own]
                for split, own in windows.items()
            }
        with stopped(model, NATIVE):
            for split, features in self.native.items():
                for number, own in enumerate(features, 1):
                    check_finite(own, "hidden states", f"window {number} of {split}")
        layers, context = self.stack.enter_context(layered(model)), self.settings.kl_context_tokens
        return {split: Text(layers, head, own, context) for split, own in windows.items()}

    def cut(self, model, tokenizer) -> list:
        """Cut the windows of both splits, each (windows, tokens): documents of the first and the
        second half. Of C4 the first documents of a window's length are tuned on, the next ones held
        out."""
        length = self.settings.window_tokens
        counts = [self.settings.windows, self.settings.held_out_windows]
        if self.settings.text == texts.C4:
            import torch

            from mugi.accuracy.windows import beginnings

            windows = beginnings(texts.c4_documents(), tokenizer, length, sum(counts))
            tokens = torch.stack([window.tokens for window in windows]).to(model.device)
            return list(tokens.split(counts))
        return [
            texts.first_tokens(model, tokenizer, half, count * length, length).view(count, -1)
            for half, count in zip(
                halve(texts.text(self.settings.text).documents), counts, strict=True
            )
        ]


def halve(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the documents of the first half of a text's characters, and the others."""
    whole, seen, first = sum(map(len, documents)), 0, 0
    while first < len(documents) and seen + len(documents[first]) <= whole / 2:
        seen += len(documents[first])
        first += 1
    return list(documents[:first]), list(documents[first:])


def _searches(bench: _Bench) -> dict:
    """Return search -> (choice by layer, scores of the candidates, errors of the attention)."""
    from mugi.accuracy import search  # imports torch

    methods, tries = bench.methods, bench.settings.tries
    tuning = SPLITS[0]
    layers = bench.keep({"shape": "layers"}, lambda: len(bench.texts[tuning].layers.all))
    bench.bar.total = layers * (len({*search.distinct(methods).values()}) + tries + 3)
    score = partial(bench.score, tuning)
    uniform = search.uniform(score, methods, layers)
    best = min(methods, key=lambda method: uniform[str(method)]["kl_divergence_nats"])
    key = {"split": tuning, "local_errors": [*map(str, methods)]}
    errors = bench.keep(key, lambda: search.local_errors(bench.texts[tuning], methods))
    greedy = search.greedy(score, methods, bench.settings.default_method(), layers)
    return {
        "uniform": ([best] * layers, [uniform], None),
        "greedy": (*greedy, None),
        "descent": (*search.descent(score, errors, methods, tries), errors),
    }


def _summary(bench: _Bench, searches: dict) -> list[dict]:
    """Return the scores of every assignment on both splits."""
    layers = len(searches["greedy"][0])
    assignments = {
        EXACT: ("", [parse(EXACT)] * layers),
        "uniform_default": ("", [bench.settings.default_method()] * layers),
        "uniform_best": ("lowest KL divergence", searches["uniform"][0]),
        "greedy": ("lowest perplexity", searches["greedy"][0]),
        "descent": ("lowest KL divergence", searches["descent"][0]),
    }
    rows = []
    for split in SPLITS:
        rows.append(_row(bench.native_score(split)) | {"assignment": NATIVE, "split": split})
        for name, (by, chosen) in assignments.items():
            place = {"assignment": name, "chosen_by": by, "split": split}
            rows.append(_row(bench.score(split, chosen)) | place)
    return rows


def _curve(bench: _Bench, searches: dict) -> list[dict]:
    """Return the scores with the first 0, 1, … all layers at their choice, the others at the
    default, for both searches on both splits."""
    rows, default = [], bench.settings.default_method()
    for name, split in product(("greedy", "descent"), SPLITS):
        chosen = searches[name][0]
        for tuned in range(len(chosen) + 1):
            assignment = [*chosen[:tuned], *[default] * (len(chosen) - tuned)]
            score = bench.score(split, assignment, max(0, tuned - 1))
            place = {"search": name, "split": split, "tuned_layers": tuned}
            softmax = str(chosen[tuned - 1]) if tuned else ""
            rows.append(_row(score) | place | {"layers": len(chosen), "softmax": softmax})
    return rows


def _surface(methods: list[Method], searches: dict) -> list[dict]:
    """Return every candidate that was scored, layer by layer, and its attention's own error."""
    rows = []
    for name, (chosen, surface, errors) in searches.items():
        for layer, scores in enumerate(surface):
            for method in map(str, methods):
                error = errors[layer][method] if errors else None
                if method in scores or errors:
                    rows.append(
                        _row(scores.get(method, {}))
                        | {"search": name, "layer": "all" if name == "uniform" else layer}
                        | {"layers": len(chosen), "softmax": method, "attention_error": error}
                        | {"chosen": method == str(chosen[layer])}
                    )
    return rows


def _row(score: dict) -> dict:
    return {**score, "token_perplexity": math.exp(score["nll_nats"])} if score else {}
