"""Programs that the tests of `rtl/` need: Debian packages of the same names."""

import shutil
import subprocess
from collections.abc import Callable

import pytest

WAIT = "-oDPkg::Lock::Timeout=300"  # for another worker's installation


def need(request: pytest.FixtureRequest, program: str, is_there: Callable | None = None) -> None:
    """Skip a fast test where `program` is missing; install it for a slow one, or fail.

    is_there: says whether it is; by default a program of that name.
    """
    is_there = is_there or (lambda: shutil.which(program))
    if is_there():
        return
    how = f"needs {program}: apt-get install {program}"
    if not request.node.get_closest_marker("slow"):
        pytest.skip(how)
    if shutil.which("apt-get"):
        subprocess.run(
            ["apt-get", "install", "--yes", WAIT, program], capture_output=True, check=False
        )
    if not is_there():
        pytest.fail(how)


@pytest.fixture(autouse=True)
def iverilog(request):
    """Icarus Verilog, for every test here."""
    need(request, "iverilog")


@pytest.fixture
def verilator(request):
    """Verilator, for tests of many cycles."""
    need(request, "verilator")


@pytest.fixture
def yosys(request):
    """Yosys, which synthesises."""
    need(request, "yosys")
