"""What became of a run: `run.json` in the folder of results, whichever way the run ended.

Snakemake's hooks write it when a run begins and when it ends. A record that still says *running*
when the next run begins is that of a run that was killed.
"""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mugi.documents import parse_json
from mugi.errors import InputError, check_file
from mugi.files import read_table, write_text
from mugi.manifest import manifest

RUN = "run.json"
RUNNING, FINISHED, FAILED, INTERRUPTED, KILLED = (
    *("running", "finished", "failed", "interrupted", "killed"),
)
KEPT, NOT_RUN = "kept", "not run"
EARLIER = 20  # runs before the last one that a record remembers


@dataclass
class Job:
    """A job of a run: a rule with its wildcards.

    state: *kept* from an earlier run, *finished*, *failed*, or *not run* because another job failed
    or the run was stopped; reason: why it had to run, in Snakemake's words; started, ended: times
    (ISO 8601, UTC) of the execution that made the outputs, in this run or before.
    """

    rule: str
    wildcards: dict[str, str]
    inputs: list[str]
    outputs: list[str]
    log: list[str]
    state: str
    reason: str = ""
    started: str = ""
    ended: str = ""
    benchmark: list[str] = field(default_factory=list)


def moment(seconds: float | None = None) -> str:
    """Return seconds since 1970, or now, as text: 2026-03-01T12:00:00+00:00."""
    at = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="seconds")


def jobs_of(workflow) -> list[Job]:
    """Return the jobs of a run by Snakemake's `workflow`, those that it keeps as well."""
    graph, failed = workflow.dag, workflow.scheduler.failed
    jobs = []
    for job in graph.jobs:
        if not job.output:  # a target
            continue
        needed = graph.needrun(job)
        reason = str(graph.reason(job))
        finished = FINISHED if graph.finished(job) else NOT_RUN
        jobs.append(
            Job(
                rule=job.rule.name,
                wildcards=dict(job.wildcards_dict),
                inputs=sorted({str(path) for path in job.input}),
                outputs=[str(path) for path in job.output],
                log=[str(path) for path in job.log],
                benchmark=[str(job.benchmark)] if job.benchmark else [],
                state=FAILED if job in failed else finished if needed else KEPT,
                reason=re.sub(r"^Finished \(was: (.*)\)$", r"\1", reason) if needed else "",
            )
        )
    return sorted(jobs, key=lambda job: (job.rule, job.outputs))


def timed(job: Job) -> Job:
    """Return a job with the times that its benchmark tells, if there is one."""
    for path in filter(Path.is_file, map(Path, job.benchmark)):
        try:
            seconds = float(read_table(path, ["s"], ["s"], sep="\t")["s"].iloc[0])
        except InputError:  # cut short when the job was killed
            continue
        end = path.stat().st_mtime
        job.started, job.ended = moment(end - seconds), moment(end)
    return job


def begin(path: Path, config: dict, workflow: str, jobs: Iterable[Job]) -> None:
    """Write the record of a run that begins; what the last one left becomes one of `earlier`.

    path: results/run.json; workflow: the Snakefile, from here.
    """
    last = read_record(path)
    earlier = last.get("earlier", [])
    if last:
        last["state"] = KILLED if last["state"] == RUNNING else last["state"]
        states = [job["state"] for job in last["jobs"]]
        counts = {name.replace(" ", "_"): states.count(name) for name in (FINISHED, FAILED)}
        earlier = [{k: last[k] for k in ("state", "started", "ended")} | counts, *earlier]
    record = {
        "state": RUNNING,
        "started": moment(),
        "ended": None,
        "command": sys.argv,
        "workflow": workflow,
        "jobs": [asdict(timed(job)) for job in jobs],
        "earlier": earlier[:EARLIER],
        "manifest": manifest(config),
    }
    _write(path, record)


def end(path: Path, jobs: Iterable[Job], succeeded: bool) -> dict:
    """Write how a run ended; return the record."""
    record = read_record(path)
    record["jobs"] = [asdict(timed(job)) for job in jobs]
    failed = any(job["state"] == FAILED for job in record["jobs"])
    record["state"] = FINISHED if succeeded else FAILED if failed else INTERRUPTED
    record["ended"] = moment()
    _write(path, record)
    return record


def read_record(path: Path) -> dict:
    """Return a record; empty if there is none, or none that can be read."""
    try:
        check_file(path)
        content = parse_json(path, path.read_text("utf-8")).content
    except (OSError, UnicodeDecodeError, InputError):
        return {}
    return content if {"state", "started", "ended", "jobs"} <= set(content) else {}


def _write(path: Path, record: dict) -> None:
    """Write a record; a disk that is full must not hide what else went wrong."""
    try:
        write_text(path, f"{json.dumps(record, indent=1)}\n")
    except (OSError, InputError) as error:
        print(f"{path}: not written: {error}", file=sys.stderr)
