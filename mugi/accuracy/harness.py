"""How the tasks of lm-eval are found, loaded and run with the model class `MugiLM`."""

import contextlib
import functools
import io
import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import lm_eval.api.task
import numpy as np
from datasets.exceptions import DatasetsError
from huggingface_hub.errors import HfHubHTTPError
from lm_eval.tasks import TaskManager
from transformers import set_seed

from mugi.accuracy.finite import NonFinite, check_finite, stopped
from mugi.accuracy.lm import MugiLM
from mugi.accuracy.metrics import MEAN, metric_of
from mugi.accuracy.settings import TaskSettings
from mugi.errors import InputError, Mistake, closest, first_line, raise_all
from mugi.llm.texts import OWN_PREFIX, TASKS

logger = logging.getLogger(__name__)
_FILES = {"arrow", "csv", "json", "parquet", "text"}  # what data sets of files are read by
# Of data sets, the network and what is not installed. A TypeError is a bug, of theirs or ours.
_FAILURES = (
    *(OSError, ValueError, LookupError, RuntimeError, ImportError, NotImplementedError),
    *(DatasetsError, *HfHubHTTPError.__bases__),
)
STDERR_SAMPLES = 100  # of lm-eval's own standard errors, where it has no formula


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


def load_task(settings: TaskSettings, manager: TaskManager) -> dict:
    """Return lm-eval's tasks and groups that a name stands for, with their data.

    `num_fewshot` examples precede a question, if the task does not fix their number to 0; None
    leaves the task's own number. Raises InputError if the data cannot be had, for example without
    network.
    """
    name, fewshot = settings.name, settings.num_fewshot
    try:
        loaded = manager.load([name])
    except InputError:
        raise
    except _FAILURES as error:
        reason = first_line(error)
        raise InputError(f"task {name}: its data cannot be loaded: {reason}") from None
    for task in loaded["tasks"].values():
        own = task.get_config("num_fewshot")
        if own == 0 and fewshot:
            logger.warning("task %s fixes its examples to 0, not %d", task.config.task, fewshot)
        if own != 0 and fewshot is not None:
            task.set_config(key="num_fewshot", value=fewshot)
        elif own is None:
            task.set_config(key="num_fewshot", value=0)
    return loaded


def run_task(model: MugiLM, loaded: dict, settings: TaskSettings, samples: bool = False) -> dict:
    """Run a loaded task on its first documents, as its settings say.

    Returns `results`, what lm-eval says, without the documents; `documents`, task name -> rows of
    document, metric, reference (none), total and weight, see `mugi.accuracy.metrics`; the scored
    `tokens`; `cut_prompts`, task name -> documents whose prompt had no room; and, if asked for,
    lm-eval's `samples`: task name -> documents, requests, answers and scores. Raises InputError for
    scores that are not finite.
    """
    if settings.apply_chat_template and not model.tokenizer.chat_template:
        what = "the model's tokenizer has no chat template"
        raise InputError(Mistake(what, where="apply-chat-template"))
    if settings.apply_chat_template and settings.system_instruction and not model.takes_system:
        what = "the model's chat template takes none"
        raise InputError(Mistake(what, where="system-instruction"))
    before, name = model.scored_tokens, settings.name
    model.cut_prompts.clear()
    for task in loaded["tasks"].values():
        task.set_fewshot_seed(seed=settings.seed)  # every approximation gets the same examples
    set_seed(settings.seed)  # of the generators that tasks draw from
    # it prints how it finds a batch; what it warns of is logged
    quiet = contextlib.redirect_stdout(io.StringIO())
    with stopped(model.model, model.approximation), quiet, _no_bars():
        try:
            results = lm_eval.evaluate(
                model,
                loaded,
                limit=settings.documents,
                bootstrap_iters=STDERR_SAMPLES,
                log_samples=True,
                apply_chat_template=settings.apply_chat_template,
                fewshot_as_multiturn=settings.fewshot_as_multiturn,
                system_instruction=settings.system_instruction,
            )
        except OverflowError:  # exp of a log-likelihood
            raise NonFinite("score", f"task {name}") from None
        except InputError:
            raise
        except ValueError as error:  # more examples than there are, code that is to be run, …
            raise InputError(f"task {name}: {first_line(error)}") from None
        logged = results.pop("samples")
        documents = {task: _sums(task, rows) for task, rows in logged.items()}
        _check_scores(results["results"])
    for config in results["configs"].values():  # where the task's file was, on this machine
        (config.get("metadata") or {}).pop("config_source", None)
    found = {
        "results": results,
        "documents": documents,
        "tokens": model.scored_tokens - before,
        "cut_prompts": dict(Counter(task for task, _ in model.cut_prompts)),
    }
    return json.loads(json.dumps(found | ({"samples": logged} if samples else {}), default=str))


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Leave out the bar of each task's requests, which lm-eval shows whatever it is told."""
    module = lm_eval.api.task
    shown, module.tqdm = module.tqdm, functools.partial(module.tqdm, disable=True)
    try:
        yield
    finally:
        module.tqdm = shown


def _check_scores(results: Mapping[str, Mapping]) -> None:
    """Raise NonFinite for a score of lm-eval that is no finite number; a standard error of one, of
    a single document, becomes None."""
    for task, metrics in results.items():
        for key, value in metrics.items():
            if isinstance(value, float) and "_stderr" in key and not math.isfinite(value):
                metrics[key] = None
            elif isinstance(value, float):
                check_finite(value, key.partition(",")[0], f"task {task}")


def prompts_of(entry: str, result: Mapping, settings: TaskSettings) -> dict:
    """Return the columns `prompt` (examples, chat template, …) and `cut_prompts` of a task or group
    of the `result` of `run_task`."""
    results = result["results"]
    tasks, waiting = set(), [entry]
    while waiting:  # a group's tasks, those of its groups too
        name = waiting.pop()
        members = results.get("group_subtasks", {}).get(name)
        waiting += members or ()
        tasks |= set() if members else {name}
    shots = sorted({results["n-shot"][task] for task in tasks if task in results["n-shot"]})
    prompt = [f"{'|'.join(map(str, shots))}-shot"] if shots else []
    prompt += ["chat template"] if settings.apply_chat_template else []
    prompt += ["examples as turns"] if settings.fewshot_as_multiturn else []
    prompt += ["system instruction"] if settings.system_instruction else []
    cut = sum(result["cut_prompts"].get(task, 0) for task in tasks)
    return {"prompt": ", ".join(prompt), "cut_prompts": cut}


def _sums(task: str, documents: list[dict]) -> list[dict]:
    """Return a row for each document and metric that is a number or a weighted number.

    Raises NonFinite for one that is not finite.
    """
    rows = []
    for document in documents:
        for metric in document["metrics"]:
            value = document[metric]
            total, weight = value if isinstance(value, tuple | list) else (value, 1)
            if not isinstance(total, bool | int | float) or not isinstance(weight, int | float):
                continue
            if metric_of(metric).form is not MEAN:
                total = -total  # log-likelihoods become nats
            check_finite([total, weight], metric, f"task {task}, document {document['doc_id']}")
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
            error = metrics.get(f"{metric}_stderr,{filtered}")
            error = error if isinstance(error, int | float) else None  # or "N/A"
            row = {"metric": name, "unit": metric_of(name).unit, "reference": ""}
            rows.append(row | {"value": value, "standard_error": error})
    return rows
