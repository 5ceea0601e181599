"""Runs as sums of unit costs: what factors on these make of area, leakage and energy.

Nothing but these three depends on unit costs, and all three are proportional to them, so that the
coefficients are found once, from `breakdown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mugi.assumptions import REGISTRY
from mugi.hardware import breakdown, evaluate
from mugi.hardware.design import given
from mugi.hardware.energy import total_energy_j
from mugi.hardware.runs import KEYS, by_design
from mugi.hardware.technology import sram_cost, technology
from mugi.hardware.workload import GROUPS

PER_SRAM = ("width", "depth")
SIZES = ["array_height", "array_width", "noc_rows", "noc_cols"]
# column of `breakdown` -> the quantity of a unit cost that it is proportional to
QUANTITY_OF = {"area_mm2": "area", "leakage_mw": "leakage"} | {
    f"dynamic_energy_{group}_nj": "energy" for group in GROUPS
}


@dataclass(frozen=True)
class Linear:
    """Runs, and what each unit cost has in them.

    runs: the table of `evaluate`; scopes: their assumption energy_scope; classes: the class in the
    technology of each unit cost, of which each geometry of SRAM has one; fitted: those that rest on
    the SRAM fit; coefficients: by column of `breakdown`, (unit costs, runs).
    """

    runs: pd.DataFrame
    scopes: np.ndarray
    classes: dict[str, str]
    fitted: frozenset[str]
    coefficients: dict[str, np.ndarray]

    def take(self, chosen: np.ndarray) -> "Linear":
        """Return some of the runs, by their places."""
        kept = {name: values[:, chosen] for name, values in self.coefficients.items()}
        runs = self.runs.iloc[chosen].reset_index(drop=True)
        return Linear(runs, self.scopes[chosen], self.classes, self.fitted, kept)

    def columns(self, factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the columns of `evaluate` that follow from unit costs: (draws, runs) each.

        factors: those on the unit costs of each quantity, (draws, unit costs).
        """
        is_dram = np.array([kind == "dram" for kind in self.classes.values()])

        def total(column: str, chosen: np.ndarray) -> np.ndarray:
            factor = factors[QUANTITY_OF[column]][:, chosen]
            return np.einsum("dc,cr->dr", factor, self.coefficients[column][chosen])

        leaking = total("leakage_mw", ~is_dram), total("leakage_mw", is_dram)
        found = {"area_mm2": total("area_mm2", ~is_dram)}
        found |= {"leakage_mw": leaking[0], "dram_leakage_mw": leaking[1]}
        sums = np.zeros_like(leaking[0]), np.zeros_like(leaking[0])
        for group in GROUPS:
            column = f"dynamic_energy_{group}_nj"
            switched = total(column, ~is_dram), total(column, is_dram)
            found |= {column: switched[0], f"dram_energy_{group}_nj": switched[1]}
            seconds = self.runs[f"runtime_{group}_s"].to_numpy()
            found[f"energy_{group}_j"] = self._scoped(*switched, *leaking, seconds)
            sums = sums[0] + switched[0], sums[1] + switched[1]
        seconds, tokens = (self.runs[name].to_numpy(float) for name in ("runtime_s", "tokens"))
        energy_j = self._scoped(*sums, *leaking, seconds)
        with_dram_j = total_energy_j(*sums, *leaking, seconds, "with_dram_background")
        return found | {
            "dynamic_energy_nj": sums[0],
            "dram_energy_nj": sums[1],
            "total_energy_j": energy_j,
            "tokens_per_j": tokens / energy_j,
            "tokens_per_s_per_j": tokens / seconds / energy_j,
            "tokens_per_j_on_chip": tokens / total_energy_j(*sums, *leaking, seconds, "on_chip"),
            "tokens_per_j_with_dram": tokens / with_dram_j,
        }

    def _scoped(self, *costs: np.ndarray) -> np.ndarray:
        """Return total energies [J] by each run's own scope."""
        scopes = REGISTRY["energy_scope"].choices
        by_scope = [total_energy_j(*costs, scope) for scope in scopes]
        return np.select([self.scopes == scope for scope in scopes], by_scope)


def linear(runs: pd.DataFrame) -> Linear:
    """Return runs, evaluated, and their coefficients; raises InputError as `evaluate` does."""
    results = evaluate(runs).reset_index(drop=True)
    keys = [key for key in results if key in KEYS or key.startswith("assumption.")]
    places = results[keys].assign(run=np.arange(len(results)))
    parts = breakdown(results[keys]).merge(places, on=keys, validate="m:1")
    scopes, found = np.empty(len(results), object), {}
    for design, assumed, rows in by_design(results):
        scopes[rows] = assumed["energy_scope"]
        table = technology(assumed["technology"])
        for run in rows:
            sizes = given(*results.loc[run, SIZES].to_numpy(float))
            symbols = design.symbols(sizes, assumed)
            for name, component in design.components.items():
                kind, is_fitted = str(component.kind(symbols)), False
                unit = kind
                if kind == "sram":
                    width, depth = (float(component.sizes[k].number(symbols)) for k in PER_SRAM)
                    unit = f"sram {width:g}x{depth:g}"
                    is_fitted = bool(sram_cost(width, depth, table)["fitted"])
                found[run, name] = (unit, kind, is_fitted)
    units = [found[pair] for pair in zip(parts["run"], parts["component"], strict=True)]
    classes = dict(sorted({(unit, kind) for unit, kind, _ in units}))
    code = {unit: place for place, unit in enumerate(classes)}
    at = np.array([code[unit] for unit, _, _ in units]), parts["run"].to_numpy()
    coefficients = {}
    for column in QUANTITY_OF:
        coefficients[column] = np.zeros((len(classes), len(results)))
        np.add.at(coefficients[column], at, parts[column].to_numpy())
    fitted = frozenset(unit for unit, _, is_fitted in units if is_fitted)
    return Linear(results, scopes, classes, fitted, coefficients)
