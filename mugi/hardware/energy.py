"""Energy: how often events happen, times what they switch, times the energy of switching it."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from mugi.hardware.activity import Activity
from mugi.hardware.events import Event
from mugi.hardware.workload import NONLINEAR


class EventEnergy:
    """The energy of each event of runs, by what it switches.

    costs: unit costs of components, see `Design.costs`. Energies are in nJ.
    """

    def __init__(self, activity: Activity, costs: Mapping):
        self.activity, design = activity, activity.setups.design
        self.on_chip = design.components.keys() - {"dram"}
        self.gemm, self.nonlinear = (
            {
                name: _of_event(event, activity.setups.symbols, costs)
                for name, event in section.events.items()
            }
            for section in (design.gemm, design.nonlinear)
        )

    def of(self, group: str, components: Collection[str]) -> np.ndarray:
        """Return the dynamic energy (nJ) of components in a group's operations: (runs,)."""
        total = np.zeros(len(self.activity.setup))
        for name, nj in self._by_event(group, components):
            total += self.activity.counts[group][name] * self.activity.of_runs(nj)
        return total

    def of_prefill(self, components: Collection[str]) -> np.ndarray:
        """Return the dynamic energy (nJ) of components in all operations of prefill: (runs,)."""
        setups, total = self.activity.setups, np.zeros(self.activity.setups.count)
        for group, counts in self.activity.prefill.items():
            for name, nj in self._by_event(group, components) if counts else ():
                total += counts[name] * setups.column(nj)
        return total[self.activity.setup]

    def _by_event(self, group: str, components: Collection[str]) -> Iterator[tuple]:
        """Yield each event of a group that switches components, and their energy (nJ) each time."""
        for name, energies in (self.nonlinear if group in NONLINEAR else self.gemm).items():
            chosen = [nj for component, nj in energies.items() if component in components]
            if chosen:
                yield name, sum(chosen)


def _of_event(event: Event, symbols: Mapping, costs: Mapping) -> dict[str, np.ndarray]:
    """Return the energy of one event by component: activations times energy of one."""
    energy: dict[str, np.ndarray] = {}
    for target, activations in event.use.items():
        component, _, access = target.partition(".")
        switched = activations.number(symbols) * costs[component]["energy_nj"][access]
        energy[component] = energy.get(component, 0.0) + switched
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
