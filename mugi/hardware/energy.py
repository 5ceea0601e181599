"""Energy: how often events happen, times what they switch, times the energy of switching it."""

from collections.abc import Mapping

import numpy as np

from mugi.hardware.activity import Activity
from mugi.hardware.design import Design

NONLINEAR = ("softmax", "silu")  # groups of operations with the design's `nonlinear` events


class EventEnergy:
    """The energy of each event of a design, by what it switches.

    costs: unit costs of components, see `Design.costs`; symbols: those of the setups. Energies are
    in nJ, one value a setup.
    """

    def __init__(self, design: Design, symbols: Mapping, costs: Mapping):
        self.gemm, self.nonlinear = (
            {name: _of_event(event, symbols, costs) for name, event in section.events.items()}
            for section in (design.gemm, design.nonlinear)
        )

    def of_group(self, activity: Activity, group: str, dram: bool) -> np.ndarray:
        """Return the dynamic energy (nJ) of a group, of the DRAM or of all else: (runs,)."""
        total = np.zeros(len(activity.setup))
        for name, components in self._events(group).items():
            chosen = [nj for component, nj in components.items() if (component == "dram") == dram]
            if chosen:
                total += activity.counts[group][name] * activity.of_runs(sum(chosen))
        return total

    def of_component(self, activity: Activity, group: str, component: str) -> np.ndarray:
        """Return the dynamic energy (nJ) of a component in a group's operations: (runs,)."""
        total = np.zeros(len(activity.setup))
        for name, components in self._events(group).items():
            if component in components:
                total += activity.counts[group][name] * activity.of_runs(components[component])
        return total

    def _events(self, group: str) -> dict[str, dict[str, np.ndarray]]:
        return self.nonlinear if group in NONLINEAR else self.gemm


def _of_event(event, symbols: Mapping, costs: Mapping) -> dict[str, np.ndarray]:
    """Return the energy of one event by component: activations times energy of one."""
    energy: dict[str, np.ndarray] = {}
    for target, activations in event.use.items():
        component, _, access = target.partition(".")
        each = activations(symbols) * costs[component]["energy_nj"][access]
        energy[component] = energy.get(component, 0.0) + each
    return energy


def total_energy_j(
    dynamic_nj, dram_nj, leakage_mw, dram_leakage_mw, runtime_s, scope: str
) -> np.ndarray:
    """Return the energy of runs (J): dynamic, leakage over the run time, and the DRAM's by scope.

    scope: the assumption energy_scope.
    """
    energy = dynamic_nj * 1e-9 + leakage_mw * 1e-3 * runtime_s
    if scope != "on_chip":
        energy = energy + dram_nj * 1e-9
    if scope == "with_dram_background":
        energy = energy + dram_leakage_mw * 1e-3 * runtime_s
    return energy
