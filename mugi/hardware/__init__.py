"""Time, energy and area of accelerators on language models: a numpy model over YAML designs."""

from mugi.hardware.design import designs
from mugi.hardware.evaluate import breakdown, evaluate, evaluate_hardware
from mugi.hardware.model import models
from mugi.hardware.runs import check_runs, expand, mistakes_by_run

__all__ = [
    "breakdown",
    "check_runs",
    "designs",
    "evaluate",
    "evaluate_hardware",
    "expand",
    "mistakes_by_run",
    "models",
]
