"""What must hold of any run: partitions, signs, monotony, scaling, independence of order."""

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.hardware import breakdown, evaluate
from mugi.hardware.workload import GROUPS
from tests.hardware.random_runs import random_runs

RUNS = {
    "design": "mugi",
    "array_height": 128,
    "model": "llama_2_7b",
    "batch_size": 2,
    "seq_len": 300,
}
seeds = st.integers(0, 10_000)
few = settings(max_examples=5, deadline=None)


def one(**changes) -> pd.Series:
    return evaluate(pd.DataFrame([RUNS | changes])).iloc[0]


@few
@given(seeds)
def test_breakdowns_are_partitions(seed):
    runs = random_runs(8, seed, flips=2).assign(row=range(8))
    results, parts = evaluate(runs), breakdown(runs)
    start = (parts["component"] == "isram").cumsum() - 1
    chip = parts[parts["level"] != "dram"].groupby(start)
    for column in ("area_mm2", "leakage_mw", "dynamic_energy_nj"):
        np.testing.assert_allclose(chip[column].sum(), results[column], rtol=1e-12)
    for level in ("array", "sram", "router"):
        areas = parts[parts["level"] == level].groupby(start)["area_mm2"].sum()
        areas = areas.reindex(range(8), fill_value=0)
        np.testing.assert_allclose(areas, results[f"area_{level}_mm2"], rtol=1e-12)
    for group in GROUPS:
        column = f"dynamic_energy_{group}_nj"
        np.testing.assert_allclose(chip[column].sum(), results[column], rtol=1e-12)
    groups = [f"dynamic_energy_{group}_nj" for group in GROUPS]
    np.testing.assert_allclose(parts[groups].sum(axis=1), parts["dynamic_energy_nj"], rtol=1e-12)
    assert not pd.DataFrame({"run": start, "component": parts["component"]}).duplicated().any()


@few
@given(seeds)
def test_costs_are_positive_and_groups_add_up(seed):
    runs = random_runs(20, seed, flips=1)
    results = evaluate(runs)
    numbers = results[results.columns.difference([*runs.columns, "technology"])].to_numpy(float)
    assert np.isfinite(numbers).all() and (numbers >= 0).all()
    energy = sum(results[f"dynamic_energy_{group}_nj"] for group in GROUPS)
    np.testing.assert_allclose(energy, results["dynamic_energy_nj"], rtol=1e-12)
    cycles = sum(results[f"cycles_{group}"] for group in GROUPS)
    longer = results.get("assumption.dram_time", "") == "whole_run"
    assert ((results["cycles"] <= cycles * (1 + 1e-12)) | longer).all()
    areas = results["area_array_mm2"] + results["area_sram_mm2"] + results["area_router_mm2"]
    np.testing.assert_allclose(areas, results["area_mm2"], rtol=1e-12)


@few
@given(seeds)
def test_order_of_runs_does_not_matter(seed):
    runs = random_runs(15, seed, flips=1)
    order = np.random.default_rng(seed).permutation(len(runs))
    shuffled = evaluate(runs.iloc[order].reset_index(drop=True))
    straight = evaluate(runs).iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(shuffled, straight, rtol=1e-13)


@few
@given(seeds)
def test_more_work_never_takes_less_time_or_energy(seed):
    runs = random_runs(10, seed)
    base = evaluate(runs)
    for column, factor in (("seq_len", 2), ("batch_size", 2)):
        more = evaluate(runs.assign(**{column: runs[column] * factor}))
        for result in ("cycles", "dynamic_energy_nj", "dram_energy_nj"):
            assert (more[result] >= base[result] * (1 - 1e-12)).all(), (column, result)


@pytest.mark.parametrize("preset", ["as-published", "corrected"])
def test_doubling_layers_doubles_layer_costs(tmp_path, preset):
    model = {"dim": 512, "heads": 8, "kv_heads": 4, "ffn_dim": 1408, "vocabulary": 1000}
    found = []
    for layers in (3, 6):
        path = tmp_path / f"{layers}.yaml"
        path.write_text(yaml.safe_dump(model | {"layers": layers}))
        found.append(one(model=str(path), preset=preset))
    for group in GROUPS:
        factor = 1 if group == "output" else 2
        for column in (f"cycles_{group}", f"dynamic_energy_{group}_nj", f"dram_energy_{group}_nj"):
            assert found[1][column] == pytest.approx(factor * found[0][column], rel=1e-14)


def test_seq_len_of_the_prefill_decodes_nothing():
    result = one(seq_len=64, **{"assumption.decode_steps": "sequence"})
    longer = one(seq_len=65, **{"assumption.decode_steps": "sequence"})
    assert 0 < result["cycles_attention"] < longer["cycles_attention"]
    assert result["cycles_ffn"] < longer["cycles_ffn"]


def test_defaults_and_carried_columns():
    result = one(note="kept", kv_heads="", noc_rows=None)
    assert result["note"] == "kept" and result["variant"] == "vlp" and result["nodes"] == 1
    assert (result["kv_heads"], result["array_width"]) == (32, 8)
    assert one(design="tensor", array_height=8)["array_width"] == 16
    assert one(design="systolic", array_height=32)["array_width"] == 32
    assert not result["sram_fitted"] and one(array_height=4096)["sram_fitted"]
    marks = [one(array_height=height)["sram_extrapolated"] for height in (256, 512, 4096)]
    assert marks == [False, False, True]  # of 8,192 bits
