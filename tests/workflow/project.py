"""A copy of the project, and commands that run in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TINY = ["--configfile", "config/tiny.yaml"]


def committed() -> list[str]:
    """Return the names of the files that git would commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = filter(None, listed.stdout.decode().split("\0"))
    return [name for name in names if (ROOT / name).is_file()]


def copy_of_project(folder: Path) -> Path:
    """Copy the project as git would commit it, without results; return where it is."""
    copy = folder / "project"
    for name in committed():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    return copy


def run(project: Path, *command: str, prefix: tuple | list = (), **environment: str):
    """Run a command of the environment in the copy, whose package comes first on the path."""
    folder = environment.pop("folder", project)
    return subprocess.run(
        [*prefix, BIN / command[0], *command[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(project)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(project: Path, *arguments: str, **how) -> dict[str, int]:
    """Return rule -> number of jobs that a dry run would execute."""
    done = run(project, "snakemake", "-n", *arguments, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.search(r"^job +count\n[- ]+\n(.*?)\ntotal", done.stdout + done.stderr, re.M | re.S)
    return (
        {line.split()[0]: int(line.split()[1]) for line in table[1].splitlines()} if table else {}
    )
