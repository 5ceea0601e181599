"""Shares of variance: they sum up, point at what matters, and are what drawing it alone leaves."""

import numpy as np
import pandas as pd
import pytest

from mugi.cli import main
from mugi.errors import InputError
from mugi.judge.costs import load_costs
from mugi.judge.sure import KEYS, how_sure
from mugi.judge.variance import variance_shares
from tests.judge.test_sure import lead


@pytest.fixture(scope="module")
def shares():
    return variance_shares(256)


def test_a_seed_gives_the_same_intervals(shares):
    pd.testing.assert_frame_equal(variance_shares(256), shares)


def test_shares_sum_up_and_point_at_what_matters(shares):
    assert "ABS-3" not in set(shares["metric"]) and "ABS-4" in set(shares["metric"])
    sums = shares.groupby(KEYS)["share"].sum()
    np.testing.assert_allclose(sums, 1, atol=0.1)  # leads are nearly products: no interactions
    area = shares[shares["metric"] == "area"].set_index("source")["share"]
    assert area.idxmax() == "sram" and abs(area["dram"]) < 0.01
    joules = shares[shares["metric"] == "tokens_per_joule"].set_index("source")["share"]
    assert set(joules.nlargest(2).index) == {
        "arithmetic",
        "fifos",
    }  # as docs/explained/judge.md says
    dram = shares[shares["metric"] == "tokens_per_joule_with_dram"].set_index("source")["share"]
    assert dram["dram"] + dram["dram, shared"] > 0.9


def test_a_share_is_the_variance_of_draws_of_this_source_alone(shares):
    """Leads are nearly sums, so that drawing one source leaves its share."""
    costs = load_costs()
    area = shares[shares["metric"] == "area"].set_index("source")["share"]
    alone = {
        name: entry if name == "sram" else entry.model_copy(update={"spread": 0.0})
        for name, entry in costs.components.items()
    }
    one = how_sure(2000, costs=costs.model_copy(update={"components": alone}))
    both = how_sure(2000)
    width = [lead(t, "area")["high"] - lead(t, "area")["low"] for t in (one, both)]
    expected = area["sram"] + area["cacti, shared"]
    assert (width[0] / width[1]) ** 2 == pytest.approx(expected, abs=0.1)


def test_samples_are_a_power_of_two(tmp_path, capsys):
    with pytest.raises(InputError, match="power of two"):
        variance_shares(100)
    path = tmp_path / "variance.csv"
    assert main(["judge", "variance", "--samples", "16", "-o", str(path)]) == 0
    assert "rows" in capsys.readouterr().out
