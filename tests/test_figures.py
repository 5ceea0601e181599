"""Table 3, Figs. 15 and 16: what is written is what is drawn, twice the same, bad input refused."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from test_carbon import made_up_runs

from mugi.carbon import carbon, load_constants
from mugi.files import read_table

FIGURES = Path(__file__).parents[1] / "figures"
sys.path.insert(0, str(FIGURES))

import fig15  # noqa: E402
import fig16  # noqa: E402
import style  # noqa: E402
import table3  # noqa: E402

from mugi.errors import InputError  # noqa: E402


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict[str, Path]:
    folder, runs = tmp_path_factory.mktemp("tables"), made_up_runs()
    paths = {name: folder / f"{name}.csv" for name in ["hardware", "carbon", "corrected"]}
    runs.to_csv(paths["hardware"], index=False)
    carbon(runs, load_constants()).to_csv(paths["carbon"], index=False)
    pd.concat([runs, runs.assign(preset="corrected")]).to_csv(paths["corrected"], index=False)
    return paths


FIGURE_TABLES = {fig15: "carbon", fig16: "corrected"}
VALUES = {fig15: "carbon_per_mugi_256", fig16: "latency_per_mugi_256"}


@pytest.fixture(scope="module")
def first(tables, tmp_path_factory) -> tuple[Path, dict]:
    """Draw both figures; return their folder and the heights of all rectangles drawn."""
    folder, heights = tmp_path_factory.mktemp("first"), {}
    with pytest.MonkeyPatch.context() as patch:
        for script, table in FIGURE_TABLES.items():
            patch.setattr(
                style.plt, "close", lambda figure, s=script: heights.update({s: tops(figure)})
            )
            script.make(tables[table], folder / script.__name__)
    return folder, heights


def tops(figure) -> list[float]:
    return sorted(patch.get_height() for axis in figure.axes for patch in axis.patches)


@pytest.mark.parametrize("script", FIGURE_TABLES)
def test_csv_is_what_is_drawn(script, first):
    folder, heights = first
    written = pd.read_csv(folder / f"{script.__name__}.csv")
    assert heights[script] == pytest.approx(sorted(written[VALUES[script]]), rel=1e-12)


def test_figures_are_the_same_bytes_twice(first, tables, tmp_path):
    for script, table in FIGURE_TABLES.items():
        script.make(tables[table], tmp_path / script.__name__)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [
        f"{f}.{suffix}" for f in ["fig15", "fig16"] for suffix in ["csv", "pdf", "png"]
    ]
    assert all((tmp_path / file).read_bytes() == (first[0] / file).read_bytes() for file in files)


def test_bars_are_over_mugi_256(tables):
    for bars in [
        fig15.shares(read_table(tables["carbon"]), "as-published", "corrected"),
        fig16.latency(read_table(tables["hardware"]), "as-published"),
    ]:
        mugi = bars[bars.bar == "M"].groupby("model")[bars.columns[-1]].sum()
        assert mugi.tolist() == pytest.approx([1.0] * 4, rel=1e-12)


def test_fig15_bars_hold_the_whole_carbon(tables):
    table = read_table(tables["carbon"])
    for accounting in ["as-published", "corrected"]:
        bars = fig15.shares(table, "as-published", accounting)
        total = table[(table.event == "total") & (table.accounting == accounting)]
        for (model, design, variant, height), bar in bars.groupby(fig15.KEYS[1:5]):
            run = total[(total.model == model) & (total.design == design) & (total.noc_rows == 1)]
            run = run[(run.variant == variant) & (run.array_height == height)]
            assert bar.carbon_kgco2e.sum() == pytest.approx(run.carbon_kgco2e.item(), rel=1e-12)


def test_table3_has_the_papers_rows_and_honest_units(tables, tmp_path):
    table3.make(tables["hardware"], tmp_path / "table3")
    table = pd.read_csv(tmp_path / "table3.csv")
    assert len(table) == 20
    assert table.name.iloc[[0, 8, 12, 13, 19]].tolist() == [
        *["Mugi (128)", "SA (64)", "Tensor (8)", "Mugi (256)", "Tensor (8)"]
    ]
    assert (table.tokens_per_s_per_mj == 100).all()
    text = (tmp_path / "table3.md").read_text(encoding="utf-8")
    assert "tokens/s/MJ" in text
    assert "tokens/s/µJ" in text.splitlines()[-1]
    row = table.iloc[1]
    assert (
        f"| SN | Mugi (256) | {row.tokens_per_s:.2f} | {row.area_mm2:.2f} | 100.00 | 3.00 |" in text
    )
    assert f"{row.tokens_per_s:.2f} & {row.area_mm2:.2f}" in (tmp_path / "table3.tex").read_text()


def test_both_presets_of_table3(tables, tmp_path):
    table3.make(tables["corrected"], tmp_path / "table3")
    assert pd.read_csv(tmp_path / "table3.csv").preset.value_counts().tolist() == [20, 20]


def test_script_is_a_command_and_names_missing_rows(tables, tmp_path):
    runs = read_table(tables["hardware"])
    runs[runs.variant != "taylor"].to_csv(tmp_path / "few.csv", index=False)
    command = [sys.executable, str(FIGURES / "fig16.py"), str(tmp_path / "few.csv"), "-o"]
    done = subprocess.run(
        [*command, str(tmp_path / "out" / "fig16")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "fig16: " in done.stderr
    assert "variant=taylor" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("script", [fig15, fig16, table3])
def test_missing_columns_and_presets_are_input_errors(script, tables, tmp_path):
    runs = read_table(tables["carbon" if script is fig15 else "hardware"])
    runs.drop(columns="model").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match="missing column 'model'"):
        script.make(tmp_path / "bad.csv", tmp_path / "out")
    number = {fig15: "carbon_kgco2e", fig16: "runtime_silu_s", table3: "area_mm2"}[script]
    runs.assign(**{number: "big"}).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match=f"line 2, {number}: 'big' is not a number"):
        script.make(tmp_path / "bad.csv", tmp_path / "out")
    runs.assign(preset="mine").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match="preset"):
        script.make(tmp_path / "bad.csv", tmp_path / "out")
    with pytest.raises(InputError, match="No such file"):
        script.make(tmp_path / "none.csv", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]
