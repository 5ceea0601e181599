"""Work split into parts: the jobs, and the bytes of a run without parts."""

import pytest

from tests.faults.project import by_stage, hashes
from tests.workflow.project import TINY, planned, run

PARTS = tuple(
    f"results/{name}/" for name in ("accuracy/cells", "accuracy/shards", "hardware/parts")
)


def test_a_job_for_each_part(project):
    rules = planned(project, "accuracy", "hardware", "--config", "shards=16")
    parts = ("evaluate_shard", "sweep_shard", "evaluate_part", "break_down_part")
    assert {name: rules[name] for name in parts} == dict.fromkeys(parts, 16)
    assert rules["collect_hardware"] == 2 and rules["evaluate_accuracy"] == 1
    assert "evaluate_hardware" not in rules


@pytest.mark.slow
def test_how_many_parts_is_checked(project):
    done = run(project, "snakemake", "-n", "hardware", "--config", "shards=0")
    assert done.returncode == 2 and "shards" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_parts_leave_the_bytes_of_the_whole(project, tmp_path):
    for shards in (1, 3):
        into = ["--directory", str(tmp_path / str(shards)), "--config", f"shards={shards}"]
        done = run(project, "snakemake", "accuracy", "hardware", *TINY, *into)
        assert done.returncode == 0, done.stderr
    whole, parts = (
        {
            name: digest
            for name, digest in hashes(tmp_path / str(shards)).items()
            if not name.startswith(PARTS)
        }
        for shards in (1, 3)
    )
    assert by_stage(whole, parts) == {}
    made = {"accuracy/accuracy.csv", "accuracy/sweep.csv", "hardware/breakdown.csv"}
    assert {f"results/{name}" for name in made} <= parts.keys()
