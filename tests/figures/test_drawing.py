"""What figures write is what they draw; what they cannot draw is told in a line."""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from figures import fig14
from figures.runs import pick
from mugi.errors import InputError
from mugi.files import read_table, write_table
from tests.figures.tables import ROOT, SCRIPTS, default_tables, draw, hardware

# figures of bars alone -> where their heights are in the CSV, and which rows are not drawn
STACKED = {"fig15": "carbon_per_mugi_256", "fig16": "latency_per_mugi_256"}


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, dict]:
    """Draw everything; return the folder and bottom and height of all rectangles by script."""
    folder, bars, drawn = tmp_path_factory.mktemp("first"), {}, []
    with pytest.MonkeyPatch.context() as patch:
        close = plt.close
        patch.setattr(plt, "close", drawn.append)
        for script in SCRIPTS:
            draw(script, folder)
            if drawn:
                patches = [patch for axis in drawn[0].axes for patch in axis.patches]
                bars[script] = [(patch.get_y(), patch.get_height()) for patch in patches]
                close(drawn.pop())
    return folder, bars


@pytest.mark.parametrize("script", STACKED)
def test_csv_is_what_is_drawn(script, first):
    folder, bars = first
    written = pd.read_csv(folder / f"{script}.csv")
    heights = sorted(height for _, height in bars[script])
    assert heights == pytest.approx(sorted(written[STACKED[script]]), rel=1e-12)


@pytest.mark.parametrize("script", ["fig11", "fig12", "fig17"])
def test_every_bar_is_in_the_csv(script, first):
    folder, bars = first
    written = pd.read_csv(folder / f"{script}.csv").filter(like="_ratio")
    known = set(written.to_numpy().ravel().round(9))
    drawn = [(bottom, bottom + height) for bottom, height in bars[script] if height == height]
    assert drawn
    assert {bottom for bottom, _ in drawn} == {1}
    assert {round(top, 9) for _, top in drawn} <= known


@pytest.mark.parametrize("name", [name for name in SCRIPTS if not name.startswith("table")])
def test_a_figure_is_no_wider_than_a_page_can_show(name, first):
    width, _ = plt.imread(first[0] / f"{name}.png").shape[1::-1]
    assert 900 < width <= 2400


def test_every_file_is_there_and_every_column_has_a_unit_or_is_plain(first):
    folder, _ = first
    kinds = {True: ["csv", "md", "tex"], False: ["csv", "pdf", "png"]}
    files = [f"{name}.{kind}" for name in SCRIPTS for kind in kinds[name.startswith("table")]]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    for path in folder.glob("*.csv"):
        assert b"\r" not in path.read_bytes()
        assert not pd.read_csv(path).columns.str.contains("energy$|power$|runtime$|area$").any()


@pytest.mark.slow
@pytest.mark.parametrize("script", ["fig13", "roofline", "table2"])
def test_figures_are_the_same_bytes_twice(script, first, tmp_path):
    draw(script, tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (first[0] / path.name).read_bytes(), path.name


def test_one_preset_is_enough(tmp_path):
    """The corrected panels are left out, and nothing else changes."""
    tables = {}
    for name, path in default_tables().items():
        table = read_table(path)
        table = table[table["preset"] == "as-published"]
        write_table(table, tmp_path / f"{name}.csv")
        tables[name] = tmp_path / f"{name}.csv"
    for script in ["fig13", "table3"]:
        written = pd.read_csv(f"{draw(script, tmp_path / 'out', tables)}.csv")
        assert set(written["preset"]) == {"as-published"}


def test_script_is_a_command_and_names_missing_rows(tmp_path):
    runs = hardware()
    write_table(runs[runs.variant != "taylor"], tmp_path / "few.csv")
    command = [sys.executable, "-m", "figures.fig16", str(tmp_path / "few.csv"), "-o"]
    done = subprocess.run(
        [*command, str(tmp_path / "out" / "fig16")], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert "fig16: " in done.stderr
    assert "variant=taylor" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_many_missing_rows_are_ten_lines(tmp_path):
    runs = hardware()
    write_table(runs[runs.seq_len == 4096], tmp_path / "few.csv")
    with pytest.raises(InputError) as error:
        fig14.make(tmp_path / "few.csv", tmp_path / "out")
    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert "and 2150 more like these" in lines[-1]


def test_rows_that_are_there_twice_are_named():
    keys = {"design": "mugi", "variant": "vlp", "array_height": 256, "seq_len": 4096}
    with pytest.raises(InputError, match=r"rows with design=mugi, .*; exactly one"):
        pick(hardware(), [keys])


NUMBER = {"fig15": "carbon_kgco2e", "table1": None, "table2": "leakage_mw", "table3": "area_mm2"}
NUMBER |= {"fig14": "tokens_per_j", "roofline": "dram_bytes", "fig13": "leakage_mw"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_missing_columns_and_presets_are_input_errors(script, tmp_path):
    tables = dict(default_tables())
    kind = SCRIPTS[script]
    runs = read_table(tables[kind])
    tables[kind] = tmp_path / f"{kind}.csv"

    def refused(table: pd.DataFrame, said: str) -> None:
        write_table(table, tables[kind])
        with pytest.raises(InputError, match=said):
            draw(script, tmp_path, tables)

    refused(runs.drop(columns="model"), "missing column 'model'")
    number = NUMBER.get(script, "runtime_silu_s")
    if number:
        refused(runs.assign(**{number: "big"}), f"line 2, {number}: 'big' is not a number")
    if script not in ["table1", "fig13"]:
        refused(runs.assign(preset="mine"), "preset")
    tables[kind] = tmp_path / "none" / f"{kind}.csv"
    with pytest.raises(InputError, match="No such file"):
        draw(script, tmp_path, tables)
    assert [path.name for path in tmp_path.iterdir()] == [f"{kind}.csv"]
