"""The accuracy of a model under approximations, on texts, tasks and data.

What is not in a cell yet is computed, the rest is read; the model is loaded at the first
measurement that is not in a cell. Every approximation is compared with its references, which are
measured with it: `native`, the untouched model; `exact`, the same operations replaced by the exact
function rounded to BF16, with the same weights and KV cache; and `quantised`, the model's own
functions with these, where they are quantised.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from tqdm import tqdm

from mugi.accuracy.cells import Cells, definitions, model_key, text_key
from mugi.accuracy.metrics import over_documents, token_metrics
from mugi.accuracy.rows import Rows
from mugi.accuracy.settings import BOS, DataSettings, TaskSettings, TextSettings
from mugi.errors import InputError, Mistake, unknown
from mugi.llm import checkpoint, texts
from mugi.llm.settings import ModelSettings
from mugi.methods import Approximation, parse_operations
from mugi.methods.references import QUANTISED, references_of
from mugi.shards import ALL, Shard, share

logger = logging.getLogger(__name__)
Parts = Mapping[str, object]
"""Part of a measurement (a window, a clip; `whole`) -> its result."""
Compute = Callable[[Mapping[Approximation, Parts]], Iterator[tuple[Approximation, str, object]]]
"""Yields approximation, part and result of what approximations lack beside the parts they have."""


class Accuracy(NamedTuple):
    """table: a row a metric, with `rows.COLUMNS`; documents: the sums of every document, with
    `rows.DOCUMENT_COLUMNS`; lm_eval: approximation -> task -> lm-eval's own results; samples: what
    lm-eval logs of every document, if that was asked for."""

    table: pd.DataFrame
    documents: pd.DataFrame
    lm_eval: dict[str, dict]
    samples: list[dict]


def evaluate_accuracy(
    model: str | Path | ModelSettings,
    *,
    approximations: str | Sequence[str | Approximation],
    texts: Sequence[str | TextSettings] = (),
    tasks: Sequence[TaskSettings] = (),
    data: DataSettings | None = None,
    bos: Literal["auto", "yes", "no"] = "auto",
    log_samples: bool = False,
    batch_size: int | str = "auto",
    cells: Path | None = None,
    shard: Shard = ALL,
    progress: bool = False,
) -> Accuracy | None:
    """Return the accuracy of a model under approximations.

    model: a checkpoint folder, a hub id, or the settings of one. approximations: as in
    `mugi.emulated`, texts such as `softmax=vlp:lut=12,max_exp=3` or what `parse_operations` makes
    of them. texts, tasks: what is measured; a text's name alone takes the default settings. data:
    for models of speech and vision, instead of texts and tasks. bos: whether every text and prompt
    begins with a BOS token; `auto`: as the model's tokenizer does it by itself. log_samples:
    whether requests and answers of tasks are kept. batch_size: sequences at a time on a GPU, or
    `auto`. cells: folder where finished measurements are kept. shard: a part of the measurements;
    only its cells are made, and nothing is returned; once all parts are there, the same call
    without it finds them. progress: whether to show a bar on the error stream. Raises InputError
    for settings that do not fit the model, for unknown tasks, for numbers that are not finite, and
    where memory runs out; what was measured before that is in the cells.
    """
    if shard != ALL and cells is None:
        raise InputError("a shard needs a folder for cells")
    if not (texts or tasks or data):
        raise InputError("nothing to measure: no texts, tasks or data")
    if bos not in BOS:
        raise InputError(unknown("bos", bos, BOS))
    if data and bos != "auto":
        raise InputError(Mistake("only texts and tasks have a choice", where=f"bos {bos}"))
    model = model if isinstance(model, ModelSettings) else ModelSettings(str(model))
    model.check()
    given = [approximations] if isinstance(approximations, str) else approximations
    approximations = [parse_operations(one) if isinstance(one, str) else one for one in given]
    texts = [TextSettings(name=text) if isinstance(text, str) else text for text in texts]
    with tqdm(total=0, unit="run", desc=model.name, file=sys.stderr, disable=not progress) as bar:
        study = _Study(model, approximations, bos, log_samples, batch_size, cells, shard, bar)
        study.find_tasks(tasks)
        if data:
            study.add_data(data)
        for text in texts:
            study.add_text(text)
        for task in tasks:
            study.add_task(task)
    if shard != ALL:
        return None
    for line in study.warnings:  # not before the bar is gone
        logger.warning(line)
    return Accuracy(study.rows.table(), study.rows.documents(), study.lm_eval, study.samples)


class _Study:
    """One model under several approximations: what was measured so far."""

    def __init__(
        self,
        model: ModelSettings,
        approximations: Sequence[Approximation],
        bos: str,
        log_samples: bool,
        batch_size: int | str,
        cells: Path | None,
        shard: Shard,
        bar: tqdm,
    ):
        self.settings, self.batch_size, self.cells, self.bar = model, batch_size, Cells(cells), bar
        self.shard = shard
        self.facts = Cells(cells and cells / "facts")
        self.approximations, self.bos, self.log_samples = list(approximations), bos, log_samples
        self.key = model_key(model)
        self.lm_eval: dict[str, dict] = {}
        self.samples: list[dict] = []
        self.warnings: list[str] = []
        self.rows = Rows(model)
        self._kinds: tuple[str, ...] = ("text",)

    @cached_property
    def model(self) -> tuple:
        """The model, and its tokenizer or what else prepares its inputs."""
        from mugi.llm.load import load  # takes seconds

        return load(self.settings, self._kinds)

    def _kept(self, key: Mapping, find: Callable[[], object]) -> object:
        """Return a small fact of the model or a text, from a cell or found and kept in one."""
        found = self.facts.read(self.key | key)
        if found is None:
            found = {"fact": find()}
            self.facts.write(self.key | key, found)
        return found["fact"]

    def _has_bos(self) -> str:
        """Say whether texts begin with a BOS token."""
        if self.bos != "auto":
            return self.bos
        key = {"fact": "the tokenizer puts BOS in front"}
        return "yes" if self._kept(key, lambda: texts.begins_with_bos(self.model[1])) else "no"

    def _window_within(self, window: int | None, option: str) -> int:
        """Return a window that the model's context holds, by default all of it."""
        context = self._kept({"fact": "context"}, lambda: texts.context_tokens(self.model[0]))
        if context and window and window > context:
            what = f"the model's context is {context} tokens"
            raise InputError(Mistake(what, where=f"{option} {window}"))
        if not (window or context):
            what = "the model's configuration does not say how long its context is"
            raise InputError(Mistake(f"{what}; give {option}", where=self.settings.name))
        return window or context

    def _measured(
        self, key: Mapping, compute: Compute, parts: Sequence[str]
    ) -> dict[Approximation, Parts]:
        """Return the results of approximations and references: from cells, or computed and kept;
        of a shard not of all parts.

        Raises InputError where memory runs out and no batch can be made smaller.
        """
        references = [r for own in self.approximations for r in references_of(own).values()]
        everyone = dict.fromkeys([*references, *self.approximations])
        keys = {own: self._key_of(key, own) for own in everyone}
        # a cell may hold more windows, of a run with more
        kept = {own: self.cells.read(keys[own]) or {} for own in everyone}
        results = {own: {p: kept[own][p] for p in parts if p in kept[own]} for own in everyone}
        mine = share(self.shard, list(everyone), parts)
        ready = {
            own: {**results[own], **dict.fromkeys(set(parts).difference(mine[own]))} for own in mine
        }
        lacking = {own: done for own, done in ready.items() if len(done) < len(parts)}
        if not lacking:
            return results
        self.bar.total += len(lacking)
        self.bar.refresh()
        try:
            for own, part, result in compute(lacking):
                results[own][part] = result
                # in order: of a killed job any may be there
                finished = {p: results[own][p] for p in mine[own] if p in results[own]}
                self.cells.write(keys[own], finished, self.shard)
                self.bar.update(1 / len(mine[own]))
                self.bar.n = round(self.bar.n, 6)  # nine ninths are more than one
        except (MemoryError, RuntimeError) as error:
            from mugi.accuracy.predictions import no_memory  # imports torch

            if not no_memory(error):
                raise
            raise InputError(
                "out of memory; try batch size 1, then a smaller window; "
                "what was measured is in the folder for cells, if one was given"
            ) from None
        return {own: {p: done[p] for p in parts if p in done} for own, done in results.items()}

    def _key_of(self, key: Mapping, approximation: Approximation) -> dict:
        key = {**key, "approximation": str(approximation)}
        if QUANTISED in references_of(approximation):  # cells that are older lack this comparison
            key["references"] = list(references_of(approximation))
        # the published grouping mixes the sequences of a batch, which only a GPU has
        mixes = "strided" in str(approximation) and self.settings.device != "cpu"
        return key | ({"batch_size": self.batch_size} if mixes else {})

    # --- texts, tasks and data --------------------------------------------------------------------

    def add_text(self, settings: TextSettings) -> None:
        """Add the metrics of tokens on the windows of a text."""
        shared = text_key(settings.name)
        self._window_within(settings.window_tokens, "window")
        facts = {
            "task": texts.label(settings.name),
            "text_sha256": shared["text_sha256"],
            "cut": settings.cut,
            "window_tokens": settings.window_tokens,
            "stride_tokens": settings.stride_tokens,
        }
        key = self.key | definitions("windows") | shared | facts | {"bos": self.bos}

        @cache
        def windows() -> list:
            from mugi.accuracy.windows import windows_of

            return windows_of(settings, self.model[1], BOS[self.bos])

        def compute(lacking: Mapping[Approximation, Parts]) -> Iterator:
            from mugi.accuracy.predictions import score_windows

            context = settings.kl_context_tokens
            return score_windows(self.model[0], windows(), lacking, context, self.batch_size)

        count = settings.windows
        if count == "all":
            count = self._kept(key | {"fact": "windows"}, lambda: len(windows()))
        key |= {"metrics": [metric.name for metric in token_metrics()]}
        key |= {"kl_context_tokens": settings.kl_context_tokens}
        measured = self._measured(key, compute, [str(number) for number in range(count)])
        facts |= {"context_tokens": settings.kl_context_tokens, "bos": self._has_bos()}
        if self.shard == ALL:
            self._add_sums(measured, facts)

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

        name, seed = settings.name, settings.seed
        window = self._window_within(settings.window_tokens, "task-window")
        facts = {"window_tokens": window, "text_sha256": texts.sha256_of_task(name), "seed": seed}
        folders = (texts.TASKS, *settings.folders)
        key = self.key | definitions("tasks") | facts | {"bos": self.bos}
        key |= {
            "tasks": [checkpoint.folder_digest(folder) for folder in folders],
            "datasets": self.datasets[name],
            "task": name,
            "documents": settings.documents,
            "num_fewshot": settings.num_fewshot,
            "apply_chat_template": settings.apply_chat_template,
            "fewshot_as_multiturn": settings.fewshot_as_multiturn,
            "system_instruction": settings.system_instruction,
            "log_samples": self.log_samples,
        }

        def compute(lacking: Mapping[Approximation, Parts]) -> Iterator:
            loaded = harness.load_task(settings, self.manager)
            model, tokenizer = self.model
            for approximation in lacking:
                wrapped = harness.MugiLM(
                    str(approximation),
                    pretrained=model,
                    tokenizer=tokenizer,
                    max_length=window,
                    add_bos_token=BOS[self.bos],
                    batch_size=self.batch_size,
                )
                result = harness.run_task(wrapped, loaded, settings, self.log_samples)
                yield approximation, "whole", result

        measured = self._measured(key, compute, ["whole"])
        facts |= {"bos": self._has_bos()}
        if self.shard != ALL:
            return
        results = {own: parts["whole"] for own, parts in measured.items()}
        for approximation in self.approximations:
            result = results[approximation]
            self.lm_eval.setdefault(str(approximation), {})[name] = result["results"]
            self.samples += [
                {"model": self.settings.name, "approximation": str(approximation), "task": task}
                | document
                for task, documents in result.get("samples", {}).items()
                for document in documents
            ]
            alone = len(result["documents"]) == 1
            for entry, reported in result["results"]["results"].items():
                sums = {
                    own: over_documents(other["documents"].get(entry, []))
                    for own, other in results.items()
                }
                own = {"task": entry, "tokens": result["tokens"] if alone else None}
                own |= harness.prompts_of(entry, result, settings)
                if own["cut_prompts"]:
                    what = f"{own['cut_prompts']} prompts are longer than {window} tokens"
                    self.warnings.append(
                        f"{approximation}, {entry}: {what} and lost their beginning"
                    )
                self.rows.add(approximation, sums, facts | own, reported)

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
        measured = self._measured(key, compute, parts)
        if self.shard == ALL:
            self._add_sums(measured, facts)

    # --- tables -----------------------------------------------------------------------------------

    def _add_sums(self, measured: Mapping[Approximation, Parts], facts: dict) -> None:
        """Add what was measured of a text or data, whose parts are rows of sums."""
        sums = {
            own: over_documents([row for rows in results.values() for row in rows])
            for own, results in measured.items()
        }
        for approximation in self.approximations:
            self.rows.add(approximation, sums, facts)
