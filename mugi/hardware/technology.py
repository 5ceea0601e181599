"""Component costs: area, leakage and energy an activation, from a technology table in YAML."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from mugi.errors import InputError, unknown
from mugi.files import merge, parse_yaml
from mugi.hardware import cacti

DEFAULT = "45nm"
PER = ("width", "depth", "inputs", "bandwidth")  # parameters that costs can be proportional to
COSTS = ("area_mm2", "leakage_mw", "dynamic_mw")
SCALES = ("area", "leakage", "energy")
SRAM_FIELDS = ("width", "depth", "read_nj", "write_nj", "leakage_mw", "size_mm")
SRAM_SOURCES = ("fit", "cacti")  # of geometries that the table lacks
KEYS = (
    "extends", "node_nm", "frequency_mhz", "characterised_mhz", "scaling", "scaling_source",
    "logic_source", "core_area_ratio", "logic", "sram_source", "sram", "sram_rows",
    "dram_source", "dram", "dram_device",
)  # fmt: skip


def technologies() -> list[str]:
    """Return the names of the technologies that come with the package."""
    names = (path.name for path in files("mugi.hardware").joinpath("technology").iterdir())
    return sorted(name.removesuffix(".yaml") for name in names)


def technology(name: str = DEFAULT) -> dict:
    """Return a packaged technology by name, or one from a YAML file by its path.

    Raises InputError with a line for every mistake in it: an unknown key, a row without a cost.
    """
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise InputError(f"technology file '{name}' does not exist")
        return _loaded(name, Path(name).read_text())
    if name not in technologies():
        known = unknown("technology", name, technologies())
        raise InputError(f"{known}, or the path of a YAML file")
    return _packaged(name)


@cache
def _packaged(name: str) -> dict:
    return _loaded(name, files("mugi.hardware").joinpath("technology", f"{name}.yaml").read_text())


@cache
def _loaded(name: str, text: str) -> dict:
    table = parse_yaml(name, text).content
    lines = [f"{name}: {unknown('key', key, KEYS)}" for key in table if key not in KEYS]
    if lines:
        raise InputError(*lines)
    if "extends" in table:
        table = merge(technology(str(table["extends"])), table)
    if lines := _mistakes(table):
        raise InputError(*(f"{name}: {line}" for line in lines))
    return table


def _mistakes(table: dict) -> list[str]:
    """Return a line for each value that is missing or impossible."""
    lines = [f"{key} is missing" for key in KEYS if key not in table and key != "extends"]
    if lines:
        return lines
    for key in ("node_nm", "frequency_mhz", "characterised_mhz", "core_area_ratio"):
        lines += _not_a_number(table, key, key, above=True)
    if not isinstance(table["scaling"], dict):
        return [*lines, f"scaling must map {', '.join(SCALES)} to factors"]
    lines += [unknown("key of scaling", key, SCALES) for key in table["scaling"].keys() - {*SCALES}]
    for key in SCALES:
        lines += _not_a_number(table["scaling"], key, f"scaling.{key}", above=True)
    if any(table["scaling"].get(key) != 1 for key in SCALES) and not table["scaling_source"]:
        lines.append("scaling_source must say where the factors of scaling are from")
    if table["sram"] not in SRAM_SOURCES:
        lines.append(unknown("source of sram", table["sram"], SRAM_SOURCES))
    for key, row in table["logic"].items():
        if not isinstance(row, dict) or not isinstance(row.get("per", {}), dict):
            lines.append(f"logic.{key} must map {', '.join(COSTS)} and per to values")
            continue
        for field in COSTS:
            lines += _not_a_number(row, field, f"logic.{key}.{field}")
        for parameter in row.get("per", {}):
            if parameter not in PER:
                lines.append(f"logic.{key}.per: {unknown('parameter', parameter, PER)}")
            lines += _not_a_number(
                row["per"], parameter, f"logic.{key}.per.{parameter}", above=True
            )
    for index, row in enumerate(table["sram_rows"]):
        if not isinstance(row, dict) or not set(SRAM_FIELDS) <= set(row):
            lines.append(f"sram_rows.{index} must have {', '.join(SRAM_FIELDS)}")
            continue
        lists = {f"{k}.{i}": v for k in SRAM_FIELDS[4:] for i, v in enumerate(_listed(row[k]))}
        for field, value in ({k: row[k] for k in SRAM_FIELDS[:4]} | lists).items():
            lines += _not_a_number({field: value}, field, f"sram_rows.{index}.{field}", above=True)
    for key, row in table["dram"].items():
        for field in ("read_nj", "write_nj"):
            lines += _not_a_number(row, field, f"dram.{key}.{field}")
    return lines


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def _not_a_number(table: dict, key: str, where: str, above: bool = False) -> list[str]:
    value = table.get(key)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value < float("inf") and not (above and value == 0):
        return []
    return [f"{where} must be a number {'above 0' if above else 'of at least 0'}, not {value!r}"]


def unit_cost(name: str, parameters: Mapping, assumptions: Mapping, table: dict) -> dict:
    """Return the cost of one instance of a component class.

    Keys: area_mm2, leakage_mw and energy_nj, the last by operation ("read" and "write" for
    memories, "" for the rest); `fitted` marks SRAMs outside the table. Values are numbers or arrays
    like the parameters. Everything but the DRAM is scaled to the node of the technology.
    """
    scaling = table["scaling"]
    if name == "sram":
        return sram_cost(parameters["width"], parameters["depth"], table)
    if name == "dram":
        row, device = table["dram"][assumptions["dram_energy"]], table["dram_device"]
        return {
            "area_mm2": device["size_mm"][0] * device["size_mm"][1],
            "leakage_mw": device["banks"] * sum(device["leakage_mw"]),
            "energy_nj": {"read": row["read_nj"], "write": row["write_nj"]},
        }
    if name not in table["logic"]:
        raise InputError(unknown("component class", name, [*table["logic"], "sram", "dram"]))
    row = table["logic"][name]
    scale = energy_scale = 1.0
    for parameter, reference in row.get("per", {}).items():
        factor = parameters.get(parameter, 1) / reference
        scale = scale * factor
        if parameter == "depth":
            factor = (
                assumptions["fifo_depth_energy"] * factor + 1 - assumptions["fifo_depth_energy"]
            )
        energy_scale = energy_scale * factor
    area = row["area_mm2"] * scale * scaling["area"]
    energy = row["dynamic_mw"] * energy_scale / table["characterised_mhz"] * scaling["energy"]
    if name == "noc_router" and assumptions["router_energy"] != "table":
        energy = assumptions["router_energy"] * 1e-3  # pJ a bit and hop
    return {
        "area_mm2": area * (table["core_area_ratio"] if assumptions["logic_area"] == "core" else 1),
        "leakage_mw": row["leakage_mw"] * scale * scaling["leakage"],
        "energy_nj": {"": energy},
    }


def sram_cost(width: np.ndarray, depth: np.ndarray, table: dict) -> dict:
    """Return the cost of one four-bank SRAM of `depth` words of `width` bits a bank.

    Geometries that CACTI was not run for come from `sram_fit`, or from CACTI if the technology's
    key `sram` says so.
    """
    width, depth = np.broadcast_arrays(np.asarray(width, float), np.asarray(depth, float))
    geometry, index = np.unique(
        np.stack([width, depth]).reshape(2, -1), axis=1, return_inverse=True
    )
    rows = {(row["width"], row["depth"]): sram_row(row) for row in table["sram_rows"]}
    fit = sram_fit(tuple(sorted((*key, *row) for key, row in rows.items())))
    known = [rows.get((w, d)) for w, d in geometry.T]
    if table["sram"] == "cacti":
        known = [
            row or cacti.sram(int(w), int(d)) for row, (w, d) in zip(known, geometry.T, strict=True)
        ]
    costs = np.array(
        [
            row or np.exp(sram_terms(w, d) @ fit)
            for row, (w, d) in zip(known, geometry.T, strict=True)
        ]
    )[index].reshape(*width.shape, 4)
    fitted = np.array([row is None for row in known])[index].reshape(width.shape)
    scaling = table["scaling"]
    costs = costs * [scaling[key] for key in ("area", "leakage", "energy", "energy")]
    area, leakage, read, write = np.moveaxis(costs, -1, 0)
    energy = {"read": read, "write": write}
    return {"area_mm2": area, "leakage_mw": leakage, "energy_nj": energy, "fitted": fitted}


def sram_row(row: dict) -> tuple[float, float, float, float]:
    """Return area (mm²), leakage of all four banks (mW), read and write energy (nJ) of a row."""
    area = row["size_mm"][0] * row["size_mm"][1]
    return area, sum(row["leakage_mw"]) * 4, row["read_nj"], row["write_nj"]


@cache
def sram_fit(rows: tuple) -> np.ndarray:
    """Fit log costs, quadratic in log(width) and log(depth), to `rows`: (6, costs) coefficients."""
    table = np.array(rows)
    return np.linalg.lstsq(sram_terms(*table[:, :2].T), np.log(table[:, 2:]), rcond=None)[0]


def sram_terms(width: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return what the coefficients of `sram_fit` multiply, one row a geometry."""
    w, d = np.log(width), np.log(depth)
    return np.stack([np.ones_like(w), w, d, w * w, w * d, d * d], axis=-1)
