"""What claims rest on: one switch at a time, and a curve over draws of all of them.

The curve is a specification curve (Simonsohn, Simmons, Nelson, Nature Human Behaviour 4, 2020): a
claim's value in universes drawn evenly over all values of all assumptions, the metric's definition
included.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.hardware.runs import PREFIX
from mugi.judge.universes import ACTING, DRAWN, TABLES, needed, tables, values
from mugi.ledger import Claim
from mugi.verdicts import ABOVE_A_TIE, NEAR

HEADLINES = tuple(f"ABS-{number}" for number in range(1, 7))  # the abstract's six
UNIVERSES = 2000
MOST_RUNS = 200  # of a claim; one about all runs is about constants, such as the clock
MOVES = 1e-12  # relative: less is rounding
RESAMPLES = 200
STRONGEST = 6  # assumptions of a claim whose pairs are looked at


def judged(claims: Mapping[str, Claim], runs: pd.DataFrame) -> dict[str, Claim]:
    """Return the claims that can be computed in other universes from some of `runs`, by id."""
    chosen = {name: c for name, c in claims.items() if c.is_judged and c.table in TABLES}
    return {
        name: claim for name, claim in chosen.items() if 0 < len(needed([claim], runs)) <= MOST_RUNS
    }


def headlines_of(claims: Mapping[str, Claim], runs: pd.DataFrame) -> dict[str, Claim]:
    """Return those of HEADLINES that can be computed from some of `runs`, by id."""
    return judged({name: claim for name, claim in claims.items() if name in HEADLINES}, runs)


def one_at_a_time(
    claims: Mapping[str, Claim], runs: pd.DataFrame, names: Iterable[str] = ACTING
) -> pd.DataFrame:
    """Return what moves claims, a row each: one assumption set otherwise than a preset has it.

    `runs` are complete configurations without a preset. Columns: claim, base (the preset),
    assumption (one of `names`), value, computed (the claim's value then) and base_value (without).
    """
    claims = judged(claims, runs)
    bases = {name: assumptions.preset(name) for name in assumptions.PRESETS}
    flips = [
        (base, name, value)
        for base, values_ in bases.items()
        for name in names
        for value in assumptions.REGISTRY[name].choices
        if value != values_[name]
    ]
    universes = [*bases.values(), *(bases[base] | {name: value} for base, name, value in flips)]
    found = tables(needed(claims.values(), runs), universes)
    rows = []
    for name, claim in claims.items():
        computed = values(claim, found, universes)
        base_values = dict(zip(bases, computed, strict=False))
        for (base, assumption, value), number in zip(flips, computed[len(bases) :], strict=True):
            if abs(number - base_values[base]) > MOVES * abs(base_values[base]):
                rows.append((name, base, assumption, str(value), number, base_values[base]))
    columns = ["claim", "base", "assumption", "value", "computed", "base_value"]
    return pd.DataFrame(rows, columns=columns)


def drawn(count: int = UNIVERSES, seed: int = 0, synthesised: bool = False) -> pd.DataFrame:
    """Return universes, a column an assumption: even draws of its named values.

    With `synthesised` those of SYNTHESISED are drawn too; the others' draws are the same.
    """
    rng = np.random.default_rng(seed)
    columns = {}
    for name in [*DRAWN, *(assumptions.SYNTHESISED if synthesised else ())]:
        choices = assumptions.REGISTRY[name].choices
        picks = rng.integers(len(choices), size=count)
        columns[name] = pd.Series([choices[pick] for pick in picks], dtype=object)
    return pd.DataFrame(columns)


def curve(claims: Mapping[str, Claim], runs: pd.DataFrame, universes: pd.DataFrame) -> pd.DataFrame:
    """Return universes, the two presets first, with the value of each of HEADLINES in them.

    A column `preset` names these two, `assumption.<name>` have what universes are; claims that
    `runs` lack are left out.
    """
    headlines, names = headlines_of(claims, runs), list(universes)
    presets = pd.DataFrame([assumptions.preset(name) for name in assumptions.PRESETS])
    table = pd.concat([presets[names].astype(object), universes], ignore_index=True)
    rest = assumptions.preset(assumptions.PRESETS[0])  # of figures, which no claim here reads
    rows = [rest | row for row in table.to_dict("records")]
    found = tables(needed(headlines.values(), runs), rows)
    computed = {name: values(claim, found, rows) for name, claim in headlines.items()}
    labels = [*assumptions.PRESETS, *[""] * len(universes)]
    return table.astype(str).add_prefix(PREFIX).assign(preset=labels, **computed)


def switches_of(table: pd.DataFrame) -> list[str]:
    """Return the assumptions that the universes of a `curve` differ in."""
    return [name.removeprefix(PREFIX) for name in table if name.startswith(PREFIX)]


def summary(claims: Mapping[str, Claim], table: pd.DataFrame) -> pd.DataFrame:
    """Return how the draws of a `curve` lie, a row a claim."""
    draws, rows = table[table["preset"] == ""], []
    for name in (name for name in HEADLINES if name in table):
        numbers, printed = draws[name].to_numpy(float), claims[name].printed_number
        at = np.quantile(numbers, [0, 0.05, 0.5, 0.95, 1])
        quantiles = dict(zip(["least", "p05", "median", "p95", "most"], at, strict=True))
        of_preset = table.set_index("preset")[name]
        rows.append(
            {
                "claim": name,
                "universes": len(numbers),
                "printed": printed,
                "as_published": of_preset["as-published"],
                "corrected": of_preset["corrected"],
                "share_above_1": (numbers >= ABOVE_A_TIE).mean(),
                "share_within_5_percent": (abs(numbers / printed - 1) <= NEAR).mean(),
                "share_below_as_published": (numbers < of_preset["as-published"]).mean(),
                **quantiles,
            }
        )
    return pd.DataFrame(rows)


def indices(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return what share of a claim's spread each assumption explains, and pairs beyond their own.

    The spread is the variance of the claim's logarithm over the draws of a `curve`; a first-order
    index is the variance of the means at an assumption's values over it, less what chance gives
    means of so few (epsilon squared). `low` and `high` are 95 % of bootstrap resamples. Columns:
    claim, assumption (two with a `*` between for a pair), first_order, low, high.
    """
    draws, rng, rows = table[table["preset"] == ""], np.random.default_rng(seed), []
    samples = rng.integers(len(draws), size=(RESAMPLES, len(draws)))
    codes = {name: pd.factorize(draws[f"{PREFIX}{name}"])[0] for name in switches_of(table)}
    for claim in (name for name in HEADLINES if name in table):
        spread = np.log(draws[claim].to_numpy(float))
        single = {name: explained(code, spread) for name, code in codes.items()}
        strongest = sorted(single, key=single.get, reverse=True)[:STRONGEST]
        for name in codes:
            resampled = [explained(codes[name][s], spread[s]) for s in samples]
            low, high = np.quantile(resampled, [0.025, 0.975])
            rows.append((claim, name, single[name], low, high))
        for one, two in combinations(strongest, 2):
            pair = codes[one] * (codes[two].max() + 1) + codes[two]
            resampled = [
                explained(pair[s], spread[s])
                - explained(codes[one][s], spread[s])
                - explained(codes[two][s], spread[s])
                for s in samples
            ]
            low, high = np.quantile(resampled, [0.025, 0.975])
            joint = explained(pair, spread) - single[one] - single[two]
            rows.append((claim, f"{one} * {two}", joint, low, high))
    return pd.DataFrame(rows, columns=["claim", "assumption", "first_order", "low", "high"])


def explained(code: np.ndarray, numbers: np.ndarray) -> float:
    """Return the share of the variance of numbers that lies between groups (epsilon squared)."""
    counts = np.bincount(code)
    means = np.bincount(code, numbers) / np.maximum(counts, 1)
    groups = np.count_nonzero(counts)
    total = np.square(numbers - numbers.mean()).sum()
    within = np.square(numbers - means[code]).sum()
    if total == 0 or len(numbers) == groups:
        return 0.0
    return 1 - (within / (len(numbers) - groups)) / (total / (len(numbers) - 1))
