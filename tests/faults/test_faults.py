"""What happens to disks, folders, clocks and files: detected with one clear line, or harmless.

On one table of the cost model and the one that is made of it, in a folder of its own each time.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.faults.project import PATIENCE_S, command, hashes, hidden, jobs, said, start

pytestmark = pytest.mark.slow
CARBON = "results/carbon/carbon.csv"
HARDWARE = "results/hardware/hardware.csv"
MOUNTED = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]


@pytest.fixture(scope="module")
def few(project) -> list[str]:
    """The arguments of a small run: its table of carbon, of a few accelerators."""
    path = project / "few.yaml"
    node = {"design": "mugi", "variant": "vlp", "array_height": [64, 128], "model": "llama_2_7b"}
    runs = [node | {"batch_size": [1, 8], "seq_len": [128, 4096]}]
    path.write_text(yaml.safe_dump({"hardware": runs, "figures": ["fig10"]}))
    return ["--configfile", str(path), "--cores", "1", "--", CARBON, HARDWARE]


@pytest.fixture(scope="module")
def calm(project, few, tmp_path_factory) -> dict[str, str]:
    """The hashes of that run when nothing happens."""
    folder = tmp_path_factory.mktemp("calm")
    assert run(project, folder, few)[0] == 0
    return hashes(folder)


def run(project: Path, folder: Path, arguments: list[str], **how) -> tuple[int, str]:
    """Return the status of a run and all it says, without tracebacks."""
    log = folder.with_name(f"{folder.name}.log")
    log.unlink(missing_ok=True)
    status = start(project, folder, *arguments, log=log, **how).wait(PATIENCE_S)
    assert "Traceback" not in said(log), said(log)
    return status, said(log)


def is_clean(folder: Path) -> bool:
    """Return whether no lock, no note of a run and no temporary file is left."""
    state = folder / ".snakemake"
    return not [*state.glob("locks/*.lock"), *state.glob("mugi/*.run"), *hidden(folder)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_a_clean_folder(project, few, calm, tmp_path, how):
    """Ctrl-C reaches the whole group; SIGTERM Snakemake, which lets the job at work finish."""
    folder, log = tmp_path / "stopped", tmp_path / "stopped.log"
    process = start(project, folder, *few, log=log)
    while not [job for job in jobs(process) if job.num_threads() > 1]:  # one waits for the end
        assert process.poll() is None, log.read_text()
        time.sleep(0.01)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    assert process.wait(PATIENCE_S) not in (0, None)
    assert "Traceback" not in said(log), said(log)
    line = "Terminating processes on user request" if how == signal.SIGINT else "Will exit after f"
    assert line in said(log)
    assert is_clean(folder) and not (folder / CARBON).exists()
    assert run(project, folder, few)[0] == 0
    assert hashes(folder) == calm


def test_a_second_run_at_once_is_refused_and_harms_nothing(project, few, calm, tmp_path):
    folder, log = tmp_path / "shared", tmp_path / "first.log"
    first = start(project, folder, *few, log=log)
    while not jobs(first):
        assert first.poll() is None, log.read_text()
        time.sleep(0.01)
    first.suspend()
    try:
        told = [run(project, folder, arguments) for arguments in (few, ["--unlock"])]
    finally:
        first.resume()
    for status, line in told:
        assert status == 2 and f"another run is at work here (process {first.pid} on" in line
        assert len(line.splitlines()) == 1
    assert first.wait(PATIENCE_S) == 0
    assert hashes(folder) == calm and is_clean(folder)


@pytest.mark.parametrize("fault", ["cut", "edited", "emptied"])
def test_a_table_that_was_cut_or_edited_is_named(project, few, calm, tmp_path, fault):
    folder = tmp_path / "edited"
    assert run(project, folder, few)[0] == 0
    path = folder / HARDWARE
    if fault == "edited":
        path.write_text(path.read_text().replace("mugi", "mine"))
    else:
        os.truncate(path, 300 if fault == "cut" else 0)
    status, line = run(project, folder, few)
    edited = "cut or edited since the workflow made it; delete it, and it is made again"
    assert (status, line) == (2, f"{HARDWARE}: {edited}\n")
    path.unlink()
    assert run(project, folder, few)[0] == 0
    assert hashes(folder) == calm


@pytest.mark.parametrize(
    "surroundings",
    [
        {"HOME": None},
        {"HOME": "/nowhere"},
        {"TMPDIR": "/nowhere"},
        {"HOME": None, "XDG_CACHE_HOME": "/nowhere", "MPLCONFIGDIR": "/nowhere", "USER": None},
    ],
)
def test_no_home_or_temporary_folder(project, few, calm, tmp_path, surroundings):
    folder = tmp_path / "homeless"
    assert run(project, folder, [*few, "results/figures/fig10.pdf"], env=surroundings)[0] == 0
    got = hashes(folder)
    assert {name: got.get(name) for name in calm} == calm


def test_results_on_another_file_system_behind_a_link(project, few, calm, tmp_path):
    folder = tmp_path / "linked"
    folder.mkdir()
    shared = Path("/dev/shm")
    assert shared.stat().st_dev != folder.stat().st_dev
    target = shared / f"mugi-{os.getpid()}"
    target.mkdir()
    try:
        (folder / "results").symlink_to(target)
        assert run(project, folder, few)[0] == 0
        assert hashes(folder) == calm and is_clean(folder)
        os.truncate(target / "hardware" / "hardware.csv", 300)
        assert run(project, folder, few)[0] == 2
    finally:
        shutil.rmtree(target)


def test_a_clock_that_was_set_back(project, few, calm, tmp_path):
    """A table from the future, of which another is made: told by Snakemake, or as if nothing were
    the matter."""
    folder = tmp_path / "future"
    assert run(project, folder, few)[0] == 0
    (folder / CARBON).unlink()
    later = time.time() + 86_400
    os.utime(folder / HARDWARE, (later, later))
    status, text = run(project, folder, few)
    assert status == 0 or "clock" in text
    os.utime(folder / HARDWARE)
    assert run(project, folder, few)[0] == 0
    assert hashes(folder) == calm and is_clean(folder)


def mounted(script: str, *words: str) -> subprocess.CompletedProcess:
    """Run a script that mounts something in a namespace of its own, which only root may."""
    done = subprocess.run(
        [*MOUNTED, script, "sh", *words], capture_output=True, text=True, check=False
    )
    assert "mount" not in done.stderr, done.stderr
    return done


FULL = """
cd "$1"; shift
mount -t tmpfs -o size=$PAGES none results
status=0; "$@" > first.log 2>&1 || status=$?
echo "$status"; find results -name '*.csv'; find results -name '.*.*'
mount -o remount,size=64m none results
"$@" > second.log 2>&1
cp results/hardware/hardware.csv results/carbon/carbon.csv .
"""


def test_a_full_disk_is_told_and_a_larger_one_goes_on(project, few, calm, tmp_path, monkeypatch):
    monkeypatch.setenv("PAGES", "32k")  # room for logs, not for both tables
    monkeypatch.setenv("PYTHONPATH", str(project))
    (tmp_path / "results").mkdir()
    done = mounted(FULL, str(tmp_path), *command(project, tmp_path, *few))
    text = said(tmp_path / "first.log")
    status, *there = done.stdout.splitlines()
    assert status == "1" and CARBON not in there and not [name for name in there if "/." in name]
    assert re.search(r"^mugi \w+: cannot write \S+: No space left on device$", text, re.M), text
    assert "Traceback" not in text
    for path in (HARDWARE, CARBON):
        copied = tmp_path / "results" / Path(path).relative_to("results")
        copied.parent.mkdir()
        shutil.move(tmp_path / Path(path).name, copied)
    assert hashes(tmp_path) == calm


READ_ONLY = 'cd "$1"; shift; mount --bind results results; mount -o remount,ro,bind results; "$@"'


def test_read_only_results_are_told_before_the_first_job(project, few, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(project))
    (tmp_path / "results").mkdir()
    done = mounted(READ_ONLY, str(tmp_path), *command(project, tmp_path, *few))
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert re.fullmatch(r"\S+/results: not writable; .*--directory FOLDER", line)


@pytest.mark.parametrize("left", [0.0, 0.5, "other"])
def test_damaged_cells_are_measured_again(project, tmp_path, left):
    folder = tmp_path / "cells"
    table = "results/accuracy/sweep/tiny.csv"
    arguments = ["--cores", "2", "--", table]
    assert run(project, folder, arguments)[0] == 0
    before = hashes(folder)
    for cell in (folder / "results" / "accuracy" / "cells").rglob("*.json"):
        content = b"\xff[1]" if left == "other" else cell.read_bytes()
        cell.write_bytes(content[: None if left == "other" else int(left * len(content))])
    (folder / table).unlink()
    assert run(project, folder, arguments)[0] == 0
    assert hashes(folder) == before
