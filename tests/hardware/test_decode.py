"""Sums over decode steps: the same bytes however they are added, and those of single positions."""

import numpy as np
import pandas as pd
import pytest

from mugi.hardware import decode, evaluate
from tests.hardware.random_runs import random_runs

RUN = {"model": "llama_2_70b_GQA", "batch_size": 8, "preset": "corrected"}
# Nonlinear events as users may write them: steps, constants, never, and routers of their own.
EVENTS = {
    "steps": "vector_nonlinear: {count: columns, cycles: 64*ceil(columns/64)}",
    "constant": "vector_nonlinear: {count: columns, cycles: 5000}",
    "never": "lump: {count: 0, cycles: 100*columns, use: {dram.read: 1}}",
    "softmax_only": "lump: {count: columns*silu, cycles: 100*columns, use: {dram.read: 1}}",
    "more_words": "orouter_mapping: {count: offchip_words + 5, hops: output_tiles}",
    "flagged_words": "orouter_mapping: {count: softmax*offchip_words, hops: output_tiles}",
    "dram_words": "orouter_mapping: {count: 2*dram_accesses, hops: output_tiles}",
}
UNEVEN = {  # nothing of these grows evenly from one row of 256 positions to the next
    "steps": "vector_nonlinear: {count: columns, cycles: 100*ceil(columns/100)}",
    "late_steps": "vector_nonlinear: {count: columns, cycles: 3000*ceil(columns/3000)}",
    "bounded": "vector_nonlinear: {count: 'min(columns, 2000)'}",
    "square": "vector_nonlinear: {count: columns, cycles: columns*columns}",
    "rounded_words": "lump: {count: ceil(offchip_words/7), use: {dram.read: 1}}",
}


def odd_runs(count: int) -> pd.DataFrame:
    """Return corrected runs of sizes that divide nothing, on many nodes and long enough."""
    rng = np.random.default_rng(4)
    runs = random_runs(count, 4).assign(preset="corrected")
    runs["array_width"] = rng.integers(3, 40, count)
    odd = runs["design"].isin(["systolic", "simd"])
    runs.loc[odd, "array_height"] = rng.integers(3, 90, odd.sum())
    runs["noc_rows"], runs["noc_cols"] = rng.integers(1, 12, (2, count))
    return runs.assign(batch_size=rng.integers(1, 99, count), seq_len=rng.integers(64, 9000, count))


def large_counts() -> pd.DataFrame:
    """Return runs of which bits times hops are more than whole numbers of 64 bits hold."""
    sizes = {"array_height": [256, 256, 8, 3], "batch_size": [10**6, 10**7, 10**6, 10**7]}
    runs = pd.DataFrame(sizes | {"design": ["mugi", "carat", "systolic", "simd"]})
    runs = runs.assign(noc_rows=64, noc_cols=8, model="llama_2_70b", preset="corrected")
    return runs.assign(seq_len=4096)


RUNS = {
    "presets": random_runs(60, 1, 0),
    "one_flip": random_runs(120, 5, 1),
    "four_flips": random_runs(60, 2, 4),
    "odd": odd_runs(40),
    "large": large_counts(),
}


@pytest.fixture
def added(monkeypatch):
    """Evaluate runs with decode steps added up in one way: literal, or compiled."""

    def evaluated(runs: pd.DataFrame, way: str) -> pd.DataFrame:
        monkeypatch.setattr(decode, "FEW", {"compiled": 0, "literal": np.inf}[way])
        return evaluate(runs)

    return evaluated


@pytest.fixture
def single_positions(monkeypatch):
    """Let every position be computed by itself."""

    def switch():
        nowhere = lambda growth, offchip: np.zeros(growth.shapes.count, bool)  # noqa: E731
        monkeypatch.setattr(decode.Growth, "_even", nowhere)

    return switch


def check(results: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare all numbers."""
    for column in expected.select_dtypes("number"):
        np.testing.assert_allclose(results[column], expected[column], rtol=1e-12, err_msg=column)


@pytest.mark.parametrize("kind", RUNS)
def test_compiled_and_literal_sums_have_the_same_bytes(added, kind):
    pd.testing.assert_frame_equal(
        added(RUNS[kind], "compiled"), added(RUNS[kind], "literal"), check_exact=True
    )


@pytest.mark.parametrize("kind", RUNS)
def test_few_positions_tell_all_others(added, single_positions, kind):
    told = added(RUNS[kind], "compiled")
    single_positions()
    check(told, added(RUNS[kind], "literal"))


def own_design(tmp_path, event: str) -> pd.DataFrame:
    """Return runs of a systolic array with an event of its own."""
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: [systolic]\nnonlinear: {{events: {{{event}}}}}\n")
    runs = odd_runs(12).assign(design=str(path), variant="mac", noc_rows=[1, 3] * 6)
    return pd.concat([runs, runs.assign(preset="as-published", array_height=16)], ignore_index=True)


@pytest.mark.parametrize("event", EVENTS)
def test_events_that_users_write(added, single_positions, tmp_path, event):
    runs = own_design(tmp_path, EVENTS[event])
    compiled = added(runs, "compiled")
    pd.testing.assert_frame_equal(compiled, added(runs, "literal"), check_exact=True)
    single_positions()
    check(compiled, added(runs, "literal"))


@pytest.mark.parametrize("event", UNEVEN)
def test_what_does_not_grow_evenly_is_computed_at_every_position(
    added, single_positions, tmp_path, event
):
    runs = own_design(tmp_path, UNEVEN[event])
    compiled = added(runs, "compiled")
    single_positions()
    expected = added(runs, "literal")
    check(compiled, expected)  # matrix products do grow evenly
    for column in ("cycles_softmax", "dynamic_energy_softmax_nj", "dram_energy_softmax_nj"):
        assert (compiled[column] == expected[column]).all(), column


def test_steps_of_100_columns_by_hand(tmp_path):
    """Cycles in steps of 100 columns on one node, the longest unit of softmax, one by one."""
    event = "vector_nonlinear: {count: columns, cycles: 100*ceil(columns/100), unit: 1000}"
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: [systolic]\nnonlinear: {{events: {{{event}}}}}\n")
    run = RUN | {"design": str(path), "array_height": 64, "preset": "as-published"}
    short, long = evaluate(pd.DataFrame([run | {"seq_len": 64}, run | {"seq_len": 5000}]))[
        "cycles_softmax"
    ]
    passes = 8 * 64 / 64  # batch times heads over lanes
    steps = sum(100 * np.ceil(passes * s / 100) for s in range(65, 5001))
    assert long - short == pytest.approx(80 * 1000 * steps, rel=1e-12)


def test_a_run_has_the_same_bytes_alone_and_in_a_table():
    """Whatever the table: other lengths of the same setup, other shapes, small or large."""
    runs = random_runs(40, 3, 2).drop_duplicates(ignore_index=True)
    lengths = pd.concat(
        [runs.head(3).assign(seq_len=n) for n in range(65, 2200, 13)], ignore_index=True
    )
    table = pd.concat([runs, lengths], ignore_index=True)
    together = evaluate(table)
    assert table["seq_len"].sum() > decode.FEW  # so that it is compiled
    for row in [*range(len(runs)), *range(len(runs), len(table), 40)]:
        alone = evaluate(table.iloc[[row]].reset_index(drop=True))
        expected = together.iloc[[row]].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_exact=True, check_dtype=False)


def test_one_long_run():
    """Rows of positions without end: 131,072 tokens against the steps of two runs."""
    run = RUN | {"design": "carat", "array_height": 128, "noc_rows": 4, "noc_cols": 4}
    lengths = [131_071, 131_072]
    first, last = evaluate(pd.DataFrame([run | {"seq_len": n} for n in lengths]))["cycles_softmax"]
    assert 0 < last - first < first / 10_000
