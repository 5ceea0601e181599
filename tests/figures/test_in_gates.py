"""Figures of the Verilog: what is drawn of the package's tables."""

import pandas as pd
import pytest

from figures import in_gates, table_in_gates, waves
from mugi.errors import InputError
from mugi.files import write_table
from mugi.judge.gates import in_gates as in_gates_chips
from mugi.rtl import published, units
from mugi.rtl.waves import WAVES


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder, areas = tmp_path_factory.mktemp("gates"), units.read_areas()
    write_table(published.array_sums(published.arrays(areas)), folder / "arrays.csv")
    write_table(published.beside_published(areas), folder / "units.csv")
    return [folder / "arrays.csv", folder / "units.csv"]


def test_what_is_drawn(tables, tmp_path):
    in_gates.make(tables, tmp_path / "in_gates")
    drawn = pd.read_csv(tmp_path / "in_gates.csv").set_index(["panel", "name"])
    sums = pd.read_csv(tables[0]).set_index("label")
    for name in ("Mugi (256)", "SA-F (16)"):
        row = drawn.loc["arrays", name]
        for column in ("listed_adders", "missing_adders", "published_adders"):
            assert row[column] == pytest.approx(sums[column][name])
    assert pd.isna(drawn.loc["arrays", "SA, BF16×INT4 (16)"]["published_adders"])
    assert len(drawn.loc["units"]) == len(pd.read_csv(tables[1]))
    assert (tmp_path / "in_gates.pdf").stat().st_size > 10_000


def test_the_caption_says_what_the_areas_do():
    """That units are near the published ones and Mugi's arrays are not."""
    areas = units.read_areas()
    beside = published.beside_published(areas).set_index("unit")["open_over_published"]
    large = ["bf16_multiplier", "fifo_16x8", "fifo_16x16", "waiting_products", "systolic_pe"]
    assert beside[large].between(0.75, 1.05).all()
    sums = published.array_sums(published.arrays(areas)).set_index("label")
    over = sums.div(sums.loc["SA (16)"])
    assert over["listed_adders"]["Mugi (256)"] == pytest.approx(
        over["published_adders"]["Mugi (256)"], rel=0.15
    )
    assert over["open_adders"]["Mugi (256)"] > 1.5 * over["published_adders"]["Mugi (256)"]


def test_arrays_without_the_baseline(tables, tmp_path):
    arrays = pd.read_csv(tables[0])
    write_table(arrays[arrays["label"] != "SA (16)"], tmp_path / "arrays.csv")
    with pytest.raises(InputError, match=r"needs SA \(16\)"):
        in_gates.make([tmp_path / "arrays.csv", tables[1]], tmp_path / "in_gates")


def test_events_of_a_row(tmp_path):
    waves.make(WAVES, tmp_path / "waves")
    drawn = pd.read_csv(tmp_path / "waves.csv")
    for what in ("spike", "taken"):  # each window's 8 columns, in order, a cycle each
        for _, rows in drawn[drawn["what"] == what].groupby("window"):
            assert sorted(rows["column"]) == list(range(8))
            assert (rows["cycle"] - rows["column"]).nunique() == 1
    spikes = drawn[(drawn["what"] == "spike") & (drawn["column"] == 0)]
    assert (spikes["cycle"] - 8 * spikes["window"]).tolist() == [7, 1, 4]  # magnitudes


def test_chips_as_listed_and_as_built(tmp_path):
    table = in_gates_chips()
    write_table(table, tmp_path / "chips.csv")
    table_in_gates.make(tmp_path / "chips.csv", tmp_path / "table")
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.startswith(("| Mugi", "| SA"))]) == 24
    keys = ["preset", "model", "build", "design", "variant", "array_height"]
    rows = table.set_index(keys).sort_index().loc["as-published", "llama_2_70b_GQA"]
    listed, built = rows.loc["as listed"], rows.loc["as built"]
    mugi, figna = ("mugi", "vlp", 256), ("systolic", "figna", 16)
    assert listed.loc[mugi, "tokens_per_s"] == pytest.approx(1.39, abs=0.005)  # Table 3
    assert built["tokens_per_s"].idxmax() == mugi  # what the caption says
    assert listed["tokens_per_j"].idxmax() == mugi and built["tokens_per_j"].idxmax() == figna
    assert built.loc[mugi, "embodied_carbon_kgco2e"] > listed.loc[mugi, "embodied_carbon_kgco2e"]
    unmoved = [("carat", "", 256), ("systolic", "mac", 16)]
    assert (built.loc[unmoved] == listed.loc[unmoved]).all(axis=None)
