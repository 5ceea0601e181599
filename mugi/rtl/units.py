"""Units and arrays of `units.yaml`, and the areas of units in a library."""

import hashlib
import re
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import pandas as pd
import yaml
from pydantic import Field

from mugi.documents import read_yaml
from mugi.errors import Mistake, raise_all
from mugi.files import read_table, sha256_of, write_table, write_text
from mugi.project import sources
from mugi.rtl.synthesis import check_tool, library, synthesise
from mugi.schema import Section, validated

UNITS_FILE = files("mugi") / "rtl" / "units.yaml"
REFERENCE = Path(str(files("mugi") / "rtl" / "areas" / "osu018.csv"))  # the YAML says of what
ADDER = "bf16_adder"  # by which areas are told, so that the node does not matter
CLOSE = 0.02  # areas of other versions of the tools
NUMBERS = ["clock_ns", "area", "area_adders", "flip_flops", "cells", "longest_path_ns"]
COLUMNS = ["unit", "module", "parameters", "library", *NUMBERS]
Text = str | int | float


class Sizes(Section):
    """Sizes of a component of the technology, and how many there are."""

    width: float | None = None
    depth: float | None = None
    count: int = 1


class Unit(Section):
    """A module to synthesise, see `units.yaml`."""

    module: str
    parameters: dict[str, int] = Field(default_factory=dict)
    published: dict[str, Sizes] = Field(default_factory=dict)
    alone: bool = False
    note: str = ""


class Part(Section):
    """A part of an array, see `units.yaml`; `outside`: not of the flat array of the Verilog."""

    area: Text
    count: Text
    components: list[str] = Field(default_factory=list)
    missing: bool = False
    outside: bool = False


class Array(Section):
    """An array as a sum of parts, see `units.yaml`."""

    label: str
    design: dict[str, str] | None
    heights: Annotated[list[int], Field(min_length=1)]
    width: int
    parts: dict[str, Part]


class Units(Section):
    """The whole of `units.yaml`."""

    clock: Annotated[float, Field(ge=1)]
    units: dict[str, Unit]
    arrays: dict[str, Array]


@cache
def load_units() -> Units:
    """Return what is synthesised; raises InputError with every mistake of `units.yaml`."""
    return validated(Units, read_yaml(UNITS_FILE))


def verilog() -> list[Path]:
    """Return the files of `rtl/`."""
    return sorted(sources()["rtl"].glob("*.v"))


def clock_of(liberty: Path) -> float:
    """Return the common clock of a library in ns: `clock` times the fastest BF16 adder's path."""
    fastest = synthesise(verilog(), ADDER, {}, liberty, None)
    return round(load_units().clock * fastest.longest_path_ns, 3)


def areas(
    name: str | Path, names: Iterable[str] = (), clock_ns: float | None = None, jobs: int = 1
) -> pd.DataFrame:
    """Synthesise units (all if none are named) on a library; return a row a unit, as COLUMNS.

    area: in the library's unit; area_adders: over that of the BF16 adder at the same clock.
    """
    liberty, units = library(name), load_units().units
    check_tool()
    clock_ns = clock_ns or clock_of(liberty)
    chosen = dict.fromkeys([ADDER, *(names or units)])

    def one(name: str) -> list:
        unit = units[name]
        made = synthesise(verilog(), unit.module, unit.parameters, liberty, clock_ns)
        parameters = " ".join(f"{key}={value}" for key, value in unit.parameters.items())
        sizes = [made.area, float("nan"), made.flip_flops, made.cells, made.longest_path_ns]
        return [name, unit.module, parameters, liberty.stem, clock_ns, *sizes]

    with ThreadPoolExecutor(jobs) as pool:
        table = pd.DataFrame(pool.map(one, chosen), columns=COLUMNS)
    table["area_adders"] = table["area"] / table.set_index("unit")["area"][ADDER]
    order = [name for name in units if name in chosen]
    return table.set_index("unit").loc[order].reset_index().round({"area_adders": 6})


def provenance(name: str | Path) -> dict[str, str]:
    """Return what a table of areas was made by: digests of code and library, the tool's version."""
    done = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=False)
    liberty = library(name)
    return {
        "verilog_sha256": verilog_digest(),
        "library": liberty.name,
        "library_sha256": sha256_of(liberty),
        "tool": done.stdout.strip(),
    }


def verilog_digest() -> str:
    """Return a digest of the Verilog without comments and white space."""
    digest = hashlib.sha256()
    for path in verilog():
        code = re.sub(r"//.*", "", path.read_text())
        digest.update(f"{path.name} {' '.join(code.split())}\n".encode())
    return digest.hexdigest()


def write_areas(table: pd.DataFrame, made_by: dict[str, str], path: Path) -> None:
    """Write a table and, beside it in YAML, what it was made by."""
    write_table(table, path)
    write_text(path.with_suffix(".yaml"), yaml.safe_dump(made_by, sort_keys=False))


def read_areas(path: Path = REFERENCE) -> pd.DataFrame:
    """Return a table of areas, those of the package by default.

    Raises InputError for a unit that is there twice or has no area.
    """
    table = read_table(path, COLUMNS, NUMBERS)
    wrong = {
        "is there twice": table["unit"].duplicated(),
        "needs areas above 0": (table[["area", "area_adders"]] <= 0).any(axis=1),
    }
    for what, rows in wrong.items():
        units = table["unit"][rows].unique()
        raise_all([Mistake(f"unit '{unit}' {what}", str(path)) for unit in units])
    return table


def differences(table: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    """Return a line for each unit whose area is not within 2 % of a reference's."""
    of = reference.set_index("unit")["area"]
    lines = [f"{unit}: not in the reference" for unit in table["unit"] if unit not in of]
    for unit, area in table.set_index("unit")["area"].items():
        if unit in of and abs(area / of[unit] - 1) > CLOSE:
            lines.append(f"{unit}: area {area:g}, {area / of[unit] - 1:+.1%} from {of[unit]:g}")
    return lines
