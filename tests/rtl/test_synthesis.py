"""Yosys reads every module on its own, and synthesises it to gates and flip-flops, no latch."""

import subprocess

import pytest

from tests.rtl.simulation import SOURCES

MODULES = sorted(path.stem for path in SOURCES.glob("*.v"))


def synthesised(module: str, script: str) -> str:
    """Return what Yosys prints."""
    script = f"read_verilog {SOURCES}/*.v; hierarchy -check -top {module}; {script}; check -assert"
    done = subprocess.run(["yosys", "-p", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or done.stdout[-2000:]
    return done.stdout


def test_yosys_reads_the_array(yosys):
    synthesised("mugi_array", "proc")


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_yosys_synthesises_every_module(module, yosys):
    text = synthesised(module, "synth; stat")
    statistics = text.rpartition("Printing statistics.")[2]
    assert "Number of cells" in statistics and "LATCH" not in statistics


def test_one_module_a_file():
    for path in SOURCES.glob("*.v"):
        names = [line.split()[1] for line in path.read_text().splitlines() if line[:7] == "module "]
        assert names == [path.stem]
        assert path.read_text().startswith("// ")
