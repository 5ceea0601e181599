"""How long jobs take, with which memory and disk."""

import os
import sys
from pathlib import Path

import pandas as pd
import yaml

from docs.blocks.text import KEPT, NOT_MEASURED, to_markdown
from mugi.files import read_table, write_text
from mugi.machine import processor, usable_cores
from mugi.pace import CHAIN, MODEL_RULES, TIMES, model_speed, plain_speed
from mugi.report.claims import claims_of
from mugi.report.jobs import by_rule, jobs
from mugi.report.results import Results
from mugi.report.run import needs

MANY = 5  # ids that begin alike, from which on they are counted
MEASURED_S = 10


def busy_s(table: pd.DataFrame) -> float:
    """Return for how long at least one of the jobs ran."""
    running = changes(table)["jobs"].cumsum() > 0
    return changes(table)["at"].diff().shift(-1)[running].sum()


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the moments at which jobs and their memory come (+) and go (-), in order."""
    start = {"at": table["start"], "jobs": 1, "memory_mib": table["memory_mib"]}
    end = {"at": table["end"], "jobs": -1, "memory_mib": -table["memory_mib"]}
    both = pd.concat([pd.DataFrame(start), pd.DataFrame(end)])
    return both.sort_values("at", kind="stable", ignore_index=True).fillna(0)


def run(results: Path) -> str:
    """Return how long install and run took, on what, with which memory and disk."""
    table, environment = jobs(results), Path(sys.prefix)
    memory_gib = changes(table)["memory_mib"].cumsum().max() / 1024
    install = f"{gigabytes(environment):.1f} GB"
    installed = environment / "bin" / ".installed"
    if installed.exists():
        took = installed.stat().st_mtime - (environment / "pyvenv.cfg").stat().st_mtime
        install = f"{took / 60:.0f} min and {install}"
    return (
        f"On {processor()}, {os.cpu_count()} cores: the install takes {install}; then `make` runs "
        f"{len(table)} jobs in {busy_s(table) / 60:.0f} min, with at most {memory_gib:.1f} GiB "
        f"of memory and {gigabytes(results):.1f} GB of results."
    )


def full(results: Path) -> str:
    """Return how long `make full` took, if it was run here."""
    larger = results.parent / "results-full" / "results"
    if not (larger / "benchmarks").is_dir():
        return KEPT
    return f"`make full` took {busy_s(jobs(larger)) / 3600:.1f} hours on {processor()}."


def gigabytes(folder: Path) -> float:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def times(results: Path) -> str:
    """Return the seconds of every rule, the longest first."""
    rules = by_rule(results)
    shown = pd.DataFrame(
        {
            "rule": rules.index,
            "seconds, all jobs": rules["seconds"].map("{:.0f}".format).to_numpy(),
            "peak memory of a job [MiB]": [
                "" if pd.isna(peak) else f"{peak:.0f}" for peak in rules["memory_mib"]
            ],
        }
    )
    return f"On {processor()}, {os.cpu_count()} cores.\n\n{to_markdown(shown)}"


def claim_times(results: Path) -> str:
    """Return which command makes which claims, in how many seconds and with which memory."""
    found = Results(results)
    claims = claims_of(found)
    if claims is None:
        return NOT_MEASURED
    needed = needs(found, claims, by_rule(results))
    shown = pd.DataFrame(
        {
            "claims": needed["claims"].map(in_short),
            "command": needed["command"].map("`{}`".format),
            "seconds": needed["seconds"].map("{:.0f}".format),
            "peak memory [MiB]": needed["memory_mib"].map("{:.0f}".format),
        }
    )
    return f"On {processor()}, {os.cpu_count()} cores.\n\n{to_markdown(shown)}"


def in_short(names: list[str]) -> str:
    """Return ids, many of one beginning as `T3-* (96)`."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition("-")[0], []).append(name)
    return ", ".join(
        ", ".join(own) if len(own) < MANY else f"{start}-* ({len(own)})"
        for start, own in groups.items()
    )


def forward(results: Path) -> str:
    """Return the forward passes of benchmarks/forward.py, if it was run."""
    path = results / "benchmarks" / "forward.csv"
    return to_markdown(read_table(path)) if path.is_file() else NOT_MEASURED


def write_times(results: Path) -> None:
    """Write what `mugi doctor` estimates from: seconds of each rule, and this machine's speed."""
    rules = by_rule(results)
    if not {*MODEL_RULES, *CHAIN} <= set(rules.index):  # not the default run
        return
    note = "".join(line for line in TIMES.open(encoding="utf-8") if line.startswith("#"))
    speeds = {"model": model_speed(MEASURED_S), "plain": plain_speed(MEASURED_S)}
    known = {
        "machine": processor(),
        "cores": usable_cores(),
        "speeds": {kind: float(f"{speed:.3g}") for kind, speed in speeds.items()},
        "seconds": {rule: round(float(s), 1) for rule, s in rules["seconds"].items()},
    }
    write_text(TIMES, note + yaml.safe_dump(known, sort_keys=False))
