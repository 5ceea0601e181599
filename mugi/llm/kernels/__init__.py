"""Fused kernels for the loops of `mugi.llm.emulate`: faster, and the same bits.

`cpp` is for the CPU, compiled at first use by the machine's own compiler, `triton` for CUDA (the
package triton), `torch` are plain gathers, on any device. They change no result, so that the
environment variable MUGI_KERNEL picks one, not the configuration: `auto` (the default) takes the
fused kernels where they run. Published grouping and adaptive LUT windows always run in torch.
"""

import functools
import importlib
import importlib.util
import logging
import os
import subprocess
from types import ModuleType, SimpleNamespace

import torch

from mugi.errors import InputError, first_line, unknown
from mugi.methods.tables import TableStack

VARIABLE = "MUGI_KERNEL"
KERNELS = ("auto", "torch", "cpp", "triton")


def chosen(stack: TableStack, device: torch.device) -> ModuleType | None:
    """Return the module whose `exponentials` and `activations` replace torch's gathers, or None.

    Raises InputError if MUGI_KERNEL names no kernel or one that cannot run here.
    """
    name = os.environ.get(VARIABLE) or KERNELS[0]
    if name not in KERNELS:
        raise InputError(unknown("kernel", name, KERNELS).at(VARIABLE))
    if name == "torch" or stack.adaption or (len(stack.tables) > 1 and stack.grouping != "rows"):
        return None
    return _that_runs(device.type) if name == "auto" else _named(name, device)


@functools.cache
def _that_runs(kind: str) -> ModuleType | None:
    """Return the fused kernels of a kind of device, or None where they do not run: tried once, by
    a look-up in a table of one entry."""
    name = {"cpu": "cpp", "cuda": "triton"}.get(kind)
    if name is None:
        return None
    stack = SimpleNamespace(extreme="max", zeros="skip", group=1)
    try:
        module = _named(name, torch.device(kind))
        one = torch.zeros(1, dtype=torch.bfloat16, device=kind)
        lookup = SimpleNamespace(stack=stack, tables=one, offsets=one.int(), sliding=False)
        module.activations(lookup, one)
    except _failures() as error:
        logger = logging.getLogger(__name__)
        logger.warning("softmax and activations run as torch: %s", first_line(error))
        return None
    return module


def _failures() -> tuple[type[Exception], ...]:
    """Return what compilers, drivers and their libraries raise where kernels cannot run."""
    failures = InputError, OSError, RuntimeError, ImportError, subprocess.SubprocessError
    if not importlib.util.find_spec("triton"):
        return failures
    return *failures, importlib.import_module("triton.errors").TritonError


def _named(name: str, device: torch.device) -> ModuleType:
    """Return the kernels called `name`; raise InputError if they cannot run on `device`."""
    module = importlib.import_module(f"mugi.llm.kernels.{'gpu' if name == 'triton' else name}")
    module.check(device)
    return module
