"""What real runs leave in results/run.json: one that fails, goes on, is killed."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.workflow.project import BIN, TINY, run

pytestmark = pytest.mark.slow


def left(project) -> dict:
    return json.loads((project / "results" / "run.json").read_text())


def states(project) -> dict[str, str]:
    return {job["rule"]: job["state"] for job in left(project)["jobs"]}


def test_runs_that_fail_go_on_and_are_killed(project):
    command = project / "mugi" / "commands" / "lookup.py"
    kept, times = command.read_text(), command.stat()
    command.write_text(f"{kept}\n\nraise SystemExit(3)\n")
    done = run(project, "snakemake", "fig03", *TINY, "-c1")
    assert done.returncode == 1
    assert "The run has failed: results/run.json has the state of each job" in done.stderr
    assert states(project) == {"look_up": "failed", "fig03": "not run"}
    failed = left(project)
    assert failed["state"] == "failed" and failed["manifest"]["config"]["models"]
    command.write_text(kept)
    os.utime(command, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert run(project, "snakemake", "fig03", *TINY, "-c1").returncode == 0
    finished = left(project)
    assert finished["state"] == "finished" and finished["earlier"][0]["state"] == "failed"
    assert states(project) == {"look_up": "finished", "fig03": "finished"}
    assert all(job["started"] and job["reason"] for job in finished["jobs"])

    (project / "results" / "figures" / "fig03.png").unlink()
    words = [BIN / "snakemake", "fig03", *TINY, "-c1"]
    environment = os.environ | {"PYTHONPATH": str(project)}
    started = subprocess.Popen(words, cwd=project, env=environment, start_new_session=True)
    until = time.monotonic() + 120
    while left(project)["state"] != "running" and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert left(project)["state"] == "running"
    assert run(project, "snakemake", *TINY, "--unlock").returncode == 0
    assert run(project, "snakemake", "fig03", *TINY, "-c1").returncode == 0
    again = left(project)
    assert [one["state"] for one in again["earlier"]] == ["killed", "finished", "failed"]
    assert states(project) == {"look_up": "kept", "fig03": "finished"}

    done = run(project, "mugi", "crate", "results", "-o", "crate")
    assert done.returncode == 0, done.stderr
    graph = json.loads((project / "crate" / "ro-crate-metadata.json").read_text())["@graph"]
    assert "results/figures/fig03.png" in {one["@id"] for one in graph}
