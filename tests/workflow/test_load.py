"""Many jobs and many runs; on a quiet machine `benchmarks/load.py` measures how long they take."""

import pandas as pd
import pytest
import yaml

from benchmarks import load
from tests.workflow.project import run

pytestmark = pytest.mark.slow


def test_a_thousand_jobs_are_planned_soon(tmp_path):
    found = load.plan(tmp_path)
    assert found["jobs"] > 1000 and found["cpu_s"] < 60


def test_a_hundred_thousand_runs_in_little_memory_go_on_where_they_stopped(tmp_path):
    found = load.runs(tmp_path)
    assert found["rows"] >= 100_000 and found["parts"] >= 4
    assert found["killed"] and found["kept"] >= 1
    assert found["peak_mib"] < 2048


def test_a_configuration_may_be_longer_than_an_argument(project, tmp_path):
    """Of 128 KiB, which is the most that the system passes to a command in one piece."""
    grid = load.FEW | {"seq_len": [4096] * 30_000}
    (tmp_path / "long.yaml").write_text(yaml.safe_dump({"hardware": [grid], "figures": ["fig02"]}))
    given = ["--configfile", str(tmp_path / "long.yaml"), "--directory", str(tmp_path), "-c1"]
    done = run(
        project, "snakemake", "results/hardware/hardware.csv", "results/manifest.json", *given
    )
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "results" / "hardware" / "hardware.csv")) == 1
