"""Runs of the real workflow that something happens to: start, look into, hash, compare."""

import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.workflow.project import BIN, TINY

PATIENCE_S = 1800  # the longest that a run of config/tiny.yaml takes on a busy machine
# what says when and where a run was, and may differ
DIFFERS = re.compile(
    r"results/(logs|benchmarks|report/files/logs)/|results/(manifest|run)\.json|results/report/run\.html"
)
RUN_PAGE = b"\n# Run\n"  # the last one of report.md


def command(project: Path, folder: Path, *arguments: str) -> list[str]:
    """Return the command that runs config/tiny.yaml in a folder."""
    into = ["--snakefile", str(project / "Snakefile"), "--directory", str(folder)]
    return [str(BIN / "snakemake"), *into, *TINY, *arguments]


def start(project: Path, folder: Path, *arguments: str, log: Path, **how) -> psutil.Popen:
    """Start it in a process group of its own, with the package of the copy and `log` for all it
    says."""
    environment = os.environ | {"PYTHONPATH": str(project)} | how.pop("env", {})
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return psutil.Popen(
            command(project, folder, *arguments),
            cwd=project,
            env={key: value for key, value in environment.items() if value is not None},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **how,
        )


def jobs(run: psutil.Process) -> dict[psutil.Process, str]:
    """Return the processes of a run's jobs, each with the rule whose log it writes."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        for process in run.children(recursive=True):
            with suppress(OSError):  # it has ended by now
                said = os.readlink(f"/proc/{process.pid}/fd/1")
                if rule := re.search(r"/results/logs/(\w+)", said):
                    found[process] = rule[1]
    return found


def said(log: Path) -> str:
    """Return what a run said, but for the profile and the configuration that it begins with."""
    preface = r"^(Using workflow specific profile|Config file \S+ is extended by) .*\n"
    return re.sub(preface, "", log.read_text(errors="replace"), flags=re.M)


def kill(processes: Iterable[psutil.Process], how: int = signal.SIGKILL) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(how)


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of every result that must be the same in every run, by path."""
    found = {}
    for path in sorted(path for path in (folder / "results").rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not DIFFERS.match(name) and not path.name.startswith("."):
            content = path.read_bytes()
            if name == "results/report/report.md":
                content = content.partition(RUN_PAGE)[0]
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def hidden(folder: Path) -> list[str]:
    """Return the temporary files that are left in the results of a folder."""
    return [path.name for path in (folder / "results").rglob(".*")]


def by_stage(one: dict[str, str], other: dict[str, str]) -> dict[str, list[str]]:
    """Return the names of results that differ or that only one of two runs has, by stage."""
    differ: dict[str, list[str]] = {}
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            differ.setdefault(name.split("/")[1], []).append(name)
    return differ
