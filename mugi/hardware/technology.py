"""Component costs: area, leakage and energy an activation, from a technology table in YAML."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from mugi.errors import InputError, raise_all, unknown
from mugi.hardware import cacti, library
from mugi.schema import Section, validated

DEFAULT = "45nm"
PER = ("width", "depth", "inputs", "bandwidth")  # sizes that costs can be proportional to
DIGITS = 30  # of the SRAM fit: the same on every processor, as numpy's logarithms are not
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sizes = Mapping[str, np.ndarray | float]


class Scaling(Section):
    """Factors to the node of the technology; 1 is the node that the costs are of."""

    area: Positive
    leakage: Positive
    energy: Positive


class Logic(Section):
    """One instance of a class at the sizes in `per`, to which its costs are proportional."""

    area_mm2: NotNegative
    leakage_mw: NotNegative
    dynamic_mw: NotNegative
    per: dict[Literal[PER], Positive] = Field(default_factory=dict)


class Sram(Section):
    """An SRAM of four banks of `depth` words of `width` bits; leakage is of one bank, in parts."""

    width: Positive
    depth: Positive
    read_nj: Positive
    write_nj: Positive
    leakage_mw: list[Positive]
    size_mm: Annotated[list[Positive], Field(min_length=2, max_length=2)]


class DramAccess(Section):
    """Energy of one 64-bit access."""

    read_nj: NotNegative
    write_nj: NotNegative


class DramDevice(Section):
    """The DRAM beside the chip; leakage is of one bank, in parts. 0 GB: how much is not said."""

    capacity_gb: NotNegative = 0.0
    leakage_mw: list[NotNegative]
    banks: Positive
    size_mm: Annotated[list[NotNegative], Field(min_length=2, max_length=2)]


class Technology(Section):
    """Costs of all component classes, as technology/45nm.yaml explains them."""

    extends: str = ""
    node_nm: Positive
    frequency_mhz: Positive
    characterised_mhz: Positive
    scaling: Scaling
    scaling_source: str
    logic_source: str
    core_area_ratio: Positive
    logic: dict[str, Logic]
    sram_source: str
    sram: Literal["fit", "cacti"]
    sram_rows: Annotated[list[Sram], Field(min_length=1)]
    dram_source: str
    dram: dict[str, DramAccess]
    dram_device: DramDevice

    @model_validator(mode="after")
    def _says_where_factors_are_from(self) -> Self:
        scaled = {self.scaling.area, self.scaling.leakage, self.scaling.energy} != {1}
        if scaled and not self.scaling_source:
            raise InputError("scaling_source must say where the factors of scaling are from")
        return self


def technologies() -> list[str]:
    """Return the names of the technologies that come with the package."""
    return library.names("technology")


def technology(name: str = DEFAULT) -> Technology:
    """Return a packaged technology by name, or one from a YAML file by its path.

    Raises InputError with every mistake in it: an unknown key, a row without a cost.
    """
    return _checked(name, *_source(name))


def _source(name: str) -> tuple[str, str]:
    return library.source("technology", name, technologies)


@cache
def _checked(name: str, shown: str, text: str) -> Technology:
    """Return a technology, read anew where its text has changed."""
    return validated(Technology, library.merged(lambda name: library.parsed(*_source(name)), name))


def sizes_of(table: Technology) -> dict[str, tuple[str, ...]]:
    """Return the sizes that each component class has."""
    return {
        **{name: tuple(logic.per) for name, logic in table.logic.items()},
        "sram": ("width", "depth"),
        "dram": (),
    }


def unit_cost(name: str, sizes: Sizes, assumptions: Mapping, table: Technology) -> dict:
    """Return the cost of one instance of a component class.

    Keys: area_mm2, leakage_mw and energy_nj, the last by operation ("read" and "write" for
    memories, "" for the rest); `fitted` marks SRAMs outside the table. Values are numbers or arrays
    like the sizes. Everything but the DRAM is scaled to the node of the technology.
    """
    if name == "sram":
        return sram_cost(sizes["width"], sizes["depth"], table)
    if name == "dram":
        if (kind := assumptions["dram_energy"]) not in table.dram:
            raise InputError(unknown("row of the technology's dram", kind, table.dram))
        access, device = table.dram[kind], table.dram_device
        return {
            "area_mm2": device.size_mm[0] * device.size_mm[1],
            "leakage_mw": device.banks * sum(device.leakage_mw),
            "energy_nj": {"read": access.read_nj, "write": access.write_nj},
        }
    if name not in table.logic:
        raise InputError(unknown("component class", name, [*table.logic, "sram", "dram"]))
    logic, scaling = table.logic[name], table.scaling
    raise_all([f"{size} is missing" for size in logic.per if size not in sizes])
    scale = energy_scale = 1.0
    for size, reference in logic.per.items():
        factor = sizes[size] / reference
        scale = scale * factor
        if size == "depth":
            grows = assumptions["fifo_depth_energy"]
            factor = grows * factor + 1 - grows
        energy_scale = energy_scale * factor
    area = logic.area_mm2 * scale * scaling.area
    energy = logic.dynamic_mw * energy_scale / table.characterised_mhz * scaling.energy
    if name == "noc_router" and assumptions["router_energy"] != "table":
        energy = assumptions["router_energy"] * 1e-3  # pJ a bit and hop
    return {
        "area_mm2": area * (table.core_area_ratio if assumptions["logic_area"] == "core" else 1),
        "leakage_mw": logic.leakage_mw * scale * scaling.leakage,
        "energy_nj": {"": energy},
    }


def sram_cost(width: np.ndarray, depth: np.ndarray, table: Technology) -> dict:
    """Return the cost of one four-bank SRAM of `depth` words of `width` bits a bank.

    Geometries that CACTI was not run for come from `fitted_sram`, or from CACTI if the technology's
    key `sram` says so. `fitted` and `extrapolated` mark the former and, of them, those narrower,
    wider, shallower or deeper than all that it was run for.
    """
    width, depth = np.broadcast_arrays(np.asarray(width, float), np.asarray(depth, float))
    if not (np.all(width > 0) and np.all(depth > 0)):
        raise InputError("an SRAM needs a width and a depth above 0")
    pairs = list(zip(width.ravel().tolist(), depth.ravel().tolist(), strict=True))
    known = {(row.width, row.depth): sram_row(row) for row in table.sram_rows}
    rows = tuple(sorted((*key, *costs) for key, costs in known.items()))
    unit_costs = {pair: known[pair] for pair in set(pairs) & known.keys()}
    for pair in set(pairs) - known.keys():
        is_fit = table.sram == "fit"
        unit_costs[pair] = fitted_sram(rows, *pair) if is_fit else cacti.sram(*map(int, pair))
    fitted = np.array([table.sram == "fit" and pair not in known for pair in pairs])
    sizes = np.array(list(known))
    outside = np.any((pairs < sizes.min(axis=0)) | (pairs > sizes.max(axis=0)), axis=1)
    scaling = table.scaling
    costs = np.array([unit_costs[pair] for pair in pairs]).reshape(*width.shape, 4)
    costs = costs * [scaling.area, scaling.leakage, scaling.energy, scaling.energy]
    area, leakage, read, write = np.moveaxis(costs, -1, 0)
    return {
        "area_mm2": area,
        "leakage_mw": leakage,
        "energy_nj": {"read": read, "write": write},
        "fitted": fitted.reshape(width.shape),
        "extrapolated": (fitted & outside).reshape(width.shape),
    }


def sram_row(row: Sram) -> tuple[float, float, float, float]:
    """Return area (mm²), leakage of all four banks (mW), read and write energy (nJ) of a row."""
    area = row.size_mm[0] * row.size_mm[1]
    return area, sum(row.leakage_mw) * cacti.BANKS, row.read_nj, row.write_nj


@cache
def fitted_sram(rows: tuple, width: float, depth: float) -> tuple[float, ...]:
    """Return the costs of a geometry from a fit to `rows`, (width, depth, *costs) each.

    The logarithm of each cost is quadratic in those of width and depth.
    """
    import mpmath  # most runs need no fit

    with mpmath.workdps(DIGITS):
        terms = mpmath.matrix(_terms(width, depth)).T
        return tuple(float(mpmath.exp((terms * fit)[0])) for fit in sram_fit(rows))


@cache
def sram_fit(rows: tuple) -> list:
    """Return the coefficients of `fitted_sram` for each cost, by least squares.

    Raises InputError where the rows do not determine them.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        terms = mpmath.matrix([_terms(*row[:2]) for row in rows])
        if np.linalg.matrix_rank(np.array(terms.tolist(), float)) < terms.cols:
            raise InputError(
                f"sram_rows: {len(rows)} of them determine no fit for other sizes, which needs"
                f" {terms.cols} of different widths and depths"
            )
        costs = zip(*(row[2:] for row in rows), strict=True)
        return [mpmath.qr_solve(terms, mpmath.matrix(list(map(mpmath.log, c))))[0] for c in costs]


def _terms(width: float, depth: float) -> list:
    """Return what the coefficients of the fit multiply."""
    import mpmath

    w, d = mpmath.log(width), mpmath.log(depth)
    return [mpmath.mpf(1), w, d, w * w, w * d, d * d]
