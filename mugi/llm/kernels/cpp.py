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
from mugi.machine import processor

SOURCE = Path(__file__).with_name("tables.cpp")
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fopenmp", "-shared", "-fPIC"]
DISPENSABLE = {
    # Apple's clang has no OpenMP, other compilers may lack its library: then one thread, same bits
    "-fopenmp": ("-fopenmp", "-lomp", "-lgomp"),
    "-march=native": ("-march=native",),
}
"""Flag -> what compilers that cannot follow it write."""


def check(device: torch.device) -> None:
    """Raise InputError unless the kernels run on `device`."""
    if device.type != "cpu":
        raise InputError(f"MUGI_KERNEL=cpp: runs on cpu, not on {device}; allowed: torch, triton")
    library()


@functools.cache
def library() -> ctypes.CDLL:
    """Return the compiled kernels; raise InputError if there is no compiler or it fails."""
    wanted = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++"]
    compiler = next(filter(None, map(shutil.which, wanted)), None)
    if not compiler:
        names = " or ".join(wanted)
        raise InputError(f"MUGI_KERNEL=cpp: no C++ compiler ({names}) found; allowed: torch")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mugi-repro"
    built = cache / f"tables-{_key(compiler)}.so"
    if not built.exists():
        try:
            _compile(compiler, built)
        except OSError as error:
            raise InputError(f"MUGI_KERNEL=cpp: cannot write {cache}: {error.strerror}") from None
    try:
        kernels = ctypes.CDLL(str(built))
    except OSError as error:
        raise InputError(f"MUGI_KERNEL=cpp: cannot load {error}; allowed: torch") from None
    pointer, size, flag = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    stack = [pointer] * 2 + [flag] * 4
    kernels.exponentials.argtypes = [pointer, *[size] * 4, *stack]
    kernels.activations.argtypes = [pointer, pointer, *[size] * 3, *stack]
    return kernels


def _key(compiler: str) -> str:
    """Return what tells this source, compiler and processor from others that share the cache."""
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    except OSError as error:
        reason = f"{compiler} does not run: {error.strerror}"
        raise InputError(f"MUGI_KERNEL=cpp: {reason}; allowed: torch") from None
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    able = next((line for line in lines if line.startswith("flags")), "") or processor()
    return hashlib.sha256(SOURCE.read_bytes() + version + able.encode()).hexdigest()[:16]


def _compile(compiler: str, built: Path) -> None:
    """Compile into `built`, without the DISPENSABLE flags that this compiler does not take."""
    built.parent.mkdir(parents=True, exist_ok=True)
    flags = list(FLAGS)
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        fresh = Path(folder) / built.name
        while said := _errors([compiler, *flags, "-o", str(fresh), str(SOURCE)]):
            kept = [
                flag
                for flag in flags
                if not any(sign in said for sign in DISPENSABLE.get(flag, ()))
            ]
            if kept == flags:
                reason = said.splitlines()[0]
                raise InputError(f"MUGI_KERNEL=cpp: {compiler} failed: {reason}; allowed: torch")
            flags = kept
        fresh.replace(built)


def _errors(command: list[str]) -> str:
    """Run a compiler; return what it says if it fails, else nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or "no message") if done.returncode else ""


def threaded() -> bool:
    """Return whether the kernels were compiled with OpenMP; raises InputError as `library` does."""
    return bool(library().threaded())


def exponentials(lookup, scores: torch.Tensor) -> torch.Tensor:
    """Replace BF16 scores by exp(score − maximum over the keys), and return them.

    `scores` is (batch, KV heads, keys, query heads per KV head, queries), contiguous, with masked
    scores -inf; all queries of a key and head are one group.
    """
    batch, heads, *sizes = scores.shape
    library().exponentials(scores.data_ptr(), batch * heads, *sizes, *_stack(lookup))
    return scores


def activations(lookup, inputs: torch.Tensor) -> torch.Tensor:
    """Return the function of contiguous BF16 `inputs`; groups run along the last axis."""
    out = torch.empty_like(inputs)
    channels = inputs.shape[-1]
    sizes = inputs.numel() // channels, channels, min(lookup.stack.group, channels)
    library().activations(inputs.data_ptr(), out.data_ptr(), *sizes, *_stack(lookup))
    return out


def _stack(lookup) -> list[int]:
    """The last arguments of both kernels: tables, the rule that picks one, threads."""
    stack = lookup.stack
    rule = [lookup.sliding, stack.extreme == "min", stack.zeros == "count"]
    return [lookup.tables.data_ptr(), lookup.offsets.data_ptr(), *rule, torch.get_num_threads()]
