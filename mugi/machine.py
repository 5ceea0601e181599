"""This machine, as far as its system says: processor, cores, memory. Linux and macOS."""

import os
import platform
import re
import subprocess
from pathlib import Path


def processor() -> str:
    """Return the name of this machine's processor."""
    facts = Path("/proc/cpuinfo")
    text = facts.read_text() if facts.exists() else ""
    named = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    told = named[1] if named else said("sysctl", "-n", "machdep.cpu.brand_string")  # macOS
    return told or platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return how many cores this process may use; macOS does not say, there it is all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float | None:
    """Return this machine's memory, or None where the system does not say."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    return round(size / 2**30, 1)


def said(*command: str) -> str | None:
    """Return what a program says, or None where there is none or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None
