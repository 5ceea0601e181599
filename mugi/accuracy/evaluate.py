"""The accuracy of a model under approximations, on texts, tasks and data.

What is not in a cell yet is computed, the rest is read; the model is loaded at the first
measurement that is not in a cell. Every approximation is compared with its references, which are
measured with it: `native`, the untouched model, and `exact`, the same operations replaced by the
exact function rounded to BF16, with the same weights and KV cache.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

import mugi
from mugi.accuracy.cells import Cells, definitions, model_key, packages, text_key
from mugi.accuracy.intervals import describe
from mugi.accuracy.metrics import metric_of, over_documents, token_metrics
from mugi.accuracy.settings import DataSettings, TaskSettings, TextSettings
from mugi.errors import InputError, Mistake
from mugi.llm import checkpoint, texts
from mugi.llm.settings import ModelSettings, device_kind
from mugi.methods import NATIVE, Approximation, parse_operations
from mugi.methods.references import references_of

KEYS = ["model", *Approximation._fields, "task"]
COLUMNS = [
    *[*KEYS, "metric", "unit", "reference"],
    *["value", "standard_error", "ci_low", "ci_high", "interval", "documents", "tokens"],
    *["cut", "window_tokens", "stride_tokens", "context_tokens", "text_sha256"],
    *["dtype", "attention", "device", "seed", "versions"],
]
DOCUMENT_COLUMNS = [*KEYS, "metric", "reference", "document", "total", "weight"]
COUNTS = ["documents", "tokens", "window_tokens", "stride_tokens", "context_tokens", "seed"]
Parts = Mapping[str, object]
"""Part of a measurement (a window, a clip; `whole`) -> its result."""
Compute = Callable[[Mapping[Approximation, Parts]], Iterator[tuple[Approximation, str, object]]]
"""Yields approximation, part and result of what approximations lack beside the parts they have."""


class Accuracy(NamedTuple):
    """table: a row a metric, with the columns COLUMNS; documents: the sums of every document, with
    DOCUMENT_COLUMNS; lm_eval: approximation -> task -> lm-eval's own results."""

    table: pd.DataFrame
    documents: pd.DataFrame
    lm_eval: dict[str, dict]


def evaluate_accuracy(
    model: str | Path | ModelSettings,
    *,
    approximations: str | Sequence[str | Approximation],
    texts: Sequence[str | TextSettings] = (),
    tasks: Sequence[TaskSettings] = (),
    data: DataSettings | None = None,
    batch_size: int | str = "auto",
    cells: Path | None = None,
    progress: bool = False,
) -> Accuracy:
    """Return the accuracy of a model under approximations.

    model: a checkpoint folder, a hub id, or the settings of one. approximations: as in
    `mugi.emulated`, texts such as `softmax=vlp:lut=12,max_exp=3` or what `parse_operations` makes
    of them. texts, tasks: what is measured; a text's name alone takes the default settings. data:
    for models of speech and vision, instead of texts and tasks. batch_size: sequences at a time on
    a GPU, or `auto`. cells: folder where finished measurements are kept. progress: whether to show
    a bar on the error stream. Raises InputError for settings that do not fit the model, for unknown
    tasks, and where memory runs out.
    """
    if not (texts or tasks or data):
        raise InputError("nothing to measure: no texts, tasks or data")
    model = model if isinstance(model, ModelSettings) else ModelSettings(str(model))
    model.check()
    given = [approximations] if isinstance(approximations, str) else approximations
    approximations = [parse_operations(one) if isinstance(one, str) else one for one in given]
    texts = [TextSettings(name=text) if isinstance(text, str) else text for text in texts]
    with tqdm(total=0, unit="run", desc=model.name, file=sys.stderr, disable=not progress) as bar:
        study = _Study(model, approximations, batch_size, cells, bar)
        study.find_tasks(tasks)
        if data:
            study.add_data(data)
        for text in texts:
            study.add_text(text)
        for task in tasks:
            study.add_task(task)
    return Accuracy(study.table(), study.documents(), study.lm_eval)


class _Study:
    """One model under several approximations: what was measured so far."""

    def __init__(
        self,
        model: ModelSettings,
        approximations: Sequence[Approximation],
        batch_size: int | str,
        cells: Path | None,
        bar: tqdm,
    ):
        self.settings, self.batch_size, self.cells, self.bar = model, batch_size, Cells(cells), bar
        self.approximations = list(approximations)
        self.key = model_key(model)
        self.lm_eval: dict[str, dict] = {}
        self._rows: list[dict] = []
        self._documents: list[pd.DataFrame] = []
        self._kinds: tuple[str, ...] = ("text",)

    @cached_property
    def model(self) -> tuple:
        """The model, and its tokenizer or what else prepares its inputs."""
        from mugi.llm.load import load  # takes seconds

        return load(self.settings, self._kinds)

    def _check_window(self, window: int, option: str = "window") -> None:
        context = getattr(self.model[0].config, "max_position_embeddings", window)
        if window > context:
            what = f"the model's context is {context} tokens"
            raise InputError(Mistake(what, where=f"{option} {window}"))

    def _measured(
        self, key: Mapping, compute: Compute, parts: Sequence[str]
    ) -> dict[Approximation, Parts]:
        """Return the results of approximations and references: from cells, or computed and kept.

        Raises InputError where memory runs out and no batch can be made smaller.
        """
        references = [r for own in self.approximations for r in references_of(own).values()]
        everyone = dict.fromkeys([*references, *self.approximations])
        keys = {own: self._key_of(key, own) for own in everyone}
        # a cell may hold more windows, of a run with more
        kept = {own: self.cells.read(keys[own]) or {} for own in everyone}
        results = {own: {p: kept[own][p] for p in parts if p in kept[own]} for own in everyone}
        lacking = {own: {**done} for own, done in results.items() if len(done) < len(parts)}
        if not lacking:
            return results
        self.bar.total += len(lacking)
        self.bar.refresh()
        try:
            for own, part, result in compute(lacking):
                results[own][part] = result
                self.cells.write(keys[own], results[own])
                self.bar.update(1 / len(parts))
        except (MemoryError, RuntimeError) as error:
            from mugi.accuracy.predictions import no_memory  # imports torch

            if not no_memory(error):
                raise
            raise InputError(
                "out of memory; try batch size 1, then a smaller window; "
                "what was measured is in the folder for cells, if one was given"
            ) from None
        return results

    def _key_of(self, key: Mapping, approximation: Approximation) -> dict:
        key = {**key, "approximation": str(approximation)}
        # the published grouping mixes the sequences of a batch, which only a GPU has
        mixes = "strided" in str(approximation) and self.settings.device != "cpu"
        return key | ({"batch_size": self.batch_size} if mixes else {})

    # --- texts, tasks and data --------------------------------------------------------------------

    def add_text(self, settings: TextSettings) -> None:
        """Add the metrics of tokens on the windows of a text."""
        shared = text_key(settings.name)
        facts = {
            "task": settings.name if settings.name == texts.C4 else texts.text(settings.name).name,
            "text_sha256": shared["text_sha256"],
            "cut": settings.cut,
            "window_tokens": settings.window_tokens,
            "stride_tokens": settings.stride_tokens,
        }
        key = self.key | definitions("windows") | shared | facts
        key |= {"metrics": [metric.name for metric in token_metrics()]}
        key |= {"kl_context_tokens": settings.kl_context_tokens}

        def compute(lacking: Mapping[Approximation, Parts]) -> Iterator:
            from mugi.accuracy.predictions import score_windows
            from mugi.accuracy.windows import windows_of

            model, tokenizer = self.model
            self._check_window(settings.window_tokens)
            windows = windows_of(settings, tokenizer)
            context = settings.kl_context_tokens
            return score_windows(model, windows, lacking, context, self.batch_size)

        numbers = [str(number) for number in range(settings.windows)]
        measured = self._measured(key, compute, numbers)
        self._add_sums(measured, facts | {"context_tokens": settings.kl_context_tokens})

    def find_tasks(self, tasks: Sequence[TaskSettings]) -> None:
        """Look tasks up; raises InputError for names that are none, one line each, and for data
        sets whose version cannot be told."""
        if not tasks:
            return
        from mugi.accuracy import harness
        from mugi.llm import hub

        folders = list(dict.fromkeys(folder for task in tasks for folder in task.folders))
        self.manager = harness.task_manager([task.name for task in tasks], folders)
        self.datasets = {
            task.name: hub.revisions(harness.datasets_of(task.name, self.manager)) for task in tasks
        }

    def add_task(self, settings: TaskSettings) -> None:
        """Add what lm-eval reports for a task."""
        from mugi.accuracy import harness

        name, window, seed = settings.name, settings.window_tokens, settings.seed
        facts = {"window_tokens": window, "text_sha256": texts.sha256_of_task(name), "seed": seed}
        folders = (texts.TASKS, *settings.folders)
        key = self.key | definitions("tasks") | facts
        key |= {
            "tasks": [checkpoint.folder_digest(folder) for folder in folders],
            "datasets": self.datasets[name],
            "task": name,
            "documents": settings.documents,
            "num_fewshot": settings.num_fewshot,
        }

        def compute(lacking: Mapping[Approximation, Parts]) -> Iterator:
            loaded = harness.load_task(name, self.manager, seed, settings.num_fewshot)
            model, tokenizer = self.model
            self._check_window(window, "task-window")
            for approximation in lacking:
                wrapped = harness.MugiLM(
                    str(approximation),
                    pretrained=model,
                    tokenizer=tokenizer,
                    max_length=window,
                    batch_size=self.batch_size,
                )
                result = harness.run_task(wrapped, loaded, settings.documents, seed)
                yield approximation, "whole", result

        measured = self._measured(key, compute, ["whole"])
        results = {own: parts["whole"] for own, parts in measured.items()}
        for approximation in self.approximations:
            result = results[approximation]
            self.lm_eval.setdefault(str(approximation), {})[name] = result["results"]
            alone = len(result["documents"]) == 1
            for entry, reported in result["results"]["results"].items():
                sums = {
                    own: over_documents(other["documents"].get(entry, []))
                    for own, other in results.items()
                }
                tokens = {"task": entry, "tokens": result["tokens"] if alone else None}
                self._add(approximation, sums, facts | tokens, reported)

    def add_data(self, settings: DataSettings) -> None:
        """Add the metrics of a model of speech or vision on clips, images or videos."""
        from mugi.accuracy import examples  # imports all that reads them

        self._kinds = examples.KINDS
        sha256 = examples.data_digest(settings.source)
        key = self.key | definitions("examples")
        key |= {"text_sha256": sha256, "examples": settings.examples}

        def compute(lacking: Mapping[Approximation, Parts]) -> Iterator:
            return examples.evaluate(*self.model, settings.source, settings.examples, lacking)

        parts = examples.parts_of(settings.source, settings.examples)
        facts = {"task": Path(settings.source).name, "text_sha256": sha256}
        self._add_sums(self._measured(key, compute, parts), facts)

    # --- tables -----------------------------------------------------------------------------------

    def _add_sums(self, measured: Mapping[Approximation, Parts], facts: dict) -> None:
        """Add what was measured of a text or data, whose parts are rows of sums."""
        sums = {
            own: over_documents([row for rows in results.values() for row in rows])
            for own, results in measured.items()
        }
        for approximation in self.approximations:
            self._add(approximation, sums, facts)

    def _add(
        self,
        approximation: Approximation,
        sums: Mapping[Approximation, pd.DataFrame],
        facts: dict,
        reported: Mapping[str, object] | None = None,
    ) -> None:
        """Add the metrics of one approximation on one text or task, with their differences to its
        references, and its documents. reported: lm-eval's own values, which go before ours."""
        table = sums[approximation]
        native = approximation == Approximation()
        references = {} if native else references_of(approximation)
        rows = describe(table, {name: sums[other] for name, other in references.items()})
        if reported is not None:
            from mugi.accuracy import harness

            rows = harness.as_reported(rows, reported)
        methods = approximation._asdict().items()
        place = {name: str(method) if method else NATIVE for name, method in methods}
        scored = table.loc[table["metric"] == "token_perplexity", "weight"]
        place |= {"tokens": int(scored.sum()) if len(scored) else None} | facts
        self._rows += [place | row for row in rows]
        self._documents.append(table.assign(**place))

    def table(self) -> pd.DataFrame:
        """Return the rows with what all share: model, precision, attention, device, versions."""
        table = pd.DataFrame(self._rows, columns=COLUMNS)
        table["model"] = self.settings.name
        table["dtype"] = self.settings.dtype
        table["attention"] = self.settings.attention
        table.loc[table["softmax"] != NATIVE, "attention"] = "tables"
        table["device"] = device_kind(self.settings.device)
        versions = [f"{name} {version}" for name, version in packages().items()]
        table["versions"] = "; ".join([f"mugi {mugi.__version__}", *versions])
        table[COUNTS] = table[COUNTS].astype("Int64")
        settled = table["metric"].map(lambda name: metric_of(name).settled)
        table["context_tokens"] = table["context_tokens"].where(
            settled, table["context_tokens"].clip(upper=1)
        )
        return table

    def documents(self) -> pd.DataFrame:
        """Return the sums of every document."""
        table = pd.concat(self._documents, ignore_index=True)
        return table.assign(model=self.settings.name)[DOCUMENT_COLUMNS]
