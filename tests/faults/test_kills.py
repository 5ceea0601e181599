"""Kill -9 in each rule and at 20 random moments: the run goes on, nothing is lost.

A run is killed, unlocked as it says and goes on, again and again: each time everything under a
final name is whole and no job is left; at the end all is as in an undisturbed run, and no finished
job was done twice. The kills are printed with the rules that they hit.
"""

import random

import pytest

from tests.faults.kills import JOBS, KilledRun, one_job, snakemake_after
from tests.faults.project import hashes
from tests.workflow.project import TINY, planned

MOMENTS = 20


@pytest.mark.slow
def test_killed_at_random_moments(project, undisturbed, tmp_path):
    run = KilledRun(project, tmp_path / "killed", hashes(undisturbed))
    for _ in range(MOMENTS):
        if run.go_on(snakemake_after(random.uniform(0, 8)), "--cores", "2"):
            run.go_on(snakemake_after(random.uniform(0, 2)), "--cores", "2", "--forceall")
    run.go_on(lambda _: None, "--cores", "2")
    print(f"{len(run.victims)} kills survived")
    assert len(run.victims) >= MOMENTS
    run.is_as_if_nothing_had_happened()


@pytest.mark.slow
def test_killed_once_in_each_rule(project, undisturbed, tmp_path):
    rules = planned(project, *TINY, "--directory", str(tmp_path / "killed"))
    waiting = set(rules) - {"all"}
    assert {rule: count for rule, count in rules.items() if count > 1} == JOBS
    run = KilledRun(project, tmp_path / "killed", hashes(undisturbed))
    strike = one_job(waiting, lambda: random.uniform(0, 0.3))
    while not run.go_on(strike, "--cores", "2"):
        pass
    run.is_as_if_nothing_had_happened()
    while waiting:  # jobs that were done before they could be killed
        run.go_on(strike, "--cores", "1", "--forcerun", sorted(waiting)[0])
    run.go_on(lambda _: None, "--cores", "2")
    print(f"{len(run.victims)} kills survived, one in each of {len(rules) - 1} rules")
    assert hashes(run.folder) == run.whole
