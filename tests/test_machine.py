"""What a machine says of itself on Linux, and on macOS, where it says it otherwise."""

import os
import platform
from pathlib import Path

import pytest

from mugi import machine
from mugi.manifest import manifest

REAL = Path.exists


@pytest.fixture
def macos(monkeypatch, tmp_path):
    """No /proc, no affinity; `sysctl` knows the processor."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(
        Path, "exists", lambda path: not path.is_relative_to("/proc") and REAL(path)
    )
    sysctl = tmp_path / "sysctl"
    sysctl.write_text('#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ] && echo Apple M3\n')
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def test_macos(macos):
    assert machine.processor() == "Apple M3"
    assert machine.usable_cores() == os.cpu_count()
    made = manifest({})
    assert made["processor"] == "Apple M3" and made["memory_gib"] == machine.memory_gib()


def test_a_system_that_says_nothing(macos, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(os, "sysconf", lambda name: int("none"), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.processor() == (platform.processor() or platform.machine())
    assert machine.memory_gib() is None and machine.usable_cores() == 1
    assert manifest({})["commit"] is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a system without affinities")
def test_cores_that_others_have_are_not_counted():
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        assert machine.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, usable)
