"""Signals of a row of the simulated Verilog, made by tests/rtl/waves.py."""

from importlib.resources import files
from pathlib import Path

WAVES = Path(str(files("mugi") / "rtl" / "waves.csv"))
