"""What the table of one switch at a time says of a claim."""

import math

import numpy as np
import pandas as pd

from mugi.assumptions import PRESETS, REGISTRY
from mugi.claim import Claim
from mugi.errors import InputError, Mistake, raise_all
from mugi.verdicts import NEAR, Choice, short

COLUMNS = ["claim", "base", "assumption", "value", "computed", "base_value"]
TABLES = ("hardware", "carbon")  # of whose claims it has rows
SAME = 1e-6  # relative: of the same runs
MOVES = 0.005  # relative: less is not worth a word
NOT_TRIED = "Choices were not tried one at a time: results/judge/switches.csv is not there"
OTHER_RUNS = "results/judge/switches.csv is of other runs: choices were not tried on these"
UNMOVED = "No switch alone moves it, or results/judge/switches.csv lacks the claim"


class Switches:
    """Values of claims with one assumption set otherwise than a preset has it, a row each.

    table: columns COLUMNS, as `mugi.judge.multiverse.one_at_a_time` returns; None if not there.
    """

    def __init__(self, table: pd.DataFrame | None):
        if table is not None:
            missing = [name for name in COLUMNS if name not in table]
            raise_all([Mistake(f"missing column '{name}'", "table 'switches'") for name in missing])
            numbers = table[["computed", "base_value"]].apply(pd.to_numeric, errors="coerce")
            if not np.isfinite(numbers).all(axis=None):
                raise InputError(Mistake("a value is not a number", "table 'switches'"))
            table = table.assign(**numbers)
        self.of = None if table is None else dict(list(table.groupby("claim", sort=False)))

    def choices(self, name: str, corrected: float | None) -> list[Choice]:
        """Return a claim's values with each other value of a choice, on top of all corrected."""
        rows = self._rows(name, PRESETS[1], corrected)
        return [
            Choice(row.assumption, str(row.value), row.computed)
            for row in rows.itertuples()
            if row.assumption in REGISTRY and REGISTRY[row.assumption].kind == "choice"
        ]

    def span(self, name: str, corrected: float) -> str:
        """Return how low and how high single choices take a corrected value, and which they are."""
        moved = sorted(self.moved(name, corrected), key=lambda one: one.computed)
        if not moved:
            return ""
        low, high = (f"{short(one.computed)} ({one})" for one in (moved[0], moved[-1]))
        low = short(corrected) if moved[0].computed > corrected else low
        high = short(corrected) if moved[-1].computed < corrected else high
        return f"{low} to {high}"

    def moved(self, name: str, corrected: float) -> list[Choice]:
        """Return the single choices that move a corrected value by 5 % or more, strongest first.

        Beside those of kind choice they are other ways to correct an error than ours.
        """
        found = [
            Choice(row.assumption, str(row.value), row.computed)
            for row in self._rows(name, PRESETS[1], corrected).itertuples()
            if is_a_reading(row.assumption, str(row.value))
        ]
        far = {one: ratio(one.computed, corrected) for one in found}
        return sorted((one for one in found if far[one] >= 1 + NEAR), key=far.get, reverse=True)

    def words(self, name: str, claim: Claim, corrected: float) -> list[str]:
        """Return sentences: what moves a claim most of corrections and of choices, and where to."""
        if claim.table not in TABLES:
            return []
        if self.of is None:
            return [NOT_TRIED] if claim.is_directional else []
        if name not in self.of:
            return [UNMOVED] if claim.is_directional else []
        if self._is_of_other_runs(name, corrected):
            return [OTHER_RUNS]
        return [*self._of_corrections(name), *self._of_choices(name, corrected)]

    def _rows(self, name: str, base: str, corrected: float | None) -> pd.DataFrame:
        table = (self.of or {}).get(name, pd.DataFrame(columns=COLUMNS))
        known = corrected is not None and not self._is_of_other_runs(name, corrected)
        return table[(table["base"] == base) & known]

    def _is_of_other_runs(self, name: str, corrected: float) -> bool:
        """Return whether the corrected value there is another than here."""
        table = (self.of or {}).get(name, pd.DataFrame(columns=COLUMNS))
        there = table.loc[table["base"] == PRESETS[1], "base_value"].astype(float)
        return bool((abs(there - corrected) > SAME * abs(corrected)).any())

    def _of_corrections(self, name: str) -> list[str]:
        table = self.of[name]
        rows = table[table["base"] == PRESETS[0]]
        values = [
            str(REGISTRY[name].corrected) if name in REGISTRY else None
            for name in rows["assumption"]
        ]
        rows = rows[rows["value"].astype(str) == values]
        moved = abs(rows["computed"] / rows["base_value"] - 1)
        rows = rows.assign(moved=moved).sort_values("moved", ascending=False, kind="stable")
        told = [
            f"{row.assumption} ({short(row.base_value)} -> {short(row.computed)})"
            for row in rows[rows["moved"] >= MOVES].head(3).itertuples()
        ]
        return [f"Of single corrections most by {', '.join(told)}"] if told else []

    def _of_choices(self, name: str, corrected: float) -> list[str]:
        told = [f"{short(one.computed)} with {one}" for one in self.moved(name, corrected)]
        return [f"Of single choices on top of all corrections: {', '.join(told)}"] if told else []


def is_a_reading(assumption: str, value: str) -> bool:
    """Return whether a value is open to choice: not one that is known to be wrong."""
    entry = REGISTRY.get(assumption)
    return entry is not None and (entry.kind == "choice" or value != str(entry.published))


def ratio(one: float, other: float) -> float:
    """Return how many times two numbers lie apart, 1 or more; infinite across 0."""
    return max(one / other, other / one) if one * other > 0 else math.inf
