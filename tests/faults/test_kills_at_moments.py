"""Kill -9 of Snakemake at 20 random moments: the run goes on, nothing is lost.

It is killed, unlocked as it says and goes on, again and again: each time everything under a final
name is whole and no job is left; at the end all is as in an undisturbed run, and no finished job
was done twice. The kills are printed with the rules that they hit.
"""

import random
import shutil

import pytest

from tests.faults.kills import KilledRun, snakemake_after
from tests.faults.project import hashes

MOMENTS = 20


@pytest.mark.slow
def test_killed_at_random_moments(project, undisturbed, tmp_path):
    run = KilledRun(project, tmp_path / "killed", hashes(undisturbed))
    while len(run.victims) < MOMENTS:
        if run.go_on(snakemake_after(random.uniform(0, 8)), "--cores", "2"):  # it was done before
            run.is_as_if_nothing_had_happened()
            run.rules.clear()
            shutil.rmtree(run.folder / "results")
    assert run.go_on(lambda _: None, "--cores", "2")
    print(f"{len(run.victims)} kills survived")
    run.is_as_if_nothing_had_happened()
