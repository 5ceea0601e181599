"""Claims in other universes: each a value of every assumption, the metric's definition included.

A claim's quantity is computed in all universes at once, from one table of runs whose rows say in a
column `universe` where they are.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.carbon import account_carbon
from mugi.errors import InputError, unknown
from mugi.hardware import evaluate as evaluate_runs
from mugi.hardware.runs import KEYS
from mugi.ledger import Claim, Quantity
from mugi.quantities import AGGREGATES, NotRun, evaluate, select

Universe = Mapping[str, assumptions.Value]
TABLES = ("hardware", "carbon")  # whose claims can be computed in other universes
METRIC = "energy_efficiency"  # the assumption by which a claim's `corrected_column` counts
ACTING = [
    name
    for name, entry in assumptions.REGISTRY.items()
    if name == METRIC or {"evaluate", "carbon"} & {*entry.stages}
]
DRAWN = [name for name in ACTING if name not in assumptions.SYNTHESISED]


def check_acting(name: str) -> None:
    """Raise InputError for what is not the name of an assumption that moves claims."""
    if name not in ACTING:
        raise InputError(unknown("assumption", name, ACTING))


def configurations(hardware: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct configurations of evaluated runs, complete but for their assumptions."""
    keys = [key for key in KEYS if key != "preset"]
    return hardware[keys].drop_duplicates(ignore_index=True)


def needed(claims: Iterable[Claim], runs: pd.DataFrame) -> pd.DataFrame:
    """Return which of `runs`, complete configurations, the claims are computed from.

    A condition on what is no key of a run holds for all of them.
    """
    chosen = np.zeros(len(runs), bool)
    runs = runs.reset_index(drop=True)
    for claim in claims:
        for side in filter(None, (claim.where, claim.over)):
            keys = [{k: v for k, v in part.items() if k in runs} for part in side]
            try:
                chosen[select(runs, keys).index] = True
            except NotRun:
                continue  # of a run that is not in this configuration
    return runs[chosen].reset_index(drop=True)


def tables(runs: pd.DataFrame, universes: Sequence[Universe]) -> dict[str, pd.DataFrame]:
    """Return the tables of hardware and carbon of runs in all universes, see `universe`."""
    count, keys = len(runs), [key for key in KEYS if key in runs and key != "preset"]
    left = runs[keys].assign(kv_heads=runs["kv_heads"].mask(_is_variant(runs)))
    repeated = pd.concat([left] * len(universes), ignore_index=True)
    at = np.repeat(np.arange(len(universes)), count)
    values = pd.DataFrame(list(universes)).astype(object).iloc[at].reset_index(drop=True)
    named = values.add_prefix("assumption.").assign(preset=assumptions.PRESETS[0], universe=at)
    hardware = evaluate_runs(pd.concat([repeated, named], axis=1))
    return {"hardware": hardware, "carbon": _carbon(hardware)}


def _is_variant(runs: pd.DataFrame) -> pd.Series:
    """Return which runs have their KV heads from the assumption mha_70b_kv_heads."""
    heads = assumptions.REGISTRY["mha_70b_kv_heads"].published
    return (runs["model"] == "llama_2_70b") & (runs["kv_heads"] == heads)


def _carbon(hardware: pd.DataFrame) -> pd.DataFrame:
    """Return the carbon of runs, whose universe stands in place of a name for their technology."""
    marked = hardware.assign(technology=hardware["universe"])
    table = account_carbon(marked, presets=assumptions.PRESETS[0])
    return table.assign(universe=table["technology"].astype(int))


def values(
    claim: Claim, found: Mapping[str, pd.DataFrame], universes: Sequence[Universe]
) -> np.ndarray:
    """Return a claim's value in every universe: (universes,)."""
    value = quantity(claim, found[claim.table], claim.column)
    if claim.corrected_column:
        redefined = [universe[METRIC] == "work_per_energy" for universe in universes]
        value = np.where(
            redefined, quantity(claim, found[claim.table], claim.corrected_column), value
        )
    return value


def quantity(claim: Quantity, table: pd.DataFrame, column) -> np.ndarray:
    """Return the arithmetic `column` of a claim's rows, over others, aggregated, by universe."""

    def side(conditions: list) -> pd.Series:
        rows = select(table, conditions)
        series = evaluate(rows, column)
        keys = [rows["universe"].to_numpy(), series.index]
        grouped = series.set_axis(pd.MultiIndex.from_arrays(keys))
        if claim.aggregate == "sum":
            return grouped.groupby(level=[0, 1], sort=False).sum()
        return grouped

    result = side(claim.where)
    if claim.over:
        baseline = side(claim.over)
        if result.index.has_duplicates or len(result) != len(baseline):
            raise InputError("where and over need one row each of the same models")
        same = result.index.isin(baseline.index).all()
        if not same and result.index.get_level_values(0).has_duplicates:
            raise InputError("where and over need one row each of the same models")
        result = result / (baseline if same else baseline.set_axis(result.index))
    by_universe = result.groupby(level=0, sort=True)
    if claim.aggregate in AGGREGATES:
        if claim.aggregate == "geomean":
            return np.exp(np.log(result).groupby(level=0, sort=True).mean()).to_numpy()
        return getattr(by_universe, claim.aggregate)().to_numpy()
    if by_universe.size().max() > 1:
        raise InputError("one row is needed in each universe, or an aggregate")
    return by_universe.first().to_numpy()
