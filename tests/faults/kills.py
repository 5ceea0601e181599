"""Kill a run of config/tiny.yaml again and again until it is finished all the same."""

import random
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

from mugi.runs import RUN
from tests.faults.project import PATIENCE_S, hashes, hidden, jobs, kill, said, start

FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)", re.M)
POLL_S = 0.02


class KilledRun:
    """A run in a folder that is killed, unlocked as it says, and goes on; what it did so far.

    rules: finished jobs by rule; victims: what was killed, in order. After each kill, no file may
    have its final name and another content than in `whole`, and no job may be left.
    """

    def __init__(self, project: Path, folder: Path, whole: dict[str, str], **how):
        self.project, self.folder, self.whole, self.how = project, folder, whole, how
        self.rules: Counter[str] = Counter()
        self.victims: list[str] = []
        self.starts = 0

    def go_on(self, strike: Callable[[psutil.Popen], str | None], *arguments: str) -> bool:
        """Go on until `strike` has killed something, which it then names; whether all is done."""
        log = self.folder.with_name(f"{self.folder.name}-{self.starts}.log")
        run = start(self.project, self.folder, *arguments, log=log, **self.how)
        self.starts += 1
        victim, deadline = None, time.monotonic() + PATIENCE_S
        while run.poll() is None and victim is None:
            assert time.monotonic() < deadline, f"{log} goes on"
            time.sleep(POLL_S)
            victim = strike(run)
        status = run.wait(PATIENCE_S)
        self.rules.update(FINISHED.findall(said(log)))
        if victim is None:
            assert status == 0, said(log)
            return True
        print(f"kill {len(self.victims) + 1}: {victim}", flush=True)
        self.victims.append(victim)
        self.no_job_is_left()
        self.nothing_is_partial()
        self.unlock()
        return False

    def no_job_is_left(self) -> None:
        """Jobs of a killed run end by themselves, soon."""
        deadline = time.monotonic() + 60
        while left := processes_in(self.folder):
            assert time.monotonic() < deadline, f"still at work: {left}"
            time.sleep(0.2)

    def nothing_is_partial(self) -> None:
        """What has its final name is whole."""
        partial = [name for name, got in hashes(self.folder).items() if got != self.whole.get(name)]
        assert not partial

    def unlock(self) -> None:
        """Do what the next run asks for, if it does."""
        if not any((self.folder / ".snakemake" / "locks").glob("*.lock")):
            return
        log = self.folder.with_name(f"{self.folder.name}-locked.log")
        log.unlink(missing_ok=True)
        assert start(self.project, self.folder, log=log, **self.how).wait(PATIENCE_S) == 2
        [line] = said(log).splitlines()
        unlock = shlex.split(re.search("`(.*)`", line)[1])
        done = subprocess.run(unlock, cwd=self.project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def is_as_if_nothing_had_happened(self) -> None:
        """The same files, nothing hidden, and no finished job done twice."""
        assert hashes(self.folder) == self.whole
        assert hidden(self.folder) == []
        twice = {rule: count for rule, count in self.rules.items() if count > JOBS.get(rule, 1)}
        assert not twice, f"finished more often than there are jobs: {twice}"


# jobs of a rule in config/tiny.yaml, where there are more than one
JOBS = {
    "approximate_function": 3,
    "approximate_selected": 3,
    "collect_accuracy": 3,
    "collect_fits": 3,
    "collect_tuning": 2,
    "trace_array": 2,
}


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of the processes whose run is in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            run = process.environ().get(RUN, "")
            if run.startswith(f"{folder.resolve()}/") and process.status() != "zombie":
                found.append(" ".join(process.cmdline())[:200])
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def snakemake_after(seconds: float) -> Callable[[psutil.Popen], str | None]:
    """Kill Snakemake itself some time after its first job has begun."""
    moment = None

    def strike(run: psutil.Popen) -> str | None:
        nonlocal moment
        at_work = jobs(run)
        if moment is None and at_work:
            moment = time.monotonic() + seconds
        if moment is None or time.monotonic() < moment:
            return None
        run.kill()
        return f"Snakemake, at work: {', '.join(sorted(set(at_work.values()))) or 'nothing'}"

    return strike


def snakemake_at(folder: Path, finished: int, seconds: float) -> Callable:
    """Kill Snakemake itself some time after so many jobs of the run in a folder have finished."""
    later = snakemake_after(seconds)

    def strike(run: psutil.Popen) -> str | None:
        benchmarks = (folder / "results" / "benchmarks").rglob("*.tsv")  # written at a job's end
        return later(run) if len(list(benchmarks)) >= finished else None

    return strike


def one_job(waiting: set[str], seconds: Callable[[], float]) -> Callable:
    """Kill a job of a rule in `waiting`, which it then leaves, or Snakemake during that job."""

    def strike(run: psutil.Popen) -> str | None:
        for rule in sorted(set(jobs(run).values()) & waiting):
            time.sleep(seconds())
            victims = [process for process, of in jobs(run).items() if of == rule]
            if not victims:
                continue
            waiting.discard(rule)
            if random.random() < 0.5:
                run.kill()
                return f"Snakemake during {rule}"
            kill(victims)
            return f"a job of {rule}"
        return None

    return strike
