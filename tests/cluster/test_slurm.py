"""The whole workflow on a real Slurm: a killed job, the next run, the bytes of a local run."""

import re
import subprocess
import time

import pytest

from tests.faults.project import by_stage, hashes
from tests.workflow.project import TINY, run

pytestmark = pytest.mark.slow


def jobs(*columns: str, states: str = "all") -> list[list[str]]:
    """Return what squeue says of every job: %k is the comment, which has the rule's name."""
    asked = ["squeue", "--noheader", f"--states={states}", f"--format={'|'.join(columns)}"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return [line.split("|") for line in said.splitlines()]


def running(rule: str) -> str | None:
    """Return the number of the job that runs a rule."""
    for number, comment in jobs("%i", "%k", states="RUNNING"):
        if comment.startswith(f"rule_{rule}"):
            return number
    return None


def until(happens, seconds: float = 900):
    """Wait for `happens()` to return something, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := happens():
            return found
        time.sleep(0.1)
    raise TimeoutError(happens)


def test_a_job_killed_midway_and_the_bytes_of_a_local_run(slurm, snakemake, project, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    alone = run(project, "snakemake", *TINY, "--directory", str(here), OMP_NUM_THREADS="1")
    assert alone.returncode == 0, alone.stderr
    command = [*TINY, "--directory", str(there)]
    cells = there / "results" / "accuracy" / "cells"

    log = tmp_path / "first.log"
    first = snakemake(log, *command)
    number = until(lambda: running("sweep_accuracy"))
    until(lambda: len(list(cells.rglob("*.json"))) > 3)
    subprocess.run(["scancel", number], check=True)
    number = until(lambda: running("tune_softmax"))
    steps = subprocess.run(
        ["scontrol", "listpids", number], capture_output=True, text=True, check=True
    ).stdout
    for pid in re.findall(r"^(\d+) ", steps, re.M):
        subprocess.run(["kill", "-9", pid], check=False)
    status, said = first.wait(), log.read_text()
    assert status == 1, said
    assert "Invalid generic resource" not in said  # none asks for a GPU that is not there
    for lost in ("sweep/tiny.csv", "tuning/tiny.csv"):
        assert not (there / "results" / "accuracy" / lost).exists()
    kept = {path: path.stat().st_mtime_ns for path in cells.rglob("*.json")}

    before = {number for (number,) in jobs("%i")}
    log = tmp_path / "second.log"
    assert snakemake(log, *command).wait() == 0, log.read_text()
    again = [comment for number, comment in jobs("%i", "%k") if number not in before]
    assert not [comment for comment in again if "prepare_model" in comment]
    assert [comment for comment in again if "sweep_accuracy" in comment]
    assert kept and all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert by_stage(hashes(here), hashes(there)) == {}
    print(*sorted(jobs("%i", "%T", "%k"), key=lambda job: int(job[0])), sep="\n")


def test_account_and_partition_stand_in_one_place(slurm, snakemake, project, tmp_path):
    text = (project / "profiles" / "slurm" / "config.yaml").read_text()
    text = re.sub("# slurm_account: NAME.*", "slurm_account: mine", text)
    text = re.sub("# slurm_partition: NAME.*", "slurm_partition: second", text)
    (tmp_path / "config.yaml").write_text(text)
    targets = ["results/approximations/exp.csv", *TINY, "--directory", str(tmp_path / "into")]
    log = tmp_path / "log"
    assert snakemake(log, *targets, profile=tmp_path).wait() == 0, log.read_text()
    [number] = [number for number, partition in jobs("%i", "%P") if partition == "second"]
    shown = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True)
    assert "Account=mine" in shown.stdout


def test_a_model_on_a_gpu_asks_for_one(slurm, snakemake, tmp_path):
    """This node has none, and says so."""
    on_gpu = "models={tiny: {source: embedded, dtype: float32, attention: sdpa, device: cuda}}"
    targets = ["results/accuracy/datapath/tiny.csv", *TINY, "--config", on_gpu]
    log = tmp_path / "log"
    status = snakemake(log, *targets, "--directory", str(tmp_path / "into")).wait()
    said = log.read_text()
    assert status == 1 and "Invalid generic resource" in said, said
