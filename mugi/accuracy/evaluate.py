"""The accuracy of a model under approximations, on texts, tasks and data.

What is not in a cell yet is computed, the rest is read; the model is loaded at the first
measurement that is not in a cell. Every approximation is compared with its references, which are
measured with it: `native`, the untouched model, and `exact`, the same operations replaced by the
exact function rounded to BF16, with the same weights and KV cache.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

import mugi
from mugi.accuracy.cells import Cells, definitions, model_key, packages
from mugi.accuracy.intervals import describe
from mugi.accuracy.metrics import metric_of, over_documents, token_metrics
from mugi.accuracy.runs import Parts, Runs
from mugi.accuracy.settings import DataSettings, TaskSettings, TextSettings
from mugi.errors import InputError, Mistake
from mugi.llm import checkpoint, texts
from mugi.llm.settings import ModelSettings, device_kind
from mugi.methods import NATIVE, Approximation
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


class Accuracy(NamedTuple):
    """table: a row a metric, with the columns COLUMNS; documents: the sums of every document, with
    DOCUMENT_COLUMNS; lm_eval: approximation -> task -> lm-eval's own results."""

    table: pd.DataFrame
    documents: pd.DataFrame
    lm_eval: dict[str, dict]


def evaluate_accuracy(
    *,
    model: ModelSettings,
    approximations: Sequence[Approximation],
    texts: Sequence[TextSettings] = (),
    tasks: Sequence[TaskSettings] = (),
    data: DataSettings | None = None,
    batch_size: int | str = "auto",
    cells: Path | None = None,
    progress: bool = False,
) -> Accuracy:
    """Return the accuracy of a model under approximations.

    data: for models of speech and vision, instead of texts and tasks. batch_size: sequences at a
    time on a GPU, or `auto`. cells: folder where finished measurements are kept. progress: whether
    to show a bar on the error stream. Raises InputError for settings that do not fit the model, for
    unknown tasks, and where memory runs out.
    """
    if not (texts or tasks or data):
        raise InputError("nothing to measure: no texts, tasks or data")
    model.check()
    with tqdm(total=0, unit="run", desc=model.name, file=sys.stderr, disable=not progress) as bar:
        study = _Study(model, approximations, batch_size, cells, bar)
        manager = study.task_manager(tasks)
        if data:
            study.add_data(data)
        for text in texts:
            study.add_text(text)
        for task in tasks:
            study.add_task(task, manager)
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
        self.settings, self.batch_size = model, batch_size
        self.approximations = list(approximations)
        # the published grouping mixes the sequences of a batch, which only a GPU has
        batch = {} if model.device == "cpu" else {"batch_size": batch_size}
        self.runs = Runs(self.approximations, Cells(cells), batch, bar)
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

    # --- texts, tasks and data --------------------------------------------------------------------

    def add_text(self, settings: TextSettings) -> None:
        """Add the metrics of tokens on the windows of a text."""
        is_c4 = settings.name == texts.C4
        text = None if is_c4 else texts.text(settings.name)
        facts = {
            "task": text.name if text else texts.C4,
            "text_sha256": text.sha256 if text else "",
            "cut": "documents" if is_c4 else settings.cut,
            "window_tokens": settings.window_tokens,
            "stride_tokens": settings.stride_tokens,
        }
        key = self.key | definitions("windows") | facts
        key |= {"metrics": [metric.name for metric in token_metrics()]}
        key |= {"kl_context_tokens": settings.kl_context_tokens}
        if is_c4:
            from mugi.llm import hub

            key["datasets"] = hub.revisions([texts.C4_DATASET])

        def run(lacking: Mapping[Approximation, Parts]) -> Iterator:
            from mugi.accuracy.predictions import score_windows
            from mugi.accuracy.windows import windows_of

            model, tokenizer = self.model
            self._check_window(settings.window_tokens)
            windows = windows_of(settings, tokenizer)
            return score_windows(
                model, windows, lacking, settings.kl_context_tokens, self.batch_size
            )

        numbers = [str(number) for number in range(settings.windows)]
        measured = self.runs.measured(key, run, numbers)
        sums = {
            own: over_documents([row for number in numbers for row in parts[number]])
            for own, parts in measured.items()
        }
        for approximation in self.approximations:
            table = sums[approximation]
            tokens = table.loc[table["metric"] == "token_perplexity", "weight"].sum()
            described = self._describe(approximation, sums)
            for row in described:
                is_settled = metric_of(row["metric"]).settled
                row["context_tokens"] = settings.kl_context_tokens if is_settled else 1
            self._add(approximation, facts | {"tokens": int(tokens)}, described, table)

    def task_manager(self, tasks: Sequence[TaskSettings]):
        """Return lm-eval's manager of the tasks; raises InputError for names that are none, one
        line each, and for data sets whose version cannot be told."""
        if not tasks:
            return None
        from mugi.accuracy import harness
        from mugi.llm import hub

        folders = list(dict.fromkeys(folder for task in tasks for folder in task.folders))
        manager = harness.task_manager([task.name for task in tasks], folders)
        self.datasets = {
            task.name: hub.revisions(harness.datasets_of(task.name, manager)) for task in tasks
        }
        return manager

    def add_task(self, settings: TaskSettings, manager) -> None:
        """Add what lm-eval reports for a task."""
        from mugi.accuracy import harness

        name, window = settings.name, settings.window_tokens
        sha256 = texts.sha256_of_task(name)
        folders = (texts.TASKS, *settings.folders)
        key = (
            self.key
            | definitions("tasks")
            | {
                "tasks": [checkpoint.folder_digest(folder) for folder in folders],
                "text_sha256": sha256,
                "datasets": self.datasets[name],
                "task": name,
                "documents": settings.documents,
                "seed": settings.seed,
                "num_fewshot": settings.num_fewshot,
                "window_tokens": window,
            }
        )

        def run(lacking: Mapping[Approximation, Parts]) -> Iterator:
            loaded = harness.load_task(name, manager, settings.seed, settings.num_fewshot)
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
                result = harness.run_task(wrapped, loaded, settings.documents, settings.seed)
                yield approximation, "whole", result

        measured = {
            own: parts["whole"] for own, parts in self.runs.measured(key, run, ["whole"]).items()
        }
        for approximation in self.approximations:
            result = measured[approximation]
            self.lm_eval.setdefault(str(approximation), {})[name] = result["results"]
            for entry, reported in result["results"]["results"].items():
                alone = len(result["documents"]) == 1
                facts = {"task": entry, "window_tokens": window, "text_sha256": sha256}
                facts |= {"tokens": result["tokens"] if alone else None, "seed": settings.seed}
                sums = {
                    own: over_documents(other["documents"].get(entry, []))
                    for own, other in measured.items()
                }
                described = self._describe(approximation, sums)
                described = harness.as_reported(described, harness.reported(reported))
                self._add(approximation, facts, described, sums[approximation])

    def add_data(self, settings: DataSettings) -> None:
        """Add the metrics of a model of speech or vision on clips, images or videos."""
        from mugi.accuracy import examples  # imports all that reads them

        self._kinds = examples.KINDS
        sha256 = examples.data_digest(settings.source)
        key = self.key | definitions("examples")
        key |= {"text_sha256": sha256, "examples": settings.examples}

        def run(lacking: Mapping[Approximation, Parts]) -> Iterator:
            return examples.evaluate(*self.model, settings.source, settings.examples, lacking)

        measured = self.runs.measured(key, run)
        sums = {
            own: over_documents([row for part in parts.values() for row in part])
            for own, parts in measured.items()
        }
        for approximation in self.approximations:
            facts = {"task": Path(settings.source).name, "text_sha256": sha256}
            table = sums[approximation]
            tokens = table.loc[table["metric"] == "token_perplexity", "weight"]
            facts["tokens"] = int(tokens.sum()) if len(tokens) else None
            self._add(approximation, facts, self._describe(approximation, sums), table)

    # --- tables -----------------------------------------------------------------------------------

    def _describe(
        self, approximation: Approximation, sums: Mapping[Approximation, pd.DataFrame]
    ) -> list[dict]:
        """Return the metrics of one approximation, and their differences to its references."""
        native = approximation == Approximation()
        others = {} if native else references_of(approximation)
        others = {name: sums[reference] for name, reference in others.items()}
        return describe(sums[approximation], others)

    def _add(
        self, approximation: Approximation, facts: dict, described: list[dict], sums: pd.DataFrame
    ) -> None:
        """Add the rows of one approximation on one text or task, and its documents."""
        methods = approximation._asdict().items()
        place = {name: str(method) if method else NATIVE for name, method in methods} | facts
        self._rows += [place | row for row in described]
        self._documents.append(sums.assign(**place))

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
        return table

    def documents(self) -> pd.DataFrame:
        """Return the sums of every document."""
        table = pd.concat(self._documents, ignore_index=True)
        return table.assign(model=self.settings.name)[DOCUMENT_COLUMNS]
