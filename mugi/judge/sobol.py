"""Sobol indices of the abstract's claims: what the strongest assumptions do alone and in all."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mugi import assumptions
from mugi.errors import InputError
from mugi.judge.multiverse import ACTING, headlines_of
from mugi.judge.sure import check_count
from mugi.judge.universes import needed, tables, values
from mugi.ledger import Claim

STRONGEST = 12  # assumptions that vary; the others are corrected


def strongest(indices: pd.DataFrame) -> list[str]:
    """Return the assumptions that explain most of any claim in a table of first-order indices."""
    most = indices.groupby("assumption")["first_order"].max().sort_values(ascending=False)
    return [name for name in most.index if name in ACTING][:STRONGEST]


def sobol_indices(
    claims: Mapping[str, Claim], runs: pd.DataFrame, names: list[str], samples: int, seed: int = 0
) -> pd.DataFrame:
    """Return first-order and total Sobol indices of the headlines, of the claims' logarithms.

    The assumptions `names` take their named values evenly, by Saltelli's sample of Sobol's sequence
    (SALib): `samples`, a power of two, times as many universes as names and two. Columns: claim,
    assumption, first_order, first_order_half_width, total, total_half_width (95 %, bootstrap).
    """
    from SALib.analyze import sobol  # starts what no other part of `mugi judge` needs
    from SALib.sample import sobol as saltelli

    check_count(samples, "samples", seed)
    if samples & (samples - 1):
        raise InputError(f"samples must be a power of two, not {samples}")
    if not names:
        raise InputError("no assumption that moves claims is among the indices")
    problem = {"num_vars": len(names), "names": names, "bounds": [[0, 1]] * len(names)}
    uniform = saltelli.sample(problem, samples, calc_second_order=False, seed=seed)
    choices = [assumptions.REGISTRY[name].choices for name in names]
    rest = assumptions.preset("corrected")
    universes = [
        rest | {n: c[int(x * len(c))] for n, c, x in zip(names, choices, point, strict=True)}
        for point in np.minimum(uniform, np.nextafter(1, 0))
    ]
    headlines = headlines_of(claims, runs)
    found = tables(needed(headlines.values(), runs), universes)
    rows = []
    for claim in headlines:
        spread = np.log(values(headlines[claim], found, universes))
        shares = sobol.analyze(problem, spread, calc_second_order=False, seed=seed + 1)
        columns = [shares[key] for key in ("S1", "S1_conf", "ST", "ST_conf")]
        rows += [(claim, *row) for row in zip(names, *columns, strict=True)]
    measured = ["first_order", "first_order_half_width", "total", "total_half_width"]
    return pd.DataFrame(rows, columns=["claim", "assumption", *measured])
