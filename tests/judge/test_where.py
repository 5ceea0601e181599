"""Where conclusions hold: rivals of the size that is meant, ratios of evaluated runs."""

import numpy as np
import pandas as pd
import pytest

from mugi.cli import main
from mugi.errors import InputError
from mugi.hardware import evaluate_hardware
from mugi.judge import where

FEW = {"models": ["llama_2_70b_GQA"], "batches": [8, 16], "lengths": [128, 4096]}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return where.where_it_holds(**FEW, heights=[64, 256])


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    return where.rivals(where.HEIGHTS)


def area(design: str, variant: str, height: int) -> float:
    run = {"design": design, "variant": variant, "array_height": int(height), "seq_len": 65}
    return evaluate_hardware(grids=[run | {"model": "llama_3_8b", "batch_size": 1}])["area_mm2"][0]


def test_the_papers_point_is_the_papers_comparison(table):
    paper = table[table["is_paper_point"]].set_index(["rival_kind", "metric"])
    own = paper.loc["systolic_equal_peak"]
    assert set(own["rival_design"]) == {"systolic"} and set(own["rival_array_height"]) == {16}
    assert own.loc["throughput", "ratio"] == pytest.approx(2.064, abs=0.001)
    assert own.loc["tokens_per_joule", "ratio"] == pytest.approx(1.535, abs=0.001)
    tensor = paper.loc[("tensor_core", "tokens_per_joule_with_dram")]
    assert tensor["ratio"] == pytest.approx(0.92, abs=0.005) and not tensor["holds"]


def test_ratios_are_those_of_evaluated_runs(table):
    columns = {"throughput": "tokens_per_s", "tokens_per_joule_with_dram": "tokens_per_j_with_dram"}
    rows = table[table["metric"].isin(columns)].iloc[::7]
    for row in rows.itertuples():
        point = {"model": row.model, "batch_size": row.batch_size, "seq_len": row.seq_len}
        mugi = {"design": "mugi", "array_height": row.array_height}
        rival = {name: getattr(row, f"rival_{name}") for name in where.CHIP}
        runs = evaluate_hardware(grids=[mugi | point, rival | point])
        values = runs[columns[row.metric]]
        assert row.ratio == pytest.approx(values[0] / values[1], rel=1e-12)
        assert row.holds == (row.ratio >= 1.005)
        areas = runs["area_mm2"]
        assert row.area_ratio == pytest.approx(areas[1] / areas[0], rel=1e-12)


def test_the_best_rival_counts(table):
    """No design of equal peak is better than the one that is named."""
    rows = table[(table["rival_kind"] == "equal_peak") & table["is_paper_point"]]
    ratio = rows.set_index("metric")["ratio"]
    rivals = [("systolic", "mac", 16), ("systolic", "figna", 16), ("simd", "mac", 16)]
    rivals += [("simd", "figna", 16), ("carat", "", 256), ("tensor", "", 1), ("mugi", "vlp", 256)]
    chips = pd.DataFrame(rivals, columns=where.CHIP)
    run = {"model": "llama_2_70b_GQA", "batch_size": 8, "seq_len": 4096}
    speed = evaluate_hardware(runs=chips.assign(**run))["tokens_per_s"].to_numpy()
    assert ratio["throughput"] == pytest.approx(speed[-1] / speed[:-1].max(), rel=1e-12)


def test_equal_area_is_the_largest_that_fits(pairs):
    chosen = pairs[(pairs["rival_kind"] == "equal_area") & (pairs["mugi_height"] == 256)]
    budget = area("mugi", "vlp", 256)
    assert set(chosen["design"]) == {"systolic", "simd", "carat"}  # no tensor core is so small
    for row in chosen.itertuples():
        step = 8 if row.design == "carat" else 1
        assert area(row.design, row.variant, row.array_height) <= budget
        assert area(row.design, row.variant, row.array_height + step) > budget


def test_equal_peak_is_the_nearest_size(pairs):
    chosen = pairs[pairs["rival_kind"] == "equal_peak"]
    of_256 = chosen[chosen["mugi_height"] == 256].set_index(["design", "variant"])["array_height"]
    assert of_256["systolic", "mac"] == 16 and of_256["carat", ""] == 256
    assert of_256["tensor", ""] == 1  # 16 × 16 multipliers
    of_128 = chosen[chosen["mugi_height"] == 128]
    assert set(of_128.loc[of_128["design"] != "carat", "array_height"]) == {11}  # 121, not 144
    assert "tensor" not in set(of_128["design"])


def test_rows_are_in_order_and_once(table):
    keys = ["model", "batch_size", "seq_len", "array_height", "rival_kind", "metric"]
    assert not table.duplicated(keys).any()
    assert np.all(np.diff(table["batch_size"]) >= 0)
    assert len(table) == 2 * 2 * 2 * len(where.KINDS) * len(where.METRICS)


def test_points_that_cannot_be_evaluated_are_mistakes(tmp_path, capsys):
    with pytest.raises(InputError, match="multiple of 8"):
        where.where_it_holds(**FEW, heights=[100])
    with pytest.raises(InputError, match="array_height: twice the same"):
        where.where_it_holds(**FEW, heights=[64, 64])
    path = str(tmp_path / "where.csv")
    assert main(["judge", "where", "--model", "llama_3_8c", "-o", path]) == 2
    assert "did you mean 'llama_3_8b'" in capsys.readouterr().err


def test_the_command_writes_the_table(tmp_path, table):
    path = tmp_path / "where.csv"
    sizes = ["--batch-size", "8", "16", "--seq-len", "128", "4096", "--array-height", "64", "256"]
    assert main(["judge", "where", "--model", *FEW["models"], *sizes, "-o", str(path)]) == 0
    written = pd.read_csv(path, keep_default_na=False)
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
