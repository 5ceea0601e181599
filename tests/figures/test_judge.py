"""Figures of how sure and where: what is drawn of small tables, and from partial ones."""

import pandas as pd
import pytest

from figures import breakeven, sure, where
from mugi.errors import InputError
from mugi.files import write_table
from mugi.judge.breakeven import break_even
from mugi.judge.sure import how_sure
from mugi.judge.where import where_it_holds


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict:
    """Paths of small tables, by name."""
    folder = tmp_path_factory.mktemp("judge")
    made = {
        "sure": how_sure(20),
        "where": where_it_holds(["mixtral_8x7b", "llama_2_70b_GQA"], [1, 8], [128, 4096], [256]),
        "breakeven": break_even(),
    }
    for name, table in made.items():
        write_table(table, folder / f"{name}.csv")
    return {name: folder / f"{name}.csv" for name in made}


@pytest.mark.parametrize("figure", [sure, where, breakeven])
def test_a_figure_and_its_table(tables, tmp_path, figure):
    name = figure.__name__.removeprefix("figures.")
    figure.make(tables[name], tmp_path / name)
    for suffix in ("pdf", "png", "csv"):
        assert (tmp_path / f"{name}.{suffix}").stat().st_size > 1000


def test_what_an_interval_amounts_to():
    """Level with another is neither ahead nor behind."""
    rows = [(1.1, 1.3), (0.7, 0.9), (0.9, 1.1), (1.0, 1.001), (1.004, 1.2)]
    table = pd.DataFrame(rows, columns=["low", "high"]).assign(
        metric="tokens_per_joule", model="llama_2_70b_GQA", value=1.0
    )
    drawn = sure.leads(table)
    assert drawn["amounts_to"].tolist() == ["ahead", "behind", "neither", "neither", "neither"]


def test_claims_have_their_printed_value(tables):
    table = sure.leads(pd.read_csv(tables["sure"], keep_default_na=False))
    printed = table.dropna(subset="printed").set_index("metric")["printed"]
    assert printed.to_dict() == {
        "ABS-1": 45,
        "ABS-2": 668,
        "ABS-3": 2.07,
        "ABS-4": 3.11,
        "ABS-5": 1.45,
        "ABS-6": 1.48,
    }


def test_a_map_without_the_height_of_the_abstract_draws_the_largest(tables):
    table = pd.read_csv(tables["where"], keep_default_na=False)
    other = table.assign(array_height=table["array_height"].replace(256, 64))
    assert set(where.shown(other)["array_height"]) == {64}


def test_a_table_with_nothing_to_draw_is_a_mistake(tables, tmp_path):
    table = pd.read_csv(tables["where"], keep_default_na=False)
    path = tmp_path / "where.csv"
    write_table(table[table["metric"] == "tokens_per_carbon"], path)
    with pytest.raises(InputError, match=r"where\.csv: no rows of equal_area"):
        where.make(path, tmp_path / "x")
