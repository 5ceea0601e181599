"""Measurements of one model: what is not in a cell yet is computed, the rest is read."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.accuracy import cells, summary
from mugi.errors import InputError
from mugi.llm import checkpoint
from mugi.llm import texts as corpus
from mugi.llm.settings import device_kind
from mugi.methods import NATIVE, Approximation
from mugi.methods.references import references_of


class Study:
    """One model under several approximations, with the arguments of `mugi accuracy`.

    Every approximation is compared with its references, which are measured with it. The model is
    loaded at the first measurement that is not in a cell.
    """

    def __init__(self, args: argparse.Namespace, approximations: list[Approximation], bar):
        self.args, self.approximations, self.bar = args, approximations, bar
        references = [r for each in approximations for r in references_of(each).values()]
        self.everyone = list(dict.fromkeys([*references, *approximations]))
        self.cells = cells.Cells(args.cells)
        self.rows: list[dict] = []
        self.lm_eval: dict[str, dict] = {}
        self._documents: list[pd.DataFrame] = []
        self.key = {
            "versions": cells.versions(),
            "checkpoint": checkpoint.model_digest(args.model),
            "dtype": args.dtype,
            "attention": args.attention,
            "device": device_kind(args.device),
        }

    @cached_property
    def model(self) -> tuple:
        """The model, and its tokenizer or what else prepares its inputs."""
        from mugi.llm import load as models

        args = self.args
        if args.data:
            from mugi.accuracy.examples import KINDS

            return models.load(args.settings, KINDS)
        model, tokenizer = models.load(args.settings)
        context = getattr(model.config, "max_position_embeddings", args.window)
        if args.window > context:
            raise InputError(f"--window {args.window}: the model's context is {context} tokens")
        return model, tokenizer

    def documents_table(self) -> pd.DataFrame:
        """Return the sums of every document: metric, reference, document, total and weight."""
        table = pd.concat(self._documents, ignore_index=True)
        return table.assign(model=self.args.name)

    def _keys(self, key: dict) -> dict[Approximation, dict]:
        """Return the key of each approximation's cell; the published grouping minds the batch."""
        batch = {"batch_size": self.args.batch_size}
        return {
            each: key | {"approximation": str(each)} | (batch if "strided" in str(each) else {})
            for each in self.everyone
        }

    # --- token perplexity -----------------------------------------------------------------------

    def text(self, text: corpus.Text | str) -> None:
        """Add token perplexity, KL divergence and agreement on a text, or on C4."""
        args = self.args
        if text == corpus.C4:
            from mugi.llm import hub

            name, stride = corpus.C4, args.window
            facts = {"text_sha256": "", "window_tokens": args.window, "stride_tokens": stride}
            version = {"datasets": hub.revisions([corpus.C4_DATASET])}

            def cut(tokenizer):
                from mugi.accuracy.perplexity import whole

                return whole(corpus.c4_documents(), tokenizer, args.window, args.windows)
        else:
            name, stride = text.name, args.stride
            facts = {"text_sha256": text.sha256, "window_tokens": args.window}
            facts["stride_tokens"] = stride
            version = {}

            def cut(tokenizer):
                from mugi.accuracy.perplexity import cut

                return cut(text, tokenizer, args.window, stride, args.windows)

        key = self.key | facts | version | {"code": cells.code_digest("mugi.accuracy.perplexity")}
        measured = self._windows(key | {"text": name}, cut)
        tables = {each: _token_sums(windows) for each, windows in measured.items()}
        for each in self.approximations:
            weights = tables[each].loc[tables[each]["metric"] == "token_perplexity", "weight"]
            place = {"task": name, "tokens": int(weights.sum())} | facts
            self._add(each, place, tables)

    def _windows(self, key: dict, cut: Callable) -> dict[Approximation, list[dict]]:
        """Return the scores of each document of each window, computing those that no cell has."""
        indices = [str(index) for index in range(self.args.windows)]
        keys = self._keys(key)
        kept = {each: self.cells.read(keys[each]) or {} for each in self.everyone}
        missing = {
            each: [int(index) for index in indices if index not in kept[each]]
            for each in self.everyone
        }
        missing = {each: windows for each, windows in missing.items() if windows}
        if missing:
            self._expect(sum(map(len, missing.values())))
            model, tokenizer = self.model
            from mugi.accuracy import perplexity

            windows = cut(tokenizer)
            with _memory():
                for each, index, scores in perplexity.evaluate(
                    model, windows, missing, self.args.batch_size
                ):
                    kept[each][str(index)] = scores
                    self.cells.write(keys[each], kept[each])
                    self.bar.update()
        return {
            each: [score for index in indices for score in windows[index]]
            for each, windows in kept.items()
        }

    # --- lm-eval's tasks ------------------------------------------------------------------------

    def check_tasks(self, names: Mapping[str, object]) -> None:
        """Raise InputError for names that are no tasks, one line each, and for data sets whose
        version cannot be told."""
        if names:
            from mugi.accuracy import harness
            from mugi.llm import hub

            self.manager = harness.task_manager(names, self.args.task_folder)
            self.datasets = {
                name: hub.revisions(harness.datasets_of(name, self.manager)) for name in names
            }

    def task(self, name: str, limit: int | None) -> None:
        """Add what lm-eval reports for a task on its first `limit` documents (None: all)."""
        args = self.args
        sha256 = corpus.sha256_of_task(name)
        key = self.key | {
            "code": cells.code_digest("mugi.accuracy.harness"),
            "tasks": [checkpoint.folder_digest(f) for f in (corpus.TASKS, *args.task_folder)],
            "text_sha256": sha256,
            "datasets": self.datasets[name],
            "task": name,
            "limit": limit,
            "seed": args.seed,
            "num_fewshot": args.num_fewshot,
            "window_tokens": args.window,
        }
        measured = self._task_results(key, name, limit)
        for each in self.approximations:
            found = measured[each]
            self.lm_eval.setdefault(str(each), {})[name] = found["results"]
            for entry, reported in found["results"]["results"].items():
                alone = len(found["documents"]) == 1
                facts = {"task": entry, "window_tokens": args.window, "text_sha256": sha256}
                facts["tokens"] = found["tokens"] if alone else None
                tables = {
                    other: _task_sums(results["documents"].get(entry, []))
                    for other, results in measured.items()
                }
                self._add(each, facts, tables, _reported(reported))

    def _task_results(self, key: dict, name: str, limit: int | None) -> dict[Approximation, dict]:
        keys = self._keys(key)
        kept = {each: self.cells.read(keys[each]) for each in self.everyone}
        missing = [each for each in self.everyone if kept[each] is None]
        if missing:
            self._expect(len(missing))
            from mugi.accuracy import harness

            args = self.args
            loaded = harness.load_task(name, self.manager, args.seed, args.num_fewshot)
            model, tokenizer = self.model
            for each in missing:
                wrapped = harness.MugiLM(
                    str(each),
                    pretrained=model,
                    tokenizer=tokenizer,
                    max_length=args.window,
                    batch_size=args.batch_size,
                )
                with _memory():
                    kept[each] = harness.run_task(wrapped, loaded, limit, args.seed)
                self.cells.write(keys[each], kept[each])
                self.bar.update()
        return kept

    # --- speech and vision ----------------------------------------------------------------------

    def examples(self, source: str, limit: int | None) -> None:
        """Add the metrics of a model of speech or vision on the first `limit` examples."""
        from mugi.accuracy import examples

        sha256 = examples.data_digest(source)
        key = self.key | {"code": cells.code_digest("mugi.accuracy.examples")}
        key |= {"text_sha256": sha256, "limit": limit}
        keys = self._keys(key)
        kept = {each: self.cells.read(keys[each]) or {} for each in self.everyone}
        missing = {each: parts for each, parts in kept.items() if not _whole(parts)}
        if missing:
            self._expect(len(missing))
            with _memory():
                for each, part, rows in examples.evaluate(*self.model, source, limit, missing):
                    kept[each][part] = rows
                    self.cells.write(keys[each], kept[each])
                    self.bar.update(1 / _parts(part))
        tables = {
            each: pd.DataFrame([row for rows in parts.values() for row in rows])
            for each, parts in kept.items()
        }
        for each in self.approximations:
            facts = {"task": Path(source).name, "text_sha256": sha256}
            scored = tables[each].loc[tables[each]["metric"] == "token_perplexity", "weight"]
            if len(scored):
                facts["tokens"] = int(scored.sum())
            self._add(each, facts, tables)

    # --- rows -----------------------------------------------------------------------------------

    def _expect(self, steps: int) -> None:
        self.bar.total += steps
        self.bar.refresh()

    def _add(
        self,
        each: Approximation,
        facts: dict,
        tables: Mapping[Approximation, pd.DataFrame],
        reported: Mapping[str, dict] | None = None,
    ) -> None:
        """Add the rows of one approximation on one text or task, and its documents.

        `reported` are the metrics that lm-eval names: its value and its standard error are shown,
        and intervals only where the sums over documents give that value.
        """
        methods = each._asdict().items()
        place = {name: str(method) if method else NATIVE for name, method in methods} | facts
        native = each == Approximation()
        others = {} if native else {n: tables[r] for n, r in references_of(each).items()}
        described = summary.describe(tables[each], others, self.args.seed)
        if reported is not None:
            described = _as_reported(described, reported)
        self.rows += [place | row for row in described]
        self._documents.append(tables[each].assign(**place))


@contextmanager
def _memory() -> Iterator[None]:
    """Turn running out of memory, where no batch can be made smaller, into an InputError."""
    from mugi.accuracy.perplexity import no_memory

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not no_memory(error):
            raise
        raise InputError(
            "out of memory; try --batch-size 1, then a smaller --window; "
            "what was measured is in --cells, if that was given"
        ) from None


def _parts(name: str) -> int:
    """Return the N of a part called `1 of N`."""
    return int(name.rpartition(" ")[2])


def _whole(parts: Mapping[str, object]) -> bool:
    """Return whether all parts `1 of N` to `N of N` are there."""
    return bool(parts) and len(parts) == _parts(next(iter(parts)))


def _token_sums(scores: list[dict]) -> pd.DataFrame:
    """Return one row for each document, metric and reference, from the scores of windows."""
    sums = pd.DataFrame(scores).groupby("document").sum()
    columns = [("token_perplexity", "", "nll_nats")]
    for name in (column.removeprefix("agreed_") for column in sums if "agreed_" in column):
        columns += [
            ("kl_divergence_nats", name, f"kl_{name}_nats"),
            ("top1_agreement", name, f"agreed_{name}"),
        ]
    metrics, references, names = zip(*columns, strict=True)
    return pd.DataFrame(
        {
            "document": np.tile(sums.index, len(columns)),
            "total": sums[list(names)].to_numpy().T.ravel(),
            "weight": np.tile(sums["tokens"], len(columns)),
            "metric": np.repeat(metrics, len(sums)),
            "reference": np.repeat(references, len(sums)),
        }
    )


def _task_sums(documents: list[dict]) -> pd.DataFrame:
    """Return one row for each document and metric of a task; a group has none of its own."""
    columns = ["document", "metric", "total", "weight"]
    return pd.DataFrame(documents, columns=columns).assign(reference="")


def _reported(metrics: dict) -> dict[str, dict]:
    """Return metric -> value and standard error, from lm-eval's `METRIC,FILTER` keys."""
    found = {}
    for key, value in metrics.items():
        metric, comma, filtered = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = pd.to_numeric(metrics.get(f"{metric}_stderr,{filtered}"), errors="coerce")
        name = metric if filtered == "none" else key
        found[name] = {"value": value, "standard_error": error}
    return found


def _as_reported(described: list[dict], reported: Mapping[str, dict]) -> list[dict]:
    """Return the rows with lm-eval's values; without interval where they are something else."""
    rows = []
    ours = {row["metric"]: row for row in described if not row["reference"]}
    for metric, theirs in reported.items():
        row = ours.get(metric)
        if row is None or not np.isclose(row["value"], theirs["value"], rtol=1e-6):
            rows.append({"metric": metric, "reference": "", **theirs})
            continue
        known = {name: value for name, value in theirs.items() if not pd.isna(value)}
        rows.append(row | known)
        rows += [other for other in described if other["metric"] == f"{metric}_difference"]
    return rows
