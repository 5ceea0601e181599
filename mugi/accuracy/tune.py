"""Each layer's own LUT window, chosen on one half of a text and reported on the other."""

import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

from mugi.accuracy.cells import Cells, definitions, model_key
from mugi.accuracy.settings import at_least
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
        window = self.window_tokens
        if window < 2:
            mistakes.append(Mistake("must be at least 2 tokens", where=f"window {window}"))
        elif not 1 <= self.kl_context_tokens < window:
            what = f"must be at least 1 and less than {window} (the window)"
            mistakes.append(Mistake(what, where=f"kl-context {self.kl_context_tokens}"))
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
    from mugi.accuracy import search  # imports torch

    methods, default = settings.candidates(), settings.default_method()
    model.check()
    with ExitStack() as stack:
        bench = _Bench(model, settings, Cells(cells), stack, progress)
        layers = bench.keep({"shape": "layers"}, lambda: len(bench.layers.all))
        bench.bar.total = layers * (len(search.distinct(methods)) + settings.tries + 3)
        tuning, held_out = (bench.split(name) for name in SPLITS)
        searches = _searches(tuning, methods, default, layers, settings.tries)
        curve = _curve([tuning, held_out], searches, default)
        summary = _summary(bench, [tuning, held_out], searches, default)
    setting = {
        "model": model.name,
        "text": settings.text,
        "text_sha256": bench.text_sha256,
        "window_tokens": settings.window_tokens,
        "kl_context_tokens": settings.kl_context_tokens,
        "default": str(default),
        "dtype": model.dtype,
        "device": device_kind(model.device),
    }
    tables = {
        "summary": (summary, SUMMARY),
        "curve": (curve, CURVE),
        "surface": (_surface(searches, methods, layers), SURFACE),
    }
    return Tuning(
        **{
            name: pd.DataFrame([row | setting for row in rows], columns=columns)
            for name, (rows, columns) in tables.items()
        }
    )


class _Bench:
    """The model and both splits of the text, loaded for the first measurement that is not kept."""

    def __init__(
        self,
        model: ModelSettings,
        settings: TuneSettings,
        cells: Cells,
        stack: ExitStack,
        progress: bool,
    ):
        self.model, self.settings, self.cells, self.stack = model, settings, cells, stack
        text = None if settings.text == texts.C4 else texts.text(settings.text)
        self.documents = text.documents if text else None
        self.text_sha256 = text.sha256 if text else ""
        self.kept: dict[str, object] = {}
        bar = tqdm(unit="step", desc=model.name, file=sys.stderr, disable=not progress)
        self.bar = stack.enter_context(bar)
        self.key = (
            model_key(model)
            | definitions("tuning")
            | {
                "text": settings.text,
                "text_sha256": self.text_sha256,
                "window_tokens": settings.window_tokens,
                "kl_context_tokens": settings.kl_context_tokens,
                "windows": [settings.windows, settings.held_out_windows],
                "base": settings.base,
            }
        )
        if text is None:
            from mugi.llm import hub

            self.key["datasets"] = hub.revisions([texts.C4_DATASET])

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

    @cached_property
    def layers(self):
        """The model's layers, ready for a softmax each."""
        import torch

        from mugi.accuracy.predictions import Head
        from mugi.llm.layers import layered
        from mugi.llm.load import load

        model, tokenizer = load(self.model)
        self.windows = dict(zip(SPLITS, self.cut(model, tokenizer), strict=True))
        self.head = Head(model)
        with torch.inference_mode():
            self.native = {
                name: [self.head.features(window[None])[0] for window in windows]
                for name, windows in self.windows.items()
            }
        return self.stack.enter_context(layered(model))

    def cut(self, model, tokenizer) -> list:
        """Cut the windows of both splits, each (windows, tokens): documents of the first and the
        second half. Of C4 the first documents of a window's length are tuned on, the next ones held
        out."""
        length = self.settings.window_tokens
        counts = [self.settings.windows, self.settings.held_out_windows]
        if self.documents is None:
            import torch

            from mugi.accuracy.windows import beginnings

            windows = beginnings(texts.c4_documents(), tokenizer, length, sum(counts))
            tokens = torch.stack([window.tokens for window in windows]).to(model.device)
            return list(tokens.split(counts))
        return [
            texts.first_tokens(model, tokenizer, half, count * length, length).view(count, -1)
            for half, count in zip(halve(self.documents), counts, strict=True)
        ]

    def split(self, name: str):
        """Return one split, whose text is cut and run only if something has to be measured."""
        from mugi.accuracy.trials import Split, Text

        @cache
        def text() -> Text:
            layers = self.layers
            context = self.settings.kl_context_tokens
            return Text(layers, self.head, self.windows[name], context)

        return Split(name, text, self.keep)


def halve(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the documents of the first half of a text's characters, and the others."""
    whole, seen, first = sum(map(len, documents)), 0, 0
    while first < len(documents) and seen + len(documents[first]) <= whole / 2:
        seen += len(documents[first])
        first += 1
    return list(documents[:first]), list(documents[first:])


def _searches(split, methods: list[Method], default: Method, layers: int, tries: int) -> dict:
    """Return search -> (choice by layer, scores of the candidates, errors of the attention)."""
    from mugi.accuracy import search

    uniform = search.uniform(split, methods, layers)
    best = min(methods, key=lambda method: uniform[str(method)]["kl_divergence_nats"])
    errors = search.local_errors(split, methods)
    return {
        search.UNIFORM: ([best] * layers, [uniform], None),
        search.GREEDY: (*search.greedy(split, methods, default, layers), None),
        search.DESCENT: (*search.descent(split, errors, methods, tries), errors),
    }


def _summary(bench: _Bench, splits: list, searches: dict, default: Method) -> list[dict]:
    """Return the scores of every assignment on both splits."""
    layers = len(searches["greedy"][0])
    assignments = {
        EXACT: ("", [parse(EXACT)] * layers),
        "uniform_default": ("", [default] * layers),
        "uniform_best": ("lowest KL divergence", searches["uniform"][0]),
        "greedy": ("lowest perplexity", searches["greedy"][0]),
        "descent": ("lowest KL divergence", searches["descent"][0]),
    }
    rows = []
    for split in splits:

        def native(split=split) -> dict:
            text = split.text()
            return asdict(text.score_features(bench.native[split.name]))

        score = split.keep({"split": split.name, "assignment": NATIVE}, native)
        rows.append(_row(score) | {"assignment": NATIVE, "split": split.name})
        for name, (by, chosen) in assignments.items():
            place = {"assignment": name, "chosen_by": by, "split": split.name}
            rows.append(_row(split.score(chosen)) | place)
    return rows


def _curve(splits: list, searches: dict, default: Method) -> list[dict]:
    """Return the scores with the first 0, 1, … layers tuned, by both searches on both splits."""
    from mugi.accuracy import search

    rows = []
    for name in (search.GREEDY, search.DESCENT):
        chosen = searches[name][0]
        for split in splits:
            for tuned, score in enumerate(search.progress(split, chosen, default)):
                place = {"search": name, "split": split.name, "tuned_layers": tuned}
                softmax = str(chosen[tuned - 1]) if tuned else ""
                rows.append(_row(score) | place | {"layers": len(chosen), "softmax": softmax})
    return rows


def _surface(searches: dict, methods: list[Method], layers: int) -> list[dict]:
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
                        | {"layers": layers, "softmax": method, "attention_error": error}
                        | {"chosen": method == str(chosen[layer])}
                    )
    return rows


def _row(score: dict) -> dict:
    return {**score, "token_perplexity": math.exp(score["nll_nats"])} if score else {}
