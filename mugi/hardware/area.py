"""Area and leakage of the whole chip, all nodes, and of the DRAM beside it."""

from collections.abc import Iterable, Mapping

import numpy as np

from mugi.hardware.setups import Setups

CHIP = ("array", "sram", "router")  # levels of components; the DRAM is not on the chip


def total(setups: Setups, costs: Mapping, field: str, levels: Iterable[str]) -> np.ndarray:
    """Return the sum of area_mm2 or leakage_mw over all components of some levels: (setups, 1).

    costs: unit costs of components, see `Design.costs`.
    """
    whole_chip = np.zeros((setups.count, 1))
    for name, component in setups.design.components.items():
        if component.level in levels:
            whole_chip = whole_chip + costs[name]["instances"] * costs[name][field]
    return whole_chip


def srams(setups: Setups, costs: Mapping, mark: str) -> np.ndarray:
    """Return which setups have an SRAM with a mark of `technology.sram_cost`: (setups, 1)."""
    marks = [cost[mark] for cost in costs.values() if mark in cost]
    return np.any(np.broadcast_arrays(*marks, np.zeros((setups.count, 1), bool)), axis=0)
