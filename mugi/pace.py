"""How fast one core of this machine is, and how long the default run will take on it.

Seconds of every rule on a known machine, `data/times.yaml`, times how much slower or faster this
one is at two things: a model's matrix products and softmax in PyTorch, and plain Python with numpy
and pandas. Both are measured in CPU time, so that other programs disturb little.
"""

import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from mugi.documents import read_yaml
from mugi.schema import Section, validated

TIMES = Path(str(files("mugi"))) / "data" / "times.yaml"
MODEL_RULES = {
    *("evaluate_accuracy", "sweep_accuracy", "tune_softmax", "profile_inputs"),
    *("profile_as_published", "multiply_layers", "prepare_model"),
}
"""Rules whose time goes into a model; that of all others goes into numpy, pandas and matplotlib."""
CHAIN = ("prepare_model", "evaluate_accuracy", "table_accuracy", "judge_accuracy")
CHAIN += ("judge_claims", "judge_survivors", "document_results", "write_report")
"""Rules that wait for each other: however many cores there are, they take this long."""
START_S = 6
"""Of Snakemake, before the first job and between jobs, on the reference machine."""


class Speeds(Section):
    """Rounds per second of CPU time of one core: `model` in PyTorch, `plain` in Python."""

    model: float = Field(gt=0)
    plain: float = Field(gt=0)


class Times(Section):
    """A default run on a known machine: its speeds, and seconds of all jobs of each rule."""

    machine: str
    cores: int = Field(ge=1)
    speeds: Speeds
    seconds: dict[str, float]


def reference() -> Times:
    """Return the default run on the machine of docs/reference/times.md."""
    return validated(Times, read_yaml(TIMES))


def rounds_per_s(one_round: Callable[[], object], seconds: float) -> float:
    """Return how often a core does something in a second of CPU time; the best of three spells."""
    one_round()  # loads and compiles
    best = 0.0
    for _ in range(3):
        rounds, began, until = 0, time.process_time(), time.monotonic() + seconds / 3
        while time.monotonic() < until or not rounds:
            one_round()
            rounds += 1
        best = max(best, rounds / (time.process_time() - began))
    return best


def model_speed(seconds: float) -> float:
    """Return rounds per second of a block of the default model, in PyTorch."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(256, 576, generator=generator)
    wide = torch.randn(576, 1536, generator=generator)
    scores = torch.randn(9, 256, 256, generator=generator)

    def block() -> None:
        for _ in range(4):
            torch.nn.functional.silu(tokens @ wide) @ wide.T
        torch.softmax(scores, -1)

    try:
        with torch.inference_mode():
            return rounds_per_s(block, seconds)
    finally:
        torch.set_num_threads(threads)


def plain_speed(seconds: float) -> float:
    """Return rounds per second of a small table in Python, numpy and pandas."""
    import numpy as np
    import pandas as pd

    values = np.linspace(0, 1, 20_000)
    table = pd.DataFrame({"key": np.arange(20_000) % 97, "value": values})

    def work() -> None:
        table.groupby("key")["value"].sum()
        np.sort(np.exp(values) % 0.1)
        sum(number * number for number in range(20_000))

    return rounds_per_s(work, seconds)


def expected_s(known: Times, here: Speeds, cores: int) -> float:
    """Return how many seconds the default run takes with `cores` of these speeds.

    All jobs spread over the cores, but never less than the longest chain of jobs.
    """

    def took(rule: str) -> float:
        kind = "model" if rule in MODEL_RULES else "plain"
        return known.seconds.get(rule, 0) * getattr(known.speeds, kind) / getattr(here, kind)

    start = START_S * known.speeds.plain / here.plain
    return start + max(sum(map(took, known.seconds)) / cores, sum(map(took, CHAIN)))
