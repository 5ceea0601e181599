"""Fused kernels for the loops of `mugi.llm.emulate`: faster, and the same bits.

`cpp` is a C++ library for the CPU, compiled at first use by the machine's own compiler, `triton` is
for CUDA (the package triton), `torch` are plain torch gathers, on any device. They change no
result, so that the environment variable MUGI_KERNEL picks one, not the configuration: `auto` (the
default) takes the fused kernels of the device where they run and torch elsewhere. Published
grouping (`strided`, `front`) and adaptive LUT windows always run in torch.
"""

import functools
import logging
import os
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
    """Return the fused kernels of a kind of device, or None where they do not run: tried once."""
    name = {"cpu": "cpp", "cuda": "triton"}.get(kind)
    if name is None:
        return None
    try:
        module = _named(name, torch.device(kind))
        _try(module, torch.device(kind))
    except Exception as error:  # compilers and drivers raise errors of their own
        logger = logging.getLogger(__name__)
        logger.warning("softmax and activations run as torch: %s", first_line(error))
        return None
    return module


def _named(name: str, device: torch.device) -> ModuleType:
    """Return the kernels called `name`; raise InputError if they cannot run on `device`."""
    if name == "cpp":
        if device.type != "cpu":
            raise InputError(
                f"{VARIABLE}=cpp: runs on cpu, not on {device}; allowed: torch, triton"
            )
        from mugi.llm.kernels import cpp

        cpp.library()
        return cpp
    from mugi.llm.kernels import gpu

    gpu.check(device)
    return gpu


def _try(module: ModuleType, device: torch.device) -> None:
    """Look one number up, in a table of one entry."""
    one = torch.zeros(1, dtype=torch.bfloat16, device=device)
    stack = SimpleNamespace(extreme="max", zeros="skip", group=1)
    offsets = torch.zeros(1, dtype=torch.int32, device=device)
    module.activations(
        SimpleNamespace(stack=stack, tables=one, offsets=offsets, sliding=False), one
    )
