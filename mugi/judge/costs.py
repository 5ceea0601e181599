"""What is unsure about unit costs, and draws of it: read from `costs.yaml`, which explains it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from math import log, pi, sqrt
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.special import ndtri

from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.hardware.technology import sizes_of, technology
from mugi.schema import MOST, Section, validated

COSTS_FILE = files("mugi") / "judge" / "costs.yaml"
QUANTITIES = ("area", "leakage", "energy")
WITHIN = ndtri(0.975)  # standard deviations within which 95 % lie
EDGE = 1e-12  # nearer to 0 and 1 a uniform number does not come: its normal one would be infinite
Spread = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]


class Entry(Section):
    """How far a unit cost may be off, and what it shares that with."""

    origin: Text
    spread: Spread
    reason: Text
    source: Text

    @property
    def sigma(self) -> float:
        """Return the standard deviation of the logarithm."""
        return log(1 + self.spread) / WITHIN


class Component(Entry):
    """The same of named classes of the technology."""

    classes: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _classes_exist(self) -> Self:
        known = sizes_of(technology())
        odd = [name for name in self.classes if name not in known]
        raise_all([unknown("component class", name, known) for name in odd[:MOST]])
        return self


class Fit(Section):
    """Mean error of fitted SRAMs, of each quantity."""

    mean_error: dict[Literal[QUANTITIES], Share]
    source: Text


class Constant(Section):
    """A constant's range, and whether draws are even in it or in its logarithm."""

    range: Annotated[list[float], Field(min_length=2, max_length=2)]
    drawn: Literal["even", "log"]
    unit: str
    source: Text

    @model_validator(mode="after")
    def _low_to_high(self) -> Self:
        if not 0 < self.range[0] <= self.range[1] < float("inf"):
            raise InputError(f"range {self.range} must be [lower, higher], both above 0")
        return self

    def at(self, uniform: np.ndarray) -> np.ndarray:
        """Return the values at shares of the range."""
        low, high = self.range
        if self.drawn == "even":
            return low + (high - low) * uniform
        return low * np.exp(uniform * log(high / low))


class Constants(Section):
    """The constants of carbon."""

    carbon_intensity: Constant
    fab_carbon_intensity: Constant
    epa_mj_per_mm2: Constant
    working_share_of_dies: Constant


class Costs(Section):
    """All that is unsure."""

    correlation: Share
    components: dict[str, Component]
    others: Entry
    sram_fit: Fit
    constants: Constants

    @model_validator(mode="after")
    def _no_class_twice(self) -> Self:
        named = Counter(name for entry in self.components.values() for name in entry.classes)
        twice = [name for name, count in named.items() if count > 1]
        raise_all([Mistake(f"class '{name}' stands in two entries") for name in twice])
        return self

    def entry(self, kind: str) -> tuple[str, Entry]:
        """Return the entry of a class of the technology, with its name."""
        for name, entry in self.components.items():
            if kind in entry.classes:
                return name, entry
        return "others", self.others


def load_costs(path=COSTS_FILE) -> Costs:
    """Read spreads and ranges; raises InputError with file, line and key of every mistake."""
    return validated(Costs, read_yaml(path))


@dataclass(frozen=True)
class Unsure:
    """What is drawn for the unit costs `classes`, and where each number of a draw goes.

    classes: the class in the technology of each unit cost, by a name of its own (each geometry of
    SRAM is one); fitted: those that are fitted. Draws are uniform numbers, (draws, columns), a
    column for each of `sources`: what is shared by an origin and a quantity, each unit cost's own,
    errors of the fit, and constants of carbon.
    """

    costs: Costs
    classes: Mapping[str, str]
    fitted: frozenset[str] = frozenset()

    @cached_property
    def columns(self) -> dict[tuple, str]:
        """Return the source of each column, by what the column is."""
        columns: dict[tuple, str] = {}
        for quantity in QUANTITIES:
            for name, kind in self.classes.items():
                source, entry = self.costs.entry(kind)
                columns["shared", quantity, entry.origin] = f"{entry.origin}, shared"
                columns["own", quantity, name] = source
                if name in self.fitted:
                    columns["fit", quantity, name] = "sram_fit"
        for constant in Constants.model_fields:
            columns["constant", constant] = constant
        return columns

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Return uniform numbers: (count, columns)."""
        return np.random.default_rng(seed).random((count, len(self.columns)))

    def factors(self, uniform: np.ndarray, quantity: str) -> np.ndarray:
        """Return what draws multiply unit costs by: (draws, classes)."""
        at = {key: column for column, key in enumerate(self.columns)}
        normal = ndtri(np.clip(uniform, EDGE, 1 - EDGE))
        shared, own = sqrt(self.costs.correlation), sqrt(1 - self.costs.correlation)
        factors = []
        for name, kind in self.classes.items():
            _, entry = self.costs.entry(kind)
            common = normal[:, at["shared", quantity, entry.origin]]
            logarithm = entry.sigma * (shared * common + own * normal[:, at["own", quantity, name]])
            if name in self.fitted:
                # the mean of a normal number without its sign is sqrt(2/pi) standard deviations
                sigma = sqrt(pi / 2) * self.costs.sram_fit.mean_error[quantity]
                logarithm = logarithm + sigma * normal[:, at["fit", quantity, name]]
            factors.append(np.exp(logarithm))
        return np.stack(factors, axis=1)

    def constant(self, uniform: np.ndarray, name: str) -> np.ndarray:
        """Return a constant of carbon in every draw: (draws,)."""
        column = list(self.columns).index(("constant", name))
        return getattr(self.costs.constants, name).at(uniform[:, column])
