"""Time, energy and area of accelerators on language models: a numpy model over YAML designs."""

from mugi.hardware.check import check_runs, mistakes_by_run
from mugi.hardware.design import designs
from mugi.hardware.sweep import breakdown, evaluate, expand
from mugi.hardware.workload import models

__all__ = [
    "breakdown",
    "check_runs",
    "designs",
    "evaluate",
    "expand",
    "mistakes_by_run",
    "models",
]
