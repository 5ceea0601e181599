"""Kill -9 once in each rule, of its job or of Snakemake during it: nothing is lost.

As at random moments, see there.
"""

import random

import pytest

from tests.faults.kills import JOBS, KilledRun, one_job
from tests.faults.project import hashes
from tests.workflow.project import TINY, planned


@pytest.mark.slow
def test_killed_once_in_each_rule(project, undisturbed, tmp_path):
    rules = planned(project, *TINY, "--directory", str(tmp_path / "killed"))
    waiting = set(rules) - {"all"}
    assert {rule: count for rule, count in rules.items() if count > 1} == JOBS
    run = KilledRun(project, tmp_path / "killed", hashes(undisturbed))
    strike = one_job(waiting, lambda: random.uniform(0, 0.3))
    while not run.go_on(strike, "--cores", "1"):  # one job at a time, or the other may finish
        pass
    run.is_as_if_nothing_had_happened()
    while waiting:  # jobs that were done before they could be killed
        run.go_on(strike, "--cores", "1", "--forcerun", sorted(waiting)[0])
    run.go_on(lambda _: None, "--cores", "2")
    print(f"{len(run.victims)} kills survived, one in each of {len(rules) - 1} rules")
    assert hashes(run.folder) == run.whole
