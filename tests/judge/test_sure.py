"""How sure leads are: their value that of tables, their spread that of the costs."""

import pandas as pd
import pytest

from mugi.carbon import account_carbon
from mugi.cli import main
from mugi.errors import InputError
from mugi.hardware import evaluate_hardware
from mugi.judge.costs import load_costs
from mugi.judge.sobol import sobol_indices
from mugi.judge.sure import CHIPS, HEADLINE, PAPER, how_sure
from mugi.judge.variance import variance_shares

DRAWS = 300


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return how_sure(DRAWS)


def lead(table: pd.DataFrame, metric: str, rival: str = HEADLINE["rival"]) -> pd.Series:
    rows = table[(table["metric"] == metric) & (table["rival"] == rival)]
    return rows.set_index("model").loc[HEADLINE["model"]]


def test_values_without_draws_are_those_of_evaluated_runs(table):
    chips = [
        dict(zip(("design", "variant", "array_height"), c, strict=True)) for c in CHIPS.values()
    ]
    grids = [{**chip, **PAPER, "model": HEADLINE["model"]} for chip in chips]
    runs = evaluate_hardware(grids=grids)
    carbon = account_carbon(runs)
    total = carbon[carbon["event"] == "total"].set_index("design")
    runs = runs.set_index(pd.Index(CHIPS))
    for rival in [*CHIPS][1:]:
        mugi, other = runs.loc["Mugi (256)"], runs.loc[rival]
        assert lead(table, "area", rival)["value"] == pytest.approx(
            other["area_mm2"] / mugi["area_mm2"], rel=1e-5
        )
        for metric, column in (
            ("throughput", "tokens_per_s"),
            ("tokens_per_joule", "tokens_per_j_on_chip"),
            ("tokens_per_joule_with_dram", "tokens_per_j_with_dram"),
        ):
            value = lead(table, metric, rival)["value"]
            assert value == pytest.approx(mugi[column] / other[column], rel=1e-5)
    for metric, column in (
        ("embodied_carbon", "embodied_carbon_kgco2e"),
        ("tokens_per_carbon", "carbon_kgco2e"),
    ):
        value = lead(table, metric, "Carat (256)")["value"]
        mugi = carbon[(carbon["design"] == "mugi") & (carbon["variant"] == "vlp")]
        mugi = mugi.loc[mugi["event"] == "total", column].item()
        assert value == pytest.approx(total.loc["carat", column] / mugi, rel=1e-5)


def test_traffic_alone_and_background_power_are_two_things(table):
    """The independent model of issue 18: with DRAM traffic 1.06 of 1.53 are left."""
    assert lead(table, "tokens_per_joule_with_dram_traffic")["value"] == pytest.approx(
        1.06, abs=0.005
    )
    scope = {"assumption.energy_scope": "with_dram", "model": HEADLINE["model"]}
    chips = [{"design": "mugi", "array_height": 256}, {"design": "systolic", "array_height": 16}]
    runs = evaluate_hardware(grids=[{**chip, **PAPER, **scope} for chip in chips])
    ratio = runs["tokens_per_j"][0] / runs["tokens_per_j"][1]
    value = lead(table, "tokens_per_joule_with_dram_traffic")["value"]
    assert value == pytest.approx(ratio, rel=1e-5)


def test_claims_have_the_value_of_the_ledger(table):
    claims = table[table["model"] == ""].set_index("metric")["value"]
    assert claims["ABS-3"] == pytest.approx(2.064, abs=0.001)
    assert claims["ABS-4"] == lead(table, "tokens_per_joule")["value"]
    assert claims["ABS-1"] == pytest.approx(44, abs=0.05)


def test_times_do_not_spread_and_costs_do(table):
    assert (table["low"] <= table["median"]).all() and (table["median"] <= table["high"]).all()
    is_time = table["metric"].isin(["throughput", "ABS-1", "ABS-3"])
    spread = (table["high"] / table["low"] - 1).groupby(is_time).agg(["min", "max"])
    assert spread.loc[True, "max"] < 1e-6
    assert spread.loc[False, "min"] > 1e-4
    assert set(table.loc[is_time, "probability"]) == {0.0, 1.0}


def test_level_is_neither_ahead_nor_behind(table):
    told = table[["probability", "probability_behind"]]
    assert (told.sum(axis=1) <= 1).all()
    assert lead(table, "throughput", "Mugi-L (256)")[[*told]].tolist() == [0, 0]
    assert lead(table, "throughput", "Tensor (8)")[[*told]].tolist() == [0, 1]
    assert lead(table, "throughput", "SA (16)")[[*told]].tolist() == [1, 0]


def test_the_same_seed_gives_the_same_table_and_another_does_not(table):
    pd.testing.assert_frame_equal(table, how_sure(DRAWS))
    assert not table["low"].equals(how_sure(DRAWS, seed=1)["low"])


def test_costs_that_are_sure_have_no_spread_and_more_spread_widens(table):
    costs = load_costs()

    def spread(factor: float):
        entries = {
            name: entry.model_copy(update={"spread": entry.spread * factor})
            for name, entry in costs.components.items()
        }
        return lead(how_sure(DRAWS, costs=costs.model_copy(update={"components": entries})), "area")

    sure, wide = spread(0), spread(2)
    assert sure["low"] == sure["value"] == sure["high"] and sure["probability"] == 0
    assert wide["high"] - wide["low"] > 1.5 * (
        lead(table, "area")["high"] - lead(table, "area")["low"]
    )


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: how_sure(1), "draws must be at least 2"),
        (lambda: how_sure(10**15), "draws must be at most 100,000, not 1000"),
        (lambda: variance_shares(1 << 50), "samples must be at most 8,192, not"),
        (lambda: sobol_indices({}, None, [], 1 << 50), "samples must be at most 100,000, not"),
        (lambda: how_sure(seed=-1), "seed must be at least 0"),
        (lambda: how_sure(seed=2**32), "seed must be at most 2,147,483,648"),
    ],
)
def test_numbers_that_make_no_draws_are_mistakes(call, line):
    with pytest.raises(InputError, match=line):
        call()


def test_commands_write_the_tables(tmp_path, capsys, table):
    path = tmp_path / "sure.csv"
    assert main(["judge", "sure", "--draws", str(DRAWS), "-o", str(path)]) == 0
    written = pd.read_csv(path, keep_default_na=False)
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    assert main(["judge", "sure", "--draws", "0", "-o", str(path)]) == 2
    assert capsys.readouterr().err == "mugi judge: draws must be at least 2, not 0\n"
