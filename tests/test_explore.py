"""Exploration: sweeps, Pareto fronts against their definition, plots, bad input."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mugi.cli import main
from mugi.explore import DERIVED, explore_sweep, load_sweep, metrics, pareto_front
from mugi.hardware import evaluate
from mugi.hardware.model import load_model

ROOT = Path(__file__).parent.parent


GRID = {
    "design": ["mugi", "systolic"],
    "array_height": {"from": 16, "to": 64, "factor": 2},
    "model": "llama_2_7b",
    "batch_size": [1, 8],
    "seq_len": 256,
}
SHEET = {"runs": [GRID], "maximize": ["tokens_per_j"], "minimize": ["area_mm2"]}


@pytest.fixture
def sweep_of(tmp_path):
    """Return a function that writes a sweep, SHEET with changes, and returns its path."""

    def write(**changes) -> str:
        path = tmp_path / "sweep.yaml"
        path.write_text(yaml.safe_dump(SHEET | changes, sort_keys=False))
        return str(path)

    return write


@pytest.mark.parametrize("metric_count", [1, 2, 3])
def test_front_by_its_definition(metric_count):
    costs = np.random.default_rng(metric_count).integers(0, 6, (120, metric_count))
    no_worse = (costs[:, None] <= costs).all(axis=2)
    dominated = (no_worse & (costs[:, None] < costs).any(axis=2)).any(axis=0)
    assert pareto_front(costs).tolist() == (~dominated).tolist()


def test_front_is_found_within_groups_and_order_is_that_of_the_sweep(sweep_of):
    sweep = load_sweep(sweep_of(per=["design", "batch_size"]))
    table = explore_sweep(sweep=sweep)
    pd.testing.assert_frame_equal(
        table[["array_height", "batch_size"]], sweep.runs[["array_height", "batch_size"]]
    )
    for _, group in table.groupby(["design", "batch_size"]):
        costs = np.column_stack([-group.tokens_per_j, group.area_mm2])
        assert group.pareto_front.tolist() == pareto_front(costs).tolist()
    whole = explore_sweep(sweep=load_sweep(sweep_of()))
    assert 0 < whole.pareto_front.sum() < table.pareto_front.sum() < len(table)


def test_keep_front_leaves_the_others_out(sweep_of):
    table = explore_sweep(sweep=load_sweep(sweep_of()))
    kept = explore_sweep(sweep=load_sweep(sweep_of(keep="front")))
    pd.testing.assert_frame_equal(kept, table[table.pareto_front].reset_index(drop=True))


def test_results_are_those_of_evaluate_and_derived_metrics_by_hand(sweep_of):
    sweep = load_sweep(sweep_of(maximize=list(DERIVED)))
    table, plain = explore_sweep(sweep=sweep), evaluate(sweep.runs)
    pd.testing.assert_frame_equal(table[list(plain)], plain)
    row = table.iloc[0]
    assert row.tokens_per_s_per_mm2 == pytest.approx(row.tokens / row.runtime_s / row.area_mm2)
    assert row.latency_s_per_token == pytest.approx(row.batch_size / row.tokens_per_s)
    assert row.power_w == pytest.approx(row.tokens_per_s / row.tokens_per_j)
    assert row.energy_delay_j_s == pytest.approx(
        row.tokens**2 / row.tokens_per_j / row.tokens_per_s
    )
    assert {*DERIVED, "tokens_per_j", "area_mm2", "batch_size"} <= set(metrics())


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"from": 32, "to": 512, "step": 160}, [32, 192, 352, 512]),
        ({"from": 32, "to": 500, "step": 160}, [32, 192, 352]),
        ({"from": 1, "to": 256, "factor": 4}, [1, 4, 16, 64, 256]),
        ({"from": 1, "to": 1000, "factor": 10}, [1, 10, 100, 1000]),
        ({"from": 8, "to": 8, "step": 1}, [8]),
    ],
)
def test_ranges(given, values, sweep_of):
    grid = GRID | {"array_height": 64, "batch_size": given}
    runs = load_sweep(sweep_of(runs=[grid])).runs
    assert runs.batch_size.unique().tolist() == values


def test_outside_the_paper(sweep_of):
    grid = {
        "design": "mugi",
        "array_height": 1024,
        "model": ["llama_3_8b", "llama_3_70b", "llama_3_405b", "qwen_2_5_7b"],
        "batch_size": [1, 256],
        "seq_len": 131072,
        "noc_rows": [1, 16],
        "noc_cols": 16,
    }
    table = explore_sweep(sweep=load_sweep(sweep_of(runs=[grid], per="model")))
    assert len(table) == 16
    assert np.isfinite(table[metrics()]).all(axis=None)
    assert table.groupby("model").pareto_front.any().all()
    assert table.set_index("model").kv_heads.to_dict() == dict.fromkeys(table.model, 8) | {
        "qwen_2_5_7b": 4
    }


@pytest.mark.parametrize(
    ("name", "published_billions"),
    [("llama_3_8b", 8.03), ("llama_3_70b", 70.55), ("llama_3_405b", 405.85), ("qwen_2_5_7b", 7.61)],
)
def test_models_have_their_published_number_of_weights(name, published_billions):
    model = load_model(name)
    kv_dim = model.dim // model.heads * model.kv_heads
    layer = 2 * model.dim * (model.dim + kv_dim) + 3 * model.dim * model.ffn_dim
    weights = model.layers * layer + 2 * model.vocabulary * model.dim
    assert weights / 1e9 == pytest.approx(published_billions, abs=0.01)


def test_same_bytes_twice(sweep_of, tmp_path):
    odd = tmp_path / "$\\frac$.yaml"  # a formula, to matplotlib
    odd.write_bytes((ROOT / "docs" / "examples" / "lean_systolic.yaml").read_bytes())
    grid = GRID | {"design": ["mugi", str(odd)]}
    path = sweep_of(runs=[grid], maximize=["batch_size"])
    for name in ("a", "b"):
        output, stem = str(tmp_path / name / "out.csv"), str(tmp_path / name / "plot")
        assert main(["explore", path, "-o", output, "--plot", stem]) == 0
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert names == ["out.csv", "plot.csv", "plot.pdf", "plot.png"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    shown = pd.read_csv(tmp_path / "a" / "plot.csv")
    assert [chip.split()[0] for chip in shown.chip.unique()] == ["mugi", r"\$\frac\$"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"runs": "all"}, ["1: runs: must be a valid list (got 'all')"]),
        ({"runs": [GRID | {"desing": "mugi"}]}, ["unknown key 'desing' (did you mean 'design'?)"]),
        ({"runs": [GRID | {"batch_size": []}]}, ["10: runs.0.batch_size: an empty list"]),
        ({"runs": [GRID | {"batch_size": [1, [8]]}]}, ["a list holds single values"]),
        ({"runs": [GRID | {"batch_size": {"from": 1, "too": 8}}]}, ["not from, too"]),
        ({"runs": [GRID | {"batch_size": {"from": 1, "to": "x", "step": 1}}]}, ["not 'x'"]),
        ({"runs": [GRID | {"batch_size": {"from": 9, "to": 8, "step": 1}}]}, ["9 is above to 8"]),
        (
            {"runs": [GRID | {"batch_size": {"from": 1, "to": 8, "step": 0}}]},
            ["step must be above"],
        ),
        ({"runs": [GRID | {"batch_size": {"from": 0, "to": 8, "factor": 2}}]}, ["factor must be"]),
        ({"runs": [GRID | {"batch_size": {"from": 1, "to": 1e12, "step": 1}}]}, ["range of more"]),
        (
            {"maximize": ["tokens_per_jj"]},
            ["maximize: unknown metric 'tokens_per_jj'; docs/howto/"],
        ),
        (
            {"maximize": ["tokens_per_jj"], "per": "modle", "runs": [GRID | {"array_height": 20}]},
            ["array_height must be a multiple of 8", "'tokens_per_j'?", "per: unk"],
        ),
        ({"maximize": ["area_mm2"]}, ["metric 'area_mm2' is named twice"]),
        ({"maximize": None, "minimize": []}, ["must name a metric"]),
        ({"per": "modle"}, ["per: unknown column of runs 'modle' (did you mean 'model'?)"]),
        ({"keep": "fronts", "plot": 1}, ["18: keep: 'fronts' is not allow", "unknown key 'plot'"]),
        (
            {
                "runs": [
                    GRID | {"design": "mugi", "array_height": [20, 33, 64], "seq_len": [32, 256]}
                ]
            },
            [
                "seq_len must be a whole number of at least 64, not '32' (6 of 12 runs; first",
                "array_height must be a multiple of 8 (4 of 12 runs; first design mugi",
            ],
        ),
        (
            {"runs": [GRID | {"design": "mugi", "array_height": [20, 33, 64]}]},
            ["array_height must be a multiple of 8 (4 of 6 runs; first design mugi, array_h"],
        ),
        ({"minimize": None}, ["--plot needs two metrics"]),
        (
            {
                "runs": [GRID | {"batch_size": {"from": 1, "to": 17, "step": 1}}],
                "per": "batch_size",
            },
            ["per makes 17 panels, more than the 16"],
        ),
    ],
)
def test_bad_sweep_is_one_line_a_mistake_and_no_file(changes, said, sweep_of, tmp_path, capsys):
    path, output = sweep_of(**changes), tmp_path / "out.csv"
    stem = str(tmp_path / "plot")
    assert main(["explore", path, "-o", str(output), "--plot", stem]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(said)
    for line, text in zip(lines, said, strict=True):
        assert line.startswith(f"mugi explore: {path}:")
        assert text in line
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.yaml"]


def test_bad_paths_are_one_line(sweep_of, tmp_path, capsys):
    broken = tmp_path / "broken.yaml"
    broken.write_text("runs: [")
    for arguments, said in [
        ([sweep_of(), "-o", str(tmp_path / "t.csv"), "--plot", "/proc/nowhere/p"], "/proc/nowhere"),
        ([sweep_of(), "-o", "out.txt"], "'out.txt' must end in .csv or .parquet"),
        ([sweep_of(), "-o", "x.csv", "--plot", "x"], "x.csv: would be written twice"),
        (["none.yaml", "-o", "out.csv"], "none.yaml: No such file"),
        ([str(broken), "-o", "out.csv"], "not YAML"),
    ]:
        assert main(["explore", *arguments]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert said in lines[0]
    assert not (tmp_path / "t.csv").exists()
