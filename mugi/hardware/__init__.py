"""Time, energy and area of accelerators on language models: a numpy model over YAML designs."""

from mugi.hardware.runs import check_runs, expand
from mugi.hardware.design import designs
from mugi.hardware.evaluate import breakdown, evaluate
from mugi.hardware.workload import models

__all__ = ["breakdown", "check_runs", "designs", "evaluate", "expand", "models"]
