"""The same bytes in other folders, time zones, locales, with other cores, umask and hash seeds.

The first variant is of CI too, where its run is also killed once at a random moment.
"""

import random
import shutil
import subprocess

import pytest

from tests.faults.kills import KilledRun, snakemake_at
from tests.faults.project import by_stage, hashes
from tests.workflow.project import copy_of_project

STAGES = {
    *("accuracy", "approximations", "array", "carbon", "claims", "docs"),
    *("figures", "gates", "hardware", "judge", "models", "report", "tables"),
}


@pytest.fixture(scope="package")
def german():
    """The locale de_DE.UTF-8, generated if it is not there; a test that needs it fails without."""
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout
    if "de_DE.utf8" not in listed.split():
        if not shutil.which("localedef") or not shutil.which("apt-get"):
            pytest.fail("no locale de_DE.UTF-8: `apt-get install locales` and generate it")
        source = ["localedef", "-i", "de_DE", "-f", "UTF-8", "de_DE.UTF-8"]
        if subprocess.run(source, capture_output=True, check=False).returncode:
            subprocess.run(["apt-get", "install", "-y", "-q", "locales"], check=True)
            subprocess.run(source, check=True)
    return {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}


class TestVariants:
    @pytest.mark.slow
    @pytest.mark.ci
    def test_a_killed_run_elsewhere_in_german(self, undisturbed, german, tmp_path):
        """Snakemake is killed once, and all but the cores that may differ does, at once."""
        other = german | {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "1"}
        elsewhere = copy_of_project(tmp_path / "Größe und Maß")
        folder, whole = elsewhere / "results of this", hashes(undisturbed)
        run = KilledRun(elsewhere, folder, whole, env=other, umask=0o077)
        strike = snakemake_at(folder, random.randrange(60), random.uniform(0, 1))  # of 75 jobs
        assert not run.go_on(strike, "--cores", "2")
        assert run.go_on(lambda _: None, "--cores", "2")
        assert {name.split("/")[1] for name in whole} == STAGES
        assert by_stage(whole, hashes(folder)) == {}
        run.is_as_if_nothing_had_happened()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("cores", "other"),
        [
            ("1", {"LC_ALL": "C", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4242"}),
            ("2", {"LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "0"}),
        ],
    )
    def test_other_surroundings(self, project, undisturbed, tmp_path, cores, other):
        folder = tmp_path / "an other  place"
        run = KilledRun(project, folder, hashes(undisturbed), env=other)
        assert run.go_on(lambda _: None, "--cores", cores)
        assert by_stage(run.whole, hashes(folder)) == {}
