"""Sobol indices against what a full table of two assumptions says."""

import numpy as np
import pandas as pd
import pytest

from mugi import assumptions
from mugi.errors import InputError
from mugi.judge.sobol import sobol_indices, strongest
from mugi.judge.universes import needed, tables, values
from tests.judge.test_multiverse import CLAIMS, runs  # noqa: F401

NAMES = ["ws_load_rows", "ws_timing"]


def test_indices_are_those_of_all_combinations(runs):  # noqa: F811
    claims = {"ABS-3": CLAIMS["ABS-3"]}
    found = sobol_indices(claims, runs, NAMES, 64).set_index("assumption")
    assert sobol_indices(claims, runs, NAMES, 64).set_index("assumption").equals(found)
    rest = assumptions.preset("corrected")
    choices = [assumptions.REGISTRY[name].choices for name in NAMES]
    pairs = [(one, two) for one in choices[0] for two in choices[1]]
    universes = [rest | dict(zip(NAMES, pair, strict=True)) for pair in pairs]
    every = tables(needed(claims.values(), runs), universes)
    table = np.log(values(claims["ABS-3"], every, universes)).reshape(len(choices[0]), -1)
    means = {"ws_load_rows": table.mean(axis=1), "ws_timing": table.mean(axis=0)}
    for name, mean in means.items():
        other = means[NAMES[1 - NAMES.index(name)]]
        first, total = mean.var() / table.var(), 1 - other.var() / table.var()
        assert found.loc[name, "first_order"] == pytest.approx(first, abs=0.08)
        assert found.loc[name, "total"] == pytest.approx(total, abs=0.08)


def test_the_strongest_are_single_and_of_any_claim():
    indices = pd.DataFrame(
        [
            ("A", "cpa", 0.1),
            ("A", "cpa * ws_timing", 0.9),
            ("B", "ws_timing", 0.5),
            ("B", "cpa", 0),
        ],
        columns=["claim", "assumption", "first_order"],
    )
    assert strongest(indices) == ["ws_timing", "cpa"]


def test_samples_are_a_power_of_two():
    with pytest.raises(InputError, match="power of two, not 3"):
        sobol_indices({}, pd.DataFrame(), NAMES, 3)
    with pytest.raises(InputError, match="no assumption that moves claims"):
        sobol_indices({}, pd.DataFrame(), [], 2)
