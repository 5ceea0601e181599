"""Optional fused kernels for the loops of `mugi.accuracy.emulate`: faster, and the same bits.

They are asked for by the environment variable MUGI_KERNEL, because they change no result: `torch`
(the default, plain torch gathers), `cpp` (a C++ library for the CPU, compiled at first use by the
machine's own compiler) or `triton` (for CUDA; the package triton). Published grouping (`strided`,
`front`) and adaptive LUT windows always run in torch.
"""

import os

import torch

from mugi.approximations.tables import TableStack
from mugi.errors import InputError, unknown

VARIABLE = "MUGI_KERNEL"
KERNELS = ("torch", "cpp", "triton")


def chosen(stack: TableStack, device: torch.device):
    """Return the module whose `exponentials` and `activations` replace torch's gathers, or None.

    Raises InputError if MUGI_KERNEL names no kernel or one that cannot run here.
    """
    name = os.environ.get(VARIABLE) or KERNELS[0]
    if name not in KERNELS:
        raise InputError(f"{VARIABLE}: {unknown('kernel', name, KERNELS)}")
    if name == "torch" or stack.adaption or (len(stack.tables) > 1 and stack.grouping != "rows"):
        return None
    if name == "cpp":
        if device.type != "cpu":
            raise InputError(
                f"{VARIABLE}=cpp: runs on cpu, not on {device}; allowed: torch, triton"
            )
        from mugi.accuracy.kernels import cpp

        cpp.library()
        return cpp
    from mugi.accuracy.kernels import gpu

    gpu.check(device)
    return gpu
