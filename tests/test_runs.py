"""A run's lock, its jobs, what they publish and what is left of them."""

import errno
import os
import resource
import signal
import subprocess
import sys

import pandas as pd
import psutil
import pytest

from mugi import runs
from mugi.errors import InputError
from mugi.files import write_table, write_text

BEGIN = "import sys, time; from pathlib import Path; from mugi.runs import begin; begin(Path('.'));"
WAIT = "print('ready', flush=True); time.sleep(600)"
JOB = """
import os, subprocess, sys
print(os.environ["MUGI_RUN"], flush=True)
subprocess.run([sys.executable, "-c", sys.argv[1]])
"""
WRITES = """
import time
from pathlib import Path
from mugi.files import write_whole
from mugi.runs import end_with_run
end_with_run()
def write(temporary):
    Path(temporary).write_text("half")
    print("writing", flush=True)
    time.sleep(600)
write_whole("results/table.csv", write)
"""


def started(folder, program: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def alive(tmp_path):
    """A run in a folder, as a process, with its file."""
    run = started(tmp_path, BEGIN + WAIT)
    assert run.stdout.readline() == "ready\n"
    [file] = (tmp_path / runs.STATE).glob("*.run")
    yield run, file
    run.kill()
    run.wait()


def test_a_second_run_is_told_of_the_first(alive, tmp_path):
    run, _ = alive
    with pytest.raises(
        InputError, match=rf"{tmp_path}: another run .*process {run.pid} on .*--dir"
    ):
        runs.begin(tmp_path)
    run.kill()
    run.wait()
    runs.refuse_second(tmp_path)


def test_a_run_on_another_machine_counts_as_alive(tmp_path):
    (tmp_path / runs.STATE).mkdir(parents=True)
    (tmp_path / runs.STATE / "abc.run").write_text('{"host": "elsewhere", "process": 1}')
    with pytest.raises(InputError, match="process 1 on elsewhere"):
        runs.refuse_second(tmp_path)


def test_jobs_end_with_a_killed_run_and_leave_nothing(tmp_path):
    run = started(tmp_path, BEGIN + JOB, WRITES)
    file = run.stdout.readline().strip()
    assert run.stdout.readline() == "writing\n"
    identity = os.path.basename(file).removesuffix(".run")
    [temporary] = (tmp_path / "results").iterdir()
    assert temporary.name.startswith(f".table.csv.{identity}.")
    run.kill()
    assert run.stdout.read() == ""  # the job has ended too: nobody writes there any more
    assert not list((tmp_path / "results").iterdir())


def test_the_next_run_clears_away_what_a_killed_job_left(tmp_path):
    run = started(tmp_path, BEGIN + JOB, WRITES.replace("end_with_run()\n", ""))
    run.stdout.readline(), run.stdout.readline()
    [job] = psutil.Process(run.pid).children()
    job.kill()
    run.kill()
    run.wait()
    (tmp_path / "results" / ".mine").write_text("kept")
    assert len(list((tmp_path / "results").iterdir())) == 2
    subprocess.run([sys.executable, "-c", BEGIN], cwd=tmp_path, check=True)
    assert [path.name for path in (tmp_path / "results").iterdir()] == [".mine"]
    assert not list((tmp_path / runs.STATE).glob("*.run"))


def test_a_job_cannot_publish_after_its_run(alive, tmp_path, monkeypatch):
    run, file = alive
    monkeypatch.setenv(runs.RUN, str(file))
    path = tmp_path / "results" / "table.csv"
    write_text(path, "of the run")
    run.kill()
    run.wait()
    with pytest.raises(InputError, match=r"cannot write .*: the run that this job belongs to"):
        write_text(path, "too late")
    file.unlink()  # as the next run does
    with pytest.raises(InputError, match="has ended"):
        write_text(path, "much too late")
    assert path.read_text() == "of the run" and len(list(path.parent.iterdir())) == 1


def test_what_was_cut_or_edited_is_known(alive, tmp_path, monkeypatch):
    monkeypatch.setenv(runs.RUN, str(alive[1]))
    for name in ("cut", "edited", "deleted", "touched", "again"):
        write_text(tmp_path / "results" / f"{name}.csv", "a,b\n1,2\n")
    write_text(tmp_path / "results" / "again.csv", "made again")
    assert runs.changed(tmp_path) == []
    results = tmp_path / "results"
    os.truncate(results / "cut.csv", 3)
    (results / "edited.csv").write_text("a,b\n1,3\n")
    (results / "deleted.csv").unlink()
    (results / "touched.csv").touch()
    assert [path.name for path in runs.changed(tmp_path)] == ["cut.csv", "edited.csv"]


KILLED = """
import os, signal
from mugi.files import write_text
replace = os.replace
def killed(*names):
    if {renamed}:
        replace(*names)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = killed
write_text("results/table.csv", "new")
"""


@pytest.mark.parametrize(("renamed", "content"), [(False, "old"), (True, "new")])
def test_a_kill_while_publishing_is_no_edit(alive, tmp_path, monkeypatch, renamed, content):
    """Not before the final name is given, nor between that and the note that it was."""
    monkeypatch.setenv(runs.RUN, str(alive[1]))
    path = tmp_path / "results" / "table.csv"
    write_text(path, "old")
    killed = started(tmp_path, KILLED.format(renamed=renamed))
    assert killed.wait() == -signal.SIGKILL and path.read_text() == content
    assert runs.changed(tmp_path) == []
    path.write_text("mine")
    assert runs.changed(tmp_path) == [path.relative_to(tmp_path)]
    write_text(path, "newer")
    path.write_text("old")  # neither what was there before
    assert runs.changed(tmp_path) == [path.relative_to(tmp_path)]


def test_without_locks_there_is_no_run_to_know(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    assert runs.can_lock(tmp_path)
    monkeypatch.delenv(runs.RUN, raising=False)
    monkeypatch.setattr(runs.fcntl, "flock", refuse)
    assert not runs.can_lock(tmp_path)
    runs.begin(tmp_path)
    assert runs.RUN not in os.environ and not list((tmp_path / runs.STATE).iterdir())


def test_a_job_that_is_told_to_stop_clears_up(alive, tmp_path):
    job = subprocess.Popen(
        [sys.executable, "-c", WRITES],
        cwd=tmp_path,
        env=os.environ | {runs.RUN: str(alive[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stdout.readline() == "writing\n"
    job.terminate()
    assert job.communicate()[1] == "" and job.returncode == 128 + signal.SIGTERM
    assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_full_disk_is_one_line_and_leaves_the_old_table(tmp_path, name):
    path = tmp_path / name
    write_table(pd.DataFrame({"a": [1]}), path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        with pytest.raises(InputError, match=rf"^cannot write {path}: [^\n]+$"):
            write_table(pd.DataFrame({"a": [str(number**5) for number in range(2000)]}), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
