"""Units and arrays of `units.yaml`: synthesised, and beside the published components."""

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

from mugi import assumptions
from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, raise_all
from mugi.expressions import parse
from mugi.files import read_table, sha256_of, write_table, write_text
from mugi.hardware.evaluate import breakdown
from mugi.hardware.runs import expand
from mugi.hardware.technology import technology, unit_cost
from mugi.project import sources
from mugi.rtl.synthesis import LIBRARIES, check_tool, library, synthesise
from mugi.schema import Section, validated

UNITS_FILE = files("mugi") / "rtl" / "units.yaml"
AREAS = Path(
    str(files("mugi") / "rtl" / "areas")
)  # a table a library; a YAML beside it says of what
REFERENCE = AREAS / "osu018.csv"
ADDER = "bf16_adder"  # by which areas are told, so that the node does not matter
CLOSE = 0.02  # areas of other versions of the tools
NUMBERS = ["clock_ns", "area", "area_adders", "flip_flops", "cells", "longest_path_ns"]
COLUMNS = ["unit", "module", "parameters", "library", *NUMBERS]
ARRAY_RUN = {"model": "llama_2_7b", "batch_size": 8, "seq_len": 128}  # areas depend on none of it
# columns of published areas -> the preset that they are of
PRESETS = {"published_adders": "as-published", "corrected_adders": "corrected"}
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


def packaged(liberty: Path) -> pd.DataFrame | None:
    """Return the package's table of a library's areas, if it has one."""
    for name, path in LIBRARIES.items():
        if path == liberty:
            return read_areas(AREAS / f"{name}.csv")
    return None


def differences(table: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    """Return a line for each unit whose area is not within 2 % of a reference's."""
    of = reference.set_index("unit")["area"]
    lines = [f"{unit}: not in the reference" for unit in table["unit"] if unit not in of]
    for unit, area in table.set_index("unit")["area"].items():
        if unit in of and abs(area / of[unit] - 1) > CLOSE:
            lines.append(f"{unit}: area {area:g}, {area / of[unit] - 1:+.1%} from {of[unit]:g}")
    return lines


def published_adders(unit: Unit) -> float:
    """Return the area of the published components that a unit stands for, in BF16 adders."""
    table, rules = technology(), assumptions.preset("as-published")
    adder = unit_cost("adderbf16", {}, rules, table)["area_mm2"]
    total = 0.0
    for kind, sizes in unit.published.items():
        given = sizes.model_dump(exclude={"count"}, exclude_none=True)
        total += sizes.count * unit_cost(kind, given, rules, table)["area_mm2"]
    return total / adder


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Return units that have published counterparts, with areas of both in BF16 adders."""
    units = load_units().units
    open_areas = table.set_index("unit")["area_adders"]
    rows = [
        [name, ", ".join(unit.published), unit.alone, open_areas[name], published_adders(unit)]
        for name, unit in units.items()
        if unit.published and name in open_areas
    ]
    columns = ["unit", "components", "alone", "open_adders", "published_adders"]
    result = pd.DataFrame(rows, columns=columns)
    return result.assign(
        open_over_published=result["open_adders"] / result["published_adders"],
        note=[units[name].note for name in result["unit"]],
    )


def parts_of(array: Array, height: int, table: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of an array of some height: area in BF16 adders, all of them together."""
    symbols = table.set_index("unit")["area_adders"].to_dict() | {"H": height, "W": array.width}
    rows = []
    for name, part in array.parts.items():
        area, count = parse(part.area, name), parse(part.count, name)
        if lacking := sorted((area.names | count.names) - symbols.keys()):
            what = f"lacks {', '.join(lacking)}; `mugi rtl table` has all units"
            raise InputError(Mistake(what, "table of areas"))
        area = float(area.number(symbols, float("-inf")) * count.number(symbols))
        rows.append([name, area, part.missing, part.outside, ", ".join(part.components)])
    return pd.DataFrame(rows, columns=["part", "open_adders", "missing", "outside", "components"])


def published_parts(array: Array, height: int, preset: str) -> dict[str, float]:
    """Return the area of an array's published components by name, in BF16 adders."""
    if array.design is None:
        return {}
    run = ARRAY_RUN | array.design | {"array_height": height, "preset": preset}
    table = breakdown(expand([run]))
    table = table[table["level"] == "array"].set_index("component")["area_mm2"]
    adder = unit_cost("adderbf16", {}, assumptions.preset(preset), technology())["area_mm2"]
    return (table / adder).to_dict()


def arrays(table: pd.DataFrame) -> pd.DataFrame:
    """Return every array part by part, open and published, in BF16 adders.

    Columns: array, label, array_height, part, components (of the published list), missing (the list
    has nothing for it), open_adders, and published_adders and corrected_adders by preset (0 where
    missing, empty where the paper has no such array).
    """
    tables = []
    for name, array in load_units().arrays.items():
        for height in array.heights:
            parts = parts_of(array, height, table)
            for column, preset in PRESETS.items():
                parts[column] = _of_parts(array, published_parts(array, height, preset))
            label = f"{array.label} ({height})"
            tables.append(parts.assign(array=name, label=label, array_height=height))
    columns = ["array", "label", "array_height", "part", "components", "missing", "open_adders"]
    return pd.concat(tables, ignore_index=True)[[*columns, *PRESETS]]


def _of_parts(array: Array, published: dict[str, float]) -> list[float]:
    """Return the area of the published components that each part stands for."""
    placed = {component for part in array.parts.values() for component in part.components}
    if odd := sorted(published.keys() - placed):
        raise InputError(Mistake(f"no part of {array.label} has {', '.join(odd)}", str(UNITS_FILE)))
    return [
        sum(published.get(component, 0.0) for component in part.components)
        if published
        else float("nan")
        for part in array.parts.values()
    ]


def array_sums(parts: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of `arrays`, a row an array by its label.

    listed_adders: of the open ones, parts that the list has; missing_adders: the others.
    """
    missing = parts["open_adders"].where(parts["missing"], 0)
    listed = parts["open_adders"] - missing
    sums = parts.assign(listed_adders=listed, missing_adders=missing).groupby("label", sort=False)
    columns = [*PRESETS, "open_adders", "listed_adders", "missing_adders"]
    return sums[columns].sum(min_count=1).reset_index()
