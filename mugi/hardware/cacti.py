"""SRAM costs from CACTI 7 itself: the executable in the package hwcomponents-cacti, if installed.

That package needs Python 3.12 and has settings of its own; here its CACTI runs with those of the
published artifact, which give the rows of technology/45nm.yaml to the last digit.
"""

import csv
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from mugi.errors import InputError

PACKAGE = "hwcomponents_cacti"
BANKS = 4
TIMEOUT_S = 120
SETTINGS = """\
-size (bytes) {bytes}
-block size (bytes) {word_bytes}
-output/input bus width {width}
-UCA bank count {banks}
-technology (u) 0.045
-cache type "ram"
-associativity 1
-read-write port 0
-exclusive read port 1
-exclusive write port 1
-tag size (b) "default"
-access mode (normal, sequential, fast) - "normal"
-Data array cell type - "itrs-lop"
-Data array peripheral type - "itrs-lop"
-operating temperature (K) 360
-design objective (weight delay, dynamic power, leakage power, cycle time, area) 100:20:20:10:10
-deviate (delay, dynamic power, leakage power, cycle time, area) 10:1000:1000:1000:1000
-Optimize ED or ED^2 (ED, ED^2, NONE): "ED^2"
-Wire signaling (fullswing, lowswing, default) - "default"
-Wire inside mat - "semi-global"
-Wire outside mat - "semi-global"
-Interconnect projection - "conservative"
-internal prefetch width 8
-num_clk  2
-mem_data_width 8
"""


def installed() -> Path | None:
    """Return the path of CACTI, or None if the package is not there."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else []
    programs = [Path(folder) / "cacti" / "cacti" for folder in folders]
    return next((path for path in programs if path.is_file()), None)


@cache
def sram(width: int, depth: int) -> tuple[float, float, float, float]:
    """Return area (mm²), leakage (mW), read and write energy (nJ) of a four-bank SRAM at 45 nm.

    `width` is in bits, `depth` in words of a bank. Raises InputError where CACTI is not installed
    or finds no such SRAM.
    """
    program = installed()
    if not program:
        raise InputError(
            "'sram: cacti' needs the package hwcomponents-cacti, which needs Python 3.12;"
            " 'sram: fit' does without"
        )
    with TemporaryDirectory() as folder:
        settings = Path(folder) / "sram.cfg"
        text = SETTINGS.format(
            bytes=BANKS * depth * width // 8, word_bytes=width // 8, width=width, banks=BANKS
        )
        settings.write_text(text)
        command = [program, "-infile", settings]
        how = {"cwd": program.parent, "capture_output": True, "timeout": TIMEOUT_S}
        try:
            subprocess.run(command, **how, check=False)
            with settings.with_suffix(".cfg.out").open() as table:
                row = list(csv.DictReader(table, skipinitialspace=True))[-1]
            return (
                float(row["Area (mm2)"]),
                float(row["Standby leakage per bank(mW)"]) * BANKS,
                float(row["Dynamic read energy (nJ)"]),
                float(row["Dynamic write energy (nJ)"]),
            )
        except (OSError, IndexError, KeyError, ValueError, subprocess.TimeoutExpired):
            raise InputError(
                f"{program}: no SRAM of {BANKS} banks of {depth} words of {width} bits"
            ) from None
