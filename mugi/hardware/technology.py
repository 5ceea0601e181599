"""Component costs: area, leakage and energy an activation, from a technology table in YAML."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import yaml

from mugi.errors import InputError, unknown

PER = ("width", "depth", "inputs", "bandwidth")  # parameters that costs can be proportional to


@cache
def technology(name: str = "45nm") -> dict:
    """Return a packaged technology table; raises InputError for a row without a cost."""
    text = files("mugi.hardware").joinpath("technology", f"{name}.yaml").read_text()
    table = yaml.safe_load(text)
    lines = [
        f"{name}.yaml: logic.{key}.{field} must be a number of at least 0, not {row.get(field)!r}"
        for key, row in table["logic"].items()
        for field in ("area_mm2", "leakage_mw", "dynamic_mw")
        if not isinstance(row.get(field), int | float) or not row[field] >= 0
    ]
    if lines:
        raise InputError("\n".join(lines))
    return table


def unit_cost(name: str, parameters: Mapping, assumptions: Mapping, table: dict) -> dict:
    """Return the cost of one instance of a component class.

    Keys: area_mm2, leakage_mw and energy_nj, the last by operation ("read" and "write" for
    memories, "" for the rest); `fitted` marks SRAMs outside the table. Values are numbers or arrays
    like the parameters.
    """
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
    for parameter, reference in row["per"].items():
        factor = parameters.get(parameter, 1) / reference
        scale = scale * factor
        if parameter == "depth":
            factor = (
                assumptions["fifo_depth_energy"] * factor + 1 - assumptions["fifo_depth_energy"]
            )
        energy_scale = energy_scale * factor
    area = row["area_mm2"] * scale
    energy = row["dynamic_mw"] * energy_scale / table["frequency_mhz"]
    if name == "noc_router" and assumptions["router_energy"] != "table":
        energy = assumptions["router_energy"] * 1e-3  # pJ a bit and hop
    return {
        "area_mm2": area * (table["core_area_ratio"] if assumptions["logic_area"] == "core" else 1),
        "leakage_mw": row["leakage_mw"] * scale,
        "energy_nj": {"": energy},
    }


def sram_cost(width: np.ndarray, depth: np.ndarray, table: dict) -> dict:
    """Return the cost of one four-bank SRAM of `depth` words of `width` bits a bank.

    Geometries that CACTI was not run for come from `sram_fit`.
    """
    width, depth = np.broadcast_arrays(np.asarray(width, float), np.asarray(depth, float))
    geometry, index = np.unique(
        np.stack([width, depth]).reshape(2, -1), axis=1, return_inverse=True
    )
    rows = {(row["width"], row["depth"]): sram_row(row) for row in table["sram"]}
    fit = sram_fit(tuple(sorted((*key, *row) for key, row in rows.items())))
    known = [rows.get((w, d)) for w, d in geometry.T]
    costs = np.array(
        [
            row or np.exp(fit @ [1, np.log(w), np.log(d)])
            for row, (w, d) in zip(known, geometry.T, strict=True)
        ]
    )[index].reshape(*width.shape, 4)
    fitted = np.array([row is None for row in known])[index].reshape(width.shape)
    area, leakage, read, write = np.moveaxis(costs, -1, 0)
    energy = {"read": read, "write": write}
    return {"area_mm2": area, "leakage_mw": leakage, "energy_nj": energy, "fitted": fitted}


def sram_row(row: dict) -> tuple[float, float, float, float]:
    """Return area (mm²), leakage of all four banks (mW), read and write energy (nJ) of a row."""
    area = row["size_mm"][0] * row["size_mm"][1]
    return area, sum(row["leakage_mw"]) * 4, row["read_nj"], row["write_nj"]


@cache
def sram_fit(rows: tuple) -> np.ndarray:
    """Fit log cost = a + b log(width) + c log(depth) to `rows`; returns (costs, 3) coefficients."""
    table = np.log(np.array(rows))
    design = np.column_stack([np.ones(len(table)), table[:, :2]])
    return np.linalg.lstsq(design, table[:, 2:], rcond=None)[0].T
