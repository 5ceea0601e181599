"""Runs of the workflow: one at a time in a folder; jobs end with theirs, publish nothing after.

A run holds a lock on a file of its own, `.snakemake/mugi/ID.run`, which the system lets go when the
process ends, however it ends. Its jobs know that file from the variable MUGI_RUN. When the run is
dead they stop, and what they still write does not get its final name. Temporary files carry the
run's ID, so that the next run finds those of a dead one; what is published is noted with its
sha256 before and after, so that the next run finds what was cut or edited since. Where files cannot
be locked, all of this is left out, and Snakemake's own lock remains.
"""

import atexit
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mugi.errors import InputError, Mistake

RUN = "MUGI_RUN"  # the environment variable: file of the run that a job belongs to
STATE = Path(".snakemake", "mugi")  # in the folder of a run
PUBLISHED = "published"
INTENDED = "?"  # before the sha256 of what is about to be published
_held = []  # the open file of this process's run: closed, its lock would be gone


def begin(folder: Path) -> None:
    """Make this process the run of `folder`: clean up after dead ones, tell jobs by MUGI_RUN.

    Raises InputError if another run is alive there.
    """
    folder = folder.absolute()
    state = folder / STATE
    state.mkdir(parents=True, exist_ok=True)
    refuse_second(folder)
    for dead in state.glob("*.run"):
        _clean(folder, dead)
    own = state / f"{uuid.uuid4().hex[:12]}.run"
    file = own.open("w+", encoding="utf-8")
    if not _lock(file):
        file.close()
        own.unlink()
        return
    json.dump({"host": socket.gethostname(), "process": os.getpid()}, file)
    file.flush()
    _held.append(file)
    os.environ[RUN] = str(own)
    atexit.register(_clean, folder, own)


def refuse_second(folder: Path) -> None:
    """Raise InputError if a run is alive in `folder`, this process's own left out."""
    for file in (folder / STATE).glob("*.run"):
        if str(file.absolute()) != os.environ.get(RUN) and _is_alive(file):
            run = _facts(file)
            who = f"process {run.get('process')} on {run.get('host')}"
            what = f"another run is at work here ({who}); wait for it, or name another folder"
            raise InputError(Mistake(f"{what}: --directory FOLDER", str(folder.absolute())))


def was_killed(folder: Path) -> bool:
    """Return whether Snakemake's lock is left in `folder`; ask `refuse_second` first.

    Where files cannot be locked (`can_lock`), it may as well be that of a run which is alive.
    """
    return any((folder / ".snakemake" / "locks").glob("*.lock"))


def can_lock(folder: Path) -> bool:
    """Return whether the file system of `folder` has locks; some network file systems have not."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return _lock(file)


def _lock(file: IO) -> bool:
    """Lock a file that nobody else knows yet, if its file system can."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _facts(file: Path) -> dict:
    """Return what a run's file says; nothing while it is being written."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _is_alive(file: Path) -> bool:
    """Return whether the run of a file goes on: a lock on another machine cannot be asked for."""
    try:
        with file.open(encoding="utf-8") as opened:
            if _facts(file).get("host", socket.gethostname()) != socket.gethostname():
                return True
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the next run has taken the file away
        return False
    return False


def _clean(folder: Path, file: Path) -> None:
    """Take away a run's temporary files, then its own."""
    for parent, folders, files in os.walk(folder / "results"):
        for name in [name for name in (*folders, *files) if f".{file.stem}." in name]:
            path = Path(parent, name)
            with suppress(FileNotFoundError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    file.unlink(missing_ok=True)


def end_with_run() -> None:
    """Let this job stop when its run dies, and clear up when it is told to (Ctrl-C, SIGTERM).

    To be called before anything that takes long, imports too.
    """
    if RUN not in os.environ:
        return
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, lambda number, _: sys.exit(128 + number))
    run = Path(os.environ[RUN])
    if _facts(run).get("host") == socket.gethostname():
        threading.Thread(target=_wait_for_end, args=(run,), daemon=True).start()


def _wait_for_end(run: Path) -> None:
    with suppress(OSError), run.open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as soon as the run has let go
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)


def temporary_prefix(path: Path) -> str:
    """Return how the names of temporary files and folders beside `path` begin, hidden."""
    run = os.environ.get(RUN)
    return f".{path.name}.{Path(run).stem}." if run else f".{path.name}."


@contextmanager
def publishing(temporary: Path, path: Path):
    """Around the step that gives `temporary` its final name `path`: allowed? then note it.

    Raises InputError if this job's run is dead: a newer one may have written there.
    """
    run = os.environ.get(RUN)
    if not run:
        yield
        return
    if not _is_alive(Path(run)):
        what = "the run that this job belongs to has ended"
        raise InputError(Mistake(what, f"cannot write {path}"))
    folder, noted = Path(run).parents[len(STATE.parts)], Path(run).with_name(PUBLISHED)
    line = f"{sha256_of(temporary)}  {os.path.relpath(path, folder)}\n"
    with noted.open("a", encoding="utf-8") as file:
        file.write(INTENDED + line)
        file.flush()  # killed after this, the file is the old one or the new
        yield
        file.write(line)


def changed(folder: Path) -> list[Path]:
    """Return which files that runs in `folder` have published are others by now, relative to it.

    Those that were deleted are left out: they are made again anyway.
    """
    noted = folder / STATE / PUBLISHED
    if not noted.is_file():
        return []
    allowed: dict[str, set[str]] = {}
    for line in noted.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, path = line.partition("  ")
        if not digest.startswith(INTENDED):
            allowed[path] = {digest}
        elif path in allowed:  # what is there otherwise was made outside of a run
            allowed[path].add(digest.removeprefix(INTENDED))
    return [
        Path(path)
        for path, digests in sorted(allowed.items())
        if (folder / path).is_file() and sha256_of(folder / path) not in digests
    ]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
