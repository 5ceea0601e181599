"""Break-even of carbon against the carbon accounting of the same runs."""

import numpy as np
import pandas as pd
import pytest

from mugi.carbon import account_carbon
from mugi.errors import InputError
from mugi.hardware import evaluate_hardware
from mugi.judge.breakeven import CHIPS, RUN, break_even


def test_the_accounting_says_the_same():
    # In a life of as many years as break-even takes, the shares of one run are equal in both parts.
    table = break_even()
    row = table[(table["grid"] == "world_2022") & (table["cpa"] == "act_28nm")].iloc[2]
    assert (row["design"], row["array_height"], row["energy_scope"]) == ("mugi", 256, "on_chip")
    runs = evaluate_hardware(grids=[{"design": "mugi", "array_height": 256, **RUN}])
    flips = {"cpa": "act_28nm", "lifetime_years": 1}
    carbon = account_carbon(runs, flips=flips)
    total = carbon[carbon["event"] == "total"].iloc[0]
    years = total["embodied_carbon_kgco2e"] / total["operational_carbon_kgco2e"]
    np.testing.assert_allclose(row["break_even_years"], years, rtol=1e-12)


def test_years_times_intensity_is_what_making_a_chip_took():
    table = break_even()
    assert len(table) == 2 * 9 * 9 * len(CHIPS)
    chip = [*("design", "array_height", "energy_scope", "cpa")]
    product = table["break_even_years"] * table["carbon_intensity_g_per_kwh"]
    spread = product.groupby([table[key] for key in chip]).agg(["min", "max"])
    np.testing.assert_allclose(spread["min"], spread["max"], rtol=1e-12)
    at_life = table["break_even_g_per_kwh"] * table["lifetime_years"]
    np.testing.assert_allclose(product, at_life, rtol=1e-12)


def test_dram_brings_break_even_nearer():
    years = break_even(grids=["coal"]).set_index("energy_scope")["break_even_years"]
    assert np.all(years["with_dram_background"].to_numpy() < years["on_chip"].to_numpy())


def test_a_grid_that_is_not_known_is_a_mistake():
    with pytest.raises(InputError, match="unknown grid 'world_2202'"):
        break_even(grids=["world_2202"])


def test_the_command_writes_the_table(tmp_path, capsys):
    from mugi.cli import main

    path = tmp_path / "breakeven.csv"
    assert main(["judge", "breakeven", "-o", str(path)]) == 0
    assert len(pd.read_csv(path)) == len(break_even())
    assert "rows" in capsys.readouterr().out
    assert main(["judge", "breakeven", "--outptu", str(path)]) == 2
    assert "did you mean '--output'" in capsys.readouterr().err
