"""The manifest of a run: which code, which configuration, which packages, which machine."""

import os
import platform
from importlib.metadata import distributions
from pathlib import Path

from pydantic import Field

import mugi
from mugi.machine import memory_gib, processor, said
from mugi.schema import Section

ROOT = Path(mugi.__file__).resolve().parents[1]


class Configured(Section, extra="allow"):
    """The configuration of a run, as far as pages and crates read it."""

    own_figures: list[str] = Field(default_factory=list)
    own_claims: list[str] = Field(default_factory=list)


class Manifest(Section, extra="allow"):
    """A manifest, as far as pages and crates read it."""

    mugi: str
    commit: str | None
    changed_files: list[str] = Field(default_factory=list)
    dirty: bool | None
    packages: dict[str, str]
    config: Configured


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
    return said("git", "-C", str(root), *words)


def packages() -> dict[str, str]:
    """Return the versions of all installed packages, by name."""
    versions = {found.metadata["Name"]: found.version for found in distributions()}
    return dict(sorted(versions.items(), key=lambda pair: pair[0].lower()))
