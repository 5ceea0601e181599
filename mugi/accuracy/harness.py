"""The lm-eval model class of this project, and how its tasks are run."""

import contextlib
import functools
import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import lm_eval.api.task
import numpy as np
import pandas as pd
import torch
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import set_seed

from mugi.accuracy.metrics import MEAN, metric_of
from mugi.accuracy.predictions import in_batches
from mugi.errors import InputError, Mistake, closest, first_line, raise_all
from mugi.llm.inject import emulated
from mugi.llm.texts import OWN_PREFIX, TASKS
from mugi.methods import NATIVE, parse_operations

_FILES = {"arrow", "csv", "json", "parquet", "text"}  # what data sets of files are read by
STDERR_SAMPLES = 100  # of lm-eval's own standard errors, where it has no formula


@register_model("mugi")
class MugiLM(HFLM):
    """A Hugging Face causal model whose softmax and activation are approximated while it scores.

    `approximation` is written `softmax=METHOD;activation=METHOD`, or `native`; where commas cannot
    be passed on, `+` stands for them: `softmax=vlp:lut=8+max_exp=3`. The operations are swapped
    for the duration of each group of requests and restored after it; the model itself is never
    changed. On a CPU sequences run one at a time, so that no digit depends on `batch_size`; on a
    GPU they are padded on the right with a mask. Log-probabilities are float32. All other arguments
    are HFLM's.
    """

    def __init__(self, approximation: str = NATIVE, batch_size: int | str = 1, **kwargs):
        self.approximation = parse_operations(str(approximation).replace("+", ","))
        super().__init__(batch_size=batch_size, **kwargs)
        self.scored_tokens = 0

    def loglikelihood(self, requests, disable_tqdm=True):
        """Score continuations given contexts, with the operations swapped."""
        with emulated(self.model, self.approximation):
            return super().loglikelihood(requests, disable_tqdm=True)

    def loglikelihood_rolling(self, requests, disable_tqdm=True):
        """Score whole documents, with the operations swapped."""
        with emulated(self.model, self.approximation):
            return super().loglikelihood_rolling(requests, disable_tqdm=True)

    def generate_until(self, requests, disable_tqdm=True):
        """Generate greedily or by sampling, with the operations swapped."""
        with emulated(self.model, self.approximation):
            return super().generate_until(requests, disable_tqdm=True)

    def _detect_batch_size(self, requests=None, pos=0) -> int:
        """Return where `auto` starts; scoring finds its own sizes."""
        return 1 if self.device.type == "cpu" else 16

    @torch.inference_mode()
    def _loglikelihood_tokens(self, requests, disable_tqdm=True, override_bs=None):
        """Return (log-likelihood in nats, whether it is the greedy one) of each continuation."""
        inputs: dict[tuple[int, ...], list[int]] = {}
        for index, (_, context, answer) in enumerate(requests):
            if len(answer) > self.max_length:
                raise InputError(
                    f"a continuation of {len(answer)} tokens; "
                    f"the window (max_length) allows {self.max_length}"
                )
            seen = (context + answer)[-(self.max_length + 1) : -1]
            inputs.setdefault(tuple(seen), []).append(index)
        order = sorted(inputs, key=lambda seen: (-len(seen), seen))
        lengths = [len(seen) for seen in order]
        answers = {}
        for batch, logits in in_batches(
            order, lengths, self.batch_size, self.device, self._padded_call
        ):
            for seen, row in zip(batch, logits, strict=True):
                for index in inputs[seen]:
                    answers[index] = self._answer(requests[index], row[: len(seen)])
        return [answers[index] for index in range(len(requests))]

    def _padded_call(self, inputs: list[tuple[int, ...]]) -> torch.Tensor:
        """Return the logits of sequences of token ids, (sequences, longest, vocabulary)."""
        longest = max(map(len, inputs))
        tokens = torch.zeros(len(inputs), longest, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, seen in enumerate(inputs):
            tokens[row, : len(seen)] = torch.tensor(seen)
            mask[row, : len(seen)] = 1
        padded = None if mask.all() else mask.to(self.device)
        return self.model(tokens.to(self.device), attention_mask=padded, use_cache=False).logits

    def _answer(self, request, logits: torch.Tensor) -> tuple[float, bool]:
        """Score one continuation, which the last of `logits` (tokens, vocabulary) predict."""
        name, _, answer = request
        self.scored_tokens += len(answer)
        logs = torch.log_softmax(logits[-len(answer) :].float(), dim=-1)
        tokens = torch.tensor(answer, device=logs.device)
        likelihood = logs.gather(1, tokens[:, None]).sum(dtype=torch.float64).item()
        scored = (likelihood, bool((logs.argmax(-1) == tokens).all()))
        if name is not None:
            self.cache_hook.add_partial("loglikelihood", name, scored)
        return scored


def task_manager(names: Iterable[str] = (), folders: Iterable[Path] = ()) -> TaskManager:
    """Return a manager of the local tasks and those in `folders`; of lm-eval's own, too, if one of
    `names` is not among them (which takes seconds).

    Raises InputError for the names that no task, group or tag has, one line each.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    paths = [str(TASKS), *map(str, folders)]
    manager = TaskManager(include_path=paths, include_defaults=False)
    local = list(manager.all_tasks)
    missing = [name for name in names if name not in manager.all_tasks]
    if missing and not any(name.startswith(OWN_PREFIX) for name in missing):
        manager = TaskManager(include_path=paths)
        missing = [name for name in names if name not in manager.all_tasks]
    allowed, known = (*local, "any other that `lm_eval ls tasks` lists"), manager.all_tasks
    raise_all(
        [Mistake(f"unknown task '{name}'", "", allowed, closest(name, known)) for name in missing]
    )
    return manager


def datasets_of(name: str, manager: TaskManager) -> list[str]:
    """Return the data sets of the hub that a task, or those of a group or tag, are configured with.

    Tasks written in Python may load others.
    """
    datasets, seen, waiting = set(), set(), [name]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if item in seen or item not in manager.task_index:
                continue
            seen.add(item)
            entry = manager.task_index[item]
            waiting += entry.tags if entry.cfg is None else ()  # a tag's tasks
            item = entry.cfg or {}
        path = item.get("dataset_path")
        if path and path not in _FILES and not Path(path).exists():
            datasets.add(path)
        for members in (item.get("task"), item.get("group")):
            waiting += [members] if isinstance(members, str) else members or ()
    return sorted(datasets)


def load_task(name: str, manager: TaskManager, seed: int, fewshot: int | None) -> dict:
    """Return lm-eval's tasks and groups that `name` stands for, with their data.

    `fewshot` examples precede a question, if the task does not fix their number to 0; None leaves
    the task's own number. Raises InputError if the data cannot be had, for example without network.
    """
    try:
        loaded = manager.load([name])
    except InputError:
        raise
    except Exception as error:  # every data set raises errors of its own
        reason = first_line(error)
        raise InputError(f"task {name}: its data cannot be loaded: {reason}") from None
    for task in loaded["tasks"].values():
        own = task.get_config("num_fewshot")
        if own != 0 and fewshot is not None:
            task.set_config(key="num_fewshot", value=fewshot)
        elif own is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=seed)
    return loaded


def run_task(model: MugiLM, loaded: dict, limit: int | None, seed: int) -> dict:
    """Run a loaded task on its first `limit` documents (None: all).

    Returns `results`, what lm-eval says, without the documents; `documents`, task name -> rows of
    document, metric, reference (none), total and weight, see `mugi.accuracy.metrics`; and the
    scored `tokens`.
    """
    before = model.scored_tokens
    set_seed(seed)  # of the generators that tasks draw from
    # it prints how it finds a batch; what it warns of is logged
    with contextlib.redirect_stdout(io.StringIO()), _no_bars():
        results = lm_eval.evaluate(
            model, loaded, limit=limit, bootstrap_iters=STDERR_SAMPLES, log_samples=True
        )
    samples = results.pop("samples")
    return {
        "results": json.loads(json.dumps(results, default=str)),
        "documents": {task: _sums(documents) for task, documents in samples.items()},
        "tokens": model.scored_tokens - before,
    }


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Leave out the bar of each task's requests, which lm-eval shows whatever it is told."""
    module = lm_eval.api.task
    shown, module.tqdm = module.tqdm, functools.partial(module.tqdm, disable=True)
    try:
        yield
    finally:
        module.tqdm = shown


def _sums(documents: list[dict]) -> list[dict]:
    """Return a row for each document and metric that is a number or a weighted number."""
    rows = []
    for document in documents:
        for metric in document["metrics"]:
            value = document[metric]
            total, weight = value if isinstance(value, tuple | list) else (value, 1)
            if not isinstance(total, bool | int | float) or not isinstance(weight, int | float):
                continue
            if metric_of(metric).form is not MEAN:
                total = -total  # log-likelihoods become nats
            filtered = document["filter"]
            name = metric if filtered == "none" else f"{metric},{filtered}"
            place = {"document": document["doc_id"], "metric": name, "reference": ""}
            rows.append(place | {"total": float(total), "weight": float(weight)})
    return rows


def as_reported(described: list[dict], metrics: Mapping[str, object]) -> list[dict]:
    """Return rows of `intervals.describe` with lm-eval's values, by its `METRIC,FILTER` keys, and
    with its standard error instead of an interval where the sums over documents give something
    else."""
    rows = []
    ours = {row["metric"]: row for row in described if not row["reference"]}
    for key, value in metrics.items():
        metric, comma, filtered = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        name = metric if filtered == "none" else key
        if name in ours and np.isclose(ours[name]["value"], value, rtol=1e-6):
            rows.append(ours[name] | {"value": value})
            rows += [other for other in described if other["metric"] == f"{name}_difference"]
        else:
            error = pd.to_numeric(metrics.get(f"{metric}_stderr,{filtered}"), errors="coerce")
            row = {"metric": name, "unit": metric_of(name).unit, "reference": ""}
            rows.append(row | {"value": value, "standard_error": error})
    return rows
