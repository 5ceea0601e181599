"""A real Slurm on this machine, and Snakemake with its plugin: installed, or the tests fail."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.workflow.project import BIN, ROOT, copy_of_project

SCRIPT = Path(__file__).with_name("slurm.sh")


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    return copy_of_project(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Slurm's daemons, one node."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run(["sh", SCRIPT, "start", folder], check=True)
    yield folder
    subprocess.run(["sh", SCRIPT, "stop", folder], check=True)


@pytest.fixture(scope="session")
def plugged(tmp_path_factory):
    """Return the Python of an environment that has some plugins of Snakemake beside all that is
    here, which stays as it is."""

    def make(*plugins: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin" / "python"
        own = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        here = sysconfig.get_path("purelib")
        Path(own, "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
        pip = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt"]
        subprocess.run([*pip, *plugins], check=True)
        return python

    return make


@pytest.fixture(scope="session")
def snakemake(project, plugged):
    """Start `snakemake` in the copy, with the profile for Slurm and `log` for all it says; return
    its process."""
    python = plugged("snakemake-executor-plugin-slurm")
    path = os.pathsep.join([str(python.parent), str(BIN), os.environ["PATH"]])

    def start(
        log: Path, *arguments: str, profile: str | Path = "profiles/slurm"
    ) -> subprocess.Popen:
        command = [python, "-m", "snakemake", "--workflow-profile", profile]
        often = ["--slurm-init-seconds-before-status-checks", "2"]
        with log.open("w") as file:
            return subprocess.Popen(
                [*command, *often, *arguments],
                cwd=project,
                env=os.environ | {"PYTHONPATH": str(project), "PATH": path, "OMP_NUM_THREADS": "1"},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    return start
