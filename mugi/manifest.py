"""The manifest of a run: which code, which configuration, which packages, which machine."""

import os
import platform
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import mugi

ROOT = Path(mugi.__file__).resolve().parents[1]


def manifest(config: dict) -> dict:
    """Return what a run was made by, for JSON."""
    commit, changed = checkout(ROOT)
    return {
        "mugi": mugi.__version__,
        "commit": commit,
        "changed_files": changed,
        "dirty": bool(changed) if commit else None,
        "python": platform.python_version(),
        "system": platform.platform(),
        "host": platform.node(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": memory_gib(),
        "packages": packages(),
        "config": config,
    }


def checkout(root: Path) -> tuple[str | None, list[str]]:
    """Return the commit of a checkout and which of its files were changed since.

    No commit where `root` is no checkout of its own, such as a package installed inside another.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    commit = _git(root, "rev-parse", "HEAD")
    if not (top and commit) or Path(top).resolve() != root:
        return None, []
    status = _git(root, "status", "--porcelain") or ""
    return commit, [line[3:] for line in status.splitlines()]


def _git(root: Path, *words: str) -> str | None:
    """Return what git says, or None where there is no git or no repository."""
    command = ["git", "-C", str(root), *words]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return said.stdout.rstrip() if said.returncode == 0 else None


def packages() -> dict[str, str]:
    """Return the versions of all installed packages, by name."""
    versions = {found.metadata["Name"]: found.version for found in distributions()}
    return dict(sorted(versions.items(), key=lambda pair: pair[0].lower()))


def processor() -> str:
    """Return the name of this machine's processor."""
    facts = Path("/proc/cpuinfo")
    text = facts.read_text() if facts.exists() else ""
    named = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def memory_gib() -> float | None:
    """Return this machine's memory, or None where the system does not say."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    return round(size / 2**30, 1)
