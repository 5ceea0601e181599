"""Many jobs and many runs; on a quiet machine `benchmarks/load.py` measures how long they take."""

import pytest

from benchmarks import load

pytestmark = pytest.mark.slow


def test_a_thousand_jobs_are_planned_soon(tmp_path):
    found = load.plan(tmp_path)
    assert found["jobs"] > 1000 and found["cpu_s"] < 60


def test_a_hundred_thousand_runs_in_little_memory_go_on_where_they_stopped(tmp_path):
    found = load.runs(tmp_path)
    assert found["rows"] >= 100_000 - 50 and found["parts"] >= 4
    assert found["killed"] and found["kept"] >= 1
    assert found["peak_mib"] < 2048
