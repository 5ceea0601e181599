"""What the cost model (`mugi.hardware`) charges one operation on the array of a Mugi node."""

from typing import NamedTuple

import numpy as np

from mugi import assumptions
from mugi.hardware.design import given, load_design
from mugi.hardware.events import Events, gemm_features, nonlinear_features


class Charge(NamedTuple):
    """Counts and cycles by event of a design's section, with what each event switches."""

    section: Events
    symbols: dict
    counts: dict[str, float]
    cycles: dict[str, float]

    def activations(self, component: str) -> float:
        """Return how often instances of `component` switch."""
        return sum(
            self.counts[name] * float(np.squeeze(event.use[component](self.symbols)))
            for name, event in self.section.events.items()
            if component in event.use
        )

    def symbol(self, name: str) -> float:
        """Return a symbol of the design, such as `fill` (cycles, see `pipeline_fill`)."""
        return float(np.squeeze(self.symbols[name]))


class CostModel:
    """The cost model of one node with an array of `height` rows and 8 columns.

    `flips` are values of assumptions, by name, on top of the preset `as-published`.
    """

    def __init__(self, height: int, **flips: object):
        self.assumed = assumptions.resolve("as-published", flips)
        self.design = load_design("mugi", "vlp")
        self.symbols = self.design.symbols(given([height], [8], [1], [1]), self.assumed)

    def gemm(self, m: int, k: int, n: int) -> Charge:
        """Return the charge of one (m, k) by (k, n) matrix product."""
        sizes = (np.array([float(size)]) for size in (m, k, n))
        features = gemm_features(1.0, *sizes, self.design, self.symbols, self.assumed)
        return self._charge(self.design.gemm, features)

    def nonlinear(self, rows: int, columns: int, softmax: bool) -> Charge:
        """Return the charge of a softmax, or else of an activation, of (rows, columns) inputs."""
        sizes = (np.array([float(size)]) for size in (rows, columns))
        features = nonlinear_features(*sizes, float(softmax), self.symbols, self.assumed)
        return self._charge(self.design.nonlinear, features)

    def _charge(self, section: Events, features: dict) -> Charge:
        counts_and_cycles = section.evaluate(features, self.symbols)
        numbers = (
            {k: float(np.squeeze(v)) for k, v in table.items()} for table in counts_and_cycles
        )
        return Charge(section, self.symbols, *numbers)
