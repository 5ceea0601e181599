"""`kernel.sums` compiled by numba, for large work."""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from inspect import getsource
from pathlib import Path
from types import FunctionType

from numba import config, njit
from numba.misc.appdirs import user_cache_dir

from mugi.hardware import kernel, memory, tiling, timing, workload

MODULES = (tiling, workload, memory, timing, kernel)  # all that the compiled code is made of


@cache
def compiled_sums() -> Callable:
    """Return `kernel.sums` compiled, with the functions that it calls.

    No fastmath, and numpy's rules of division: the bytes are those of `kernel.sums` itself, on any
    processor. The code is kept in the user's cache folder, if that can be written; without it every
    process compiles anew.
    """
    scope = {name: value for module in MODULES for name, value in vars(module).items()}
    folder, kept = cache_folder(), config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")
    try:
        for name, value in list(scope.items()):
            if isinstance(value, FunctionType) and value.__module__.startswith("mugi.hardware"):
                twin = FunctionType(value.__code__, scope, name, value.__defaults__)
                scope[name] = njit(
                    cache=folder is not None and name == "sums", error_model="numpy"
                )(twin)
    finally:
        config.CACHE_DIR = kept
    return scope["sums"]


def cache_folder() -> Path | None:
    """Return where the compiled code is kept, or None if there is no such place.

    Its name depends on the source, as numba does not notice changes in what a function calls.
    """
    source = "".join(map(getsource, MODULES))
    name = f"kernel-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    try:
        folder = Path(os.environ.get("NUMBA_CACHE_DIR") or user_cache_dir("mugi")) / name
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
