"""Designs that are not in the paper stand beside those that are, in every figure."""

from importlib import import_module

import pandas as pd
import pytest

from figures.runs import chip_name
from mugi.files import read_table, write_table
from mugi.hardware import evaluate, expand
from tests.figures.tables import ROOT, SCRIPTS, default_tables, draw

OWN = "my/lean_systolic.yaml"
ALIKE = ["fig12", "fig14", "fig16"]  # drawn as fig11, fig17 and fig15 are
DRAWN = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE))
    for name in SCRIPTS
    if name not in ["table1", "table2"]  # a table of models; its own test below
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict:
    """The default tables, with another design that was run as SA (16) and SA-F (16) were."""
    folder, tables = tmp_path_factory.mktemp("own"), {}
    for name, path in default_tables().items():
        table = read_table(path)
        like = table[(table["design"] == "systolic") & table["variant"].isin(["mac", "figna"])]
        like = like[like["array_height"] == 16]
        write_table(pd.concat([table, like.assign(design=OWN)]), folder / f"{name}.csv")
        tables[name] = folder / f"{name}.csv"
    return tables


@pytest.mark.parametrize("name", DRAWN)
def test_another_design_is_drawn_with_the_numbers_of_the_one_it_equals(
    name, tables, tmp_path, monkeypatch
):
    monkeypatch.setattr("figures.output.pictures", lambda figure: {})  # drawn, not rendered
    drawn = read_table(draw(name, tmp_path, tables).with_suffix(".csv"))
    of_both = drawn[drawn["variant"] == ("figna" if name == "fig13" else "mac")]
    of_both = of_both[of_both["array_height"] == 16]
    numbers = [column for column in of_both.select_dtypes("number") if "bound" not in column]
    numbers = of_both[numbers].drop(columns="peak_gop_per_s", errors="ignore").round(9)
    own, alike = (
        set(map(tuple, numbers[of_both["design"] == design].to_numpy()))
        for design in [OWN, "systolic"]
    )
    assert alike <= own


def test_a_design_that_was_not_run_on_all_is_left_out_and_told(tables, tmp_path, capsys):
    table = read_table(tables["hardware"])
    few = table[(table["design"] != OWN) | (table["model"] == "llama_2_7b")]
    write_table(few, tmp_path / "few.csv")
    fig12 = import_module("figures.fig12")
    fig12.make(tmp_path / "few.csv", tmp_path / "fig12")
    assert OWN not in set(read_table(tmp_path / "fig12.csv")["design"])
    said = capsys.readouterr().err
    assert "lean_systolic mac (16), as-published, is not drawn: 0 rows with" in said
    assert "model=llama_2_13b" in said


def test_table2_has_another_design(tmp_path):
    run = {"variant": "mac", "array_height": 16, "model": "llama_2_7b", "batch_size": 8}
    designs = ["systolic", str(ROOT / "docs" / "examples" / "lean_systolic.yaml")]
    runs = expand([run | {"design": designs, "seq_len": 4096}])
    write_table(evaluate(runs), tmp_path / "runs.csv")
    table2 = import_module("figures.table2")
    table2.make(tmp_path / "runs.csv", tmp_path / "table2")
    table = read_table(tmp_path / "table2.csv")
    assert table["macs_per_cycle"].tolist() == [256, 256]
    assert "lean_systolic mac" in (tmp_path / "table2.md").read_text(encoding="utf-8")


def test_names_of_chips():
    assert chip_name("mugi", "vlp", 256) == "Mugi (256)"
    assert chip_name("systolic", "figna", 16, 8, 8) == "SA-F (16) 8×8"
    assert chip_name("a/b/mine.yaml", "", 32, 1, 1) == "mine (32)"
