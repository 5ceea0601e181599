"""The C++ kernels: compiled once into the user's cache, called through ctypes."""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from mugi.errors import InputError

SOURCE = Path(__file__).with_name("tables.cpp")
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fopenmp", "-shared", "-fPIC"]


@functools.cache
def library() -> ctypes.CDLL:
    """Return the compiled kernels; raise InputError if there is no compiler or it fails."""
    wanted = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++"]
    compiler = next(filter(None, map(shutil.which, wanted)), None)
    if not compiler:
        names = " or ".join(wanted)
        raise InputError(f"MUGI_KERNEL=cpp: no C++ compiler ({names}) found; allowed: torch")
    key = hashlib.sha256(SOURCE.read_bytes() + _version(compiler) + _processor()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mugi-repro"
    built = cache / f"tables-{key}.so"
    if not built.exists():
        try:
            _compile(compiler, built)
        except OSError as error:
            raise InputError(f"MUGI_KERNEL=cpp: cannot write {cache}: {error.strerror}") from None
    try:
        return ctypes.CDLL(str(built))
    except OSError as error:
        raise InputError(f"MUGI_KERNEL=cpp: cannot load {error}; allowed: torch") from None


def _version(compiler: str) -> bytes:
    """What tells this compiler from another that shares the cache folder."""
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    except OSError as error:
        reason = f"{compiler} does not run: {error.strerror}"
        raise InputError(f"MUGI_KERNEL=cpp: {reason}; allowed: torch") from None


def _processor() -> bytes:
    """What tells this machine's processor from another's that shares the cache folder."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line for line in lines if line.startswith("flags")), "").encode()


def _compile(compiler: str, built: Path) -> None:
    built.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        fresh = Path(folder) / built.name
        command = [compiler, *FLAGS, "-o", str(fresh), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[0]
            raise InputError(f"MUGI_KERNEL=cpp: {compiler} failed: {reason}; allowed: torch")
        fresh.replace(built)


def exponentials(lookup, scores: torch.Tensor) -> torch.Tensor:
    """Replace BF16 scores by exp(score − maximum over the keys), and return them.

    `scores` is (batch, KV heads, keys, query heads per KV head, queries), contiguous, with masked
    scores -inf; all queries of a key and head are one group.
    """
    batch, heads, *sizes = scores.shape
    sizes = [ctypes.c_int64(size) for size in (batch * heads, *sizes)]
    library().exponentials(ctypes.c_void_p(scores.data_ptr()), *sizes, *_stack(lookup))
    return scores


def activations(lookup, inputs: torch.Tensor) -> torch.Tensor:
    """Return the function of contiguous BF16 `inputs`; groups run along the last axis."""
    out = torch.empty_like(inputs)
    channels = inputs.shape[-1]
    tokens = inputs.numel() // channels
    group = min(lookup.stack.group, channels)
    sizes = [ctypes.c_int64(size) for size in (tokens, channels, group)]
    pointers = [ctypes.c_void_p(part.data_ptr()) for part in (inputs, out)]
    library().activations(*pointers, *sizes, *_stack(lookup))
    return out


def _stack(lookup) -> list:
    """The last arguments of both kernels: tables, the rule that picks one, threads."""
    stack = lookup.stack
    flags = [lookup.sliding, stack.extreme == "min", stack.zeros == "count"]
    pointers = [ctypes.c_void_p(part.data_ptr()) for part in (lookup.tables, lookup.offsets)]
    return [*pointers, *map(ctypes.c_int32, flags), ctypes.c_int32(torch.get_num_threads())]
