"""The lm-eval model class of this project, and how its tasks are run."""

import logging
import time
from collections.abc import Iterable
from pathlib import Path

import lm_eval
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from mugi.accuracy.inject import injected
from mugi.approximations import NATIVE, parse_operations
from mugi.errors import InputError, unknown

TASKS = Path(__file__).parent / "tasks"
BOOTSTRAP_SAMPLES = 100  # for the standard error of word perplexity


@register_model("mugi")
class MugiLM(HFLM):
    """A Hugging Face causal model whose softmax and activation are approximated while it scores.

    `approximation` is written `softmax=METHOD;activation=METHOD`, or `native`. The operations are
    swapped for the duration of each group of requests and restored after it; the model itself is
    never changed. All other arguments are HFLM's. Batches of more than one request are padded by
    HFLM without a mask, which `rows` groups of a sliding window would see: `batch_size` is 1.
    """

    def __init__(self, approximation: str = NATIVE, batch_size: int | str = 1, **kwargs):
        if str(batch_size) != "1":
            raise InputError(f"batch_size is {batch_size}; allowed: 1")
        super().__init__(batch_size=1, **kwargs)
        self.approximation = parse_operations(approximation)

    def loglikelihood(self, requests, disable_tqdm=True):
        """Score continuations given contexts, with the operations swapped."""
        with injected(self.model, self.approximation):
            return super().loglikelihood(requests, disable_tqdm=True)

    def loglikelihood_rolling(self, requests, disable_tqdm=True):
        """Score whole documents, with the operations swapped."""
        with injected(self.model, self.approximation):
            return super().loglikelihood_rolling(requests, disable_tqdm=True)

    def generate_until(self, requests, disable_tqdm=True):
        """Generate greedily or by sampling, with the operations swapped."""
        with injected(self.model, self.approximation):
            return super().generate_until(requests, disable_tqdm=True)

    def _loglikelihood_tokens(self, requests, disable_tqdm=True, **kwargs):
        return super()._loglikelihood_tokens(requests, disable_tqdm=True, **kwargs)


def task_manager() -> TaskManager:
    """Return the manager of the local tasks."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    return TaskManager(include_path=str(TASKS), include_defaults=False)


def check_tasks(tasks: Iterable[str], manager: TaskManager) -> None:
    """Raise InputError for the tasks that are not there, one line each."""
    missing = [task for task in tasks if task not in manager.all_tasks]
    if missing:
        raise InputError("\n".join(unknown("task", task, manager.all_tasks) for task in missing))


def run_task(model: MugiLM, task: str, limit: int, manager: TaskManager, seed: int) -> dict:
    """Run `task` on its first `limit` documents; return lm-eval's results and the seconds."""
    began = time.perf_counter()
    results = lm_eval.simple_evaluate(
        model=model,
        tasks=[task],
        limit=limit,
        task_manager=manager,
        bootstrap_iters=BOOTSTRAP_SAMPLES,
        log_samples=False,
        random_seed=seed,
        numpy_random_seed=seed,
        torch_random_seed=seed,
        fewshot_random_seed=seed,
    )
    return results | {"seconds": time.perf_counter() - began}
