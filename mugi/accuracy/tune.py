"""`mugi tune`: each layer's own LUT window, chosen on one text and reported on another."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mugi.accuracy import cells, subject
from mugi.errors import InputError
from mugi.files import check_writable, write_table
from mugi.llm import checkpoint
from mugi.llm import texts as corpus
from mugi.llm.settings import device_kind
from mugi.methods import NATIVE, Method, parse

SPLITS = ["tuning", "held_out"]
EXACT = "exact"
MEASURED = [
    *["token_perplexity", "nll_nats", "kl_divergence_nats", "top1_agreement"],
    *["nll_minus_exact_nats", "standard_error_nats", "tokens"],
]
SETTING = ["text", "text_sha256", "window_tokens", "default", "dtype", "device"]
SUMMARY = ["model", "assignment", "chosen_by", "split", *MEASURED, *SETTING]
CURVE = ["model", "search", "split", "tuned_layers", "layers", "softmax", *MEASURED, *SETTING]
SURFACE = [
    *["model", "search", "layer", "layers", "softmax", "chosen", "attention_error"],
    *["token_perplexity", "kl_divergence_nats", "tokens", *SETTING],
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi tune`."""
    subject.add_arguments(parser)
    parser.add_argument("--base", default="vlp:lut=8", help="VLP without its anchor")
    for name in ("--max-exp", "--min-exp"):
        parser.add_argument(
            name, type=int, action="append", default=[], help="candidate anchor (repeat for more)"
        )
    parser.add_argument("--default", default="max_exp=2", help="anchor of layers not yet tuned")
    parser.add_argument("--tries", type=int, default=4, help="candidates a layer of the descent")
    parser.add_argument("--text", default="prose", help="prose, pydoc, c4 (network) or a text file")
    parser.add_argument("--window", type=int, default=512, help="tokens in a window")
    parser.add_argument("--windows", type=int, default=1, help="windows to tune on")
    parser.add_argument("--held-out-windows", type=int, default=2, help="windows to report on")
    parser.add_argument("--cells", type=Path, help="folder that keeps finished measurements")
    parser.add_argument("-o", "--output", type=Path, required=True, help="summary, as CSV")
    parser.add_argument("--curve", type=Path, help="scores by number of tuned layers, as CSV")
    parser.add_argument("--surface", type=Path, help="every candidate of every layer, as CSV")


def run(args: argparse.Namespace) -> None:
    """Search the assignments, score them on both splits and write the tables."""
    _check(args)
    from mugi.accuracy import tuning

    methods = tuning.candidates(args.base, args.max_exp, args.min_exp)
    (default,) = tuning.candidates(args.base, *_anchors(args.default))
    if len(methods) < 2:
        raise InputError("give at least 2 candidates by --max-exp and --min-exp")
    for path in filter(None, [args.output, args.curve, args.surface]):
        check_writable(path)
    with ExitStack() as stack:
        bench = Bench(args, stack)
        layers = bench.keep({"shape": "layers"}, lambda: len(bench.layers.all))
        bench.bar.total = layers * (len(tuning.distinct(methods)) + args.tries + 3)
        splits = [bench.split(name) for name in SPLITS]
        found = _search(splits[0], methods, default, layers, args.tries)
        curve = _curve(splits, found, default)
        summary = _summary(bench, splits, found, default)
    setting = {
        "model": args.name,
        "text": args.text,
        "text_sha256": bench.text_sha256,
        "window_tokens": args.window,
        "default": str(default),
        "dtype": args.dtype,
        "device": bench.device,
    }
    tables = {args.output: (summary, SUMMARY), args.curve: (curve, CURVE)}
    tables[args.surface] = (_surface(found, methods, layers), SURFACE)
    for path, (rows, columns) in tables.items():
        if path:
            write_table(pd.DataFrame([row | setting for row in rows], columns=columns), path)


def _check(args: argparse.Namespace) -> None:
    if args.window < 2:
        raise InputError(f"--window {args.window}: must be at least 2 tokens")
    for name in ("windows", "held_out_windows", "tries"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            raise InputError(f"--{option} {getattr(args, name)}: must be at least 1")


def _anchors(text: str) -> tuple[list[int], list[int]]:
    name, _, value = text.partition("=")
    try:
        return {"max_exp": ([int(value)], []), "min_exp": ([], [int(value)])}[name]
    except (KeyError, ValueError):
        raise InputError(f"--default {text}: must be max_exp=N or min_exp=N") from None


class Bench:
    """The model and both splits of the text, loaded for the first measurement that is not kept."""

    def __init__(self, args: argparse.Namespace, stack: ExitStack):
        subject.check(args)
        self.args, self.stack = args, stack
        self.text = None if args.text == corpus.C4 else corpus.text(args.text)
        self.text_sha256 = self.text.sha256 if self.text else ""
        self.device = device_kind(args.device)
        self.kept: dict[str, object] = {}
        self.cells = cells.Cells(args.cells)
        self.bar = stack.enter_context(tqdm(unit="step", desc=args.name, file=sys.stderr))
        version = {}
        if self.text is None:
            from mugi.llm import hub

            version = {"datasets": hub.revisions([corpus.C4_DATASET])}
        self.key = version | {
            "code": cells.code_digest("mugi.accuracy.tune"),
            "versions": cells.versions(),
            "checkpoint": checkpoint.model_digest(args.model),
            "dtype": args.dtype,
            "attention": args.attention,
            "device": self.device,
            "text": args.text,
            "text_sha256": self.text_sha256,
            "window_tokens": args.window,
            "windows": [args.windows, args.held_out_windows],
            "base": args.base,
        }

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
        from mugi.llm.layers import layered

        model, tokenizer = subject.load(self.args)
        self.windows = dict(zip(SPLITS, self._windows(model, tokenizer), strict=True))
        self.native = {split: _logits(model, self.windows[split]) for split in SPLITS}
        return self.stack.enter_context(layered(model))

    def _windows(self, model, tokenizer) -> list:
        """Cut the windows of both splits: documents of the first and the second half.

        Of C4 the first documents of a window's length are tuned on, the next ones held out.
        """
        args = self.args
        counts = [args.windows, args.held_out_windows]
        if self.text is None:
            import torch

            from mugi.accuracy.perplexity import whole

            cut = whole(corpus.c4_documents(), tokenizer, args.window, sum(counts))
            rows = torch.stack([window.tokens for window in cut]).to(model.device)
            return list(rows.split(counts))
        return [
            subject.tokens(model, tokenizer, half, count * args.window, args.window).view(count, -1)
            for half, count in zip(halve(self.text.documents), counts, strict=True)
        ]

    def split(self, name: str):
        """Return one split, whose text is cut and run only if something has to be measured."""
        from mugi.accuracy.tuning import Split
        from mugi.accuracy.tuning_score import Text

        @cache
        def text() -> Text:
            layers = self.layers
            return Text(layers, self.windows[name])

        return Split(name, text, self.keep)


def halve(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the documents of the first half of a text's characters, and the others."""
    whole, seen, first = sum(map(len, documents)), 0, 0
    while first < len(documents) and seen + len(documents[first]) <= whole / 2:
        seen += len(documents[first])
        first += 1
    return list(documents[:first]), list(documents[first:])


def _logits(model, windows) -> list:
    import torch

    with torch.inference_mode():
        return [model(window[None], use_cache=False).logits[0] for window in windows]


def _search(split, methods: list[Method], default: Method, layers: int, tries: int) -> dict:
    """Return search -> (choice by layer, scores of the candidates, errors of the attention)."""
    from mugi.accuracy import tuning

    uniform = tuning.uniform(split, methods, layers)
    best = min(methods, key=lambda method: uniform[str(method)]["kl_divergence_nats"])
    errors = tuning.local_errors(split, methods)
    return {
        tuning.UNIFORM: ([best] * layers, [uniform], None),
        tuning.GREEDY: (*tuning.greedy(split, methods, default, layers), None),
        tuning.DESCENT: (*tuning.descent(split, errors, methods, tries), errors),
    }


def _summary(bench: Bench, splits: list, found: dict, default: Method) -> list[dict]:
    """Return the scores of every assignment on both splits."""
    layers = len(found["greedy"][0])
    assignments = {
        EXACT: ("", [parse(EXACT)] * layers),
        "uniform_default": ("", [default] * layers),
        "uniform_best": ("lowest KL divergence", found["uniform"][0]),
        "greedy": ("lowest perplexity", found["greedy"][0]),
        "descent": ("lowest KL divergence", found["descent"][0]),
    }
    rows = []
    for split in splits:

        def native(split=split) -> dict:
            text = split.text()
            return asdict(text.score_logits(iter(bench.native[split.name])))

        score = split.keep({"split": split.name, "assignment": NATIVE}, native)
        rows.append(_row(score) | {"assignment": NATIVE, "split": split.name})
        for name, (by, chosen) in assignments.items():
            place = {"assignment": name, "chosen_by": by, "split": split.name}
            rows.append(_row(split.score(chosen)) | place)
    return rows


def _curve(splits: list, found: dict, default: Method) -> list[dict]:
    """Return the scores with the first 0, 1, … layers tuned, by both searches on both splits."""
    from mugi.accuracy import tuning

    rows = []
    for search in (tuning.GREEDY, tuning.DESCENT):
        chosen = found[search][0]
        for split in splits:
            for tuned, score in enumerate(tuning.progress(split, chosen, default)):
                place = {"search": search, "split": split.name, "tuned_layers": tuned}
                softmax = str(chosen[tuned - 1]) if tuned else ""
                rows.append(_row(score) | place | {"layers": len(chosen), "softmax": softmax})
    return rows


def _surface(found: dict, methods: list[Method], layers: int) -> list[dict]:
    """Return every candidate that was scored, layer by layer, and its attention's own error."""
    rows = []
    for search, (chosen, surface, errors) in found.items():
        for layer, scores in enumerate(surface):
            for method in map(str, methods):
                error = errors[layer][method] if errors else None
                if method in scores or errors:
                    rows.append(
                        _row(scores.get(method, {}))
                        | {"search": search, "layer": "all" if search == "uniform" else layer}
                        | {"layers": layers, "softmax": method, "attention_error": error}
                        | {"chosen": method == str(chosen[layer])}
                    )
    return rows


def _row(score: dict) -> dict:
    return {**score, "token_perplexity": math.exp(score["nll_nats"])} if score else {}
