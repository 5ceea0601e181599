"""Closed forms over decode steps equal sums position by position."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.hardware import decode, evaluate, softmax, stepped, timing, workload
from mugi.hardware.events import gemm_features
from mugi.hardware.floors import floor_sum, fraction
from mugi.hardware.series import ONES, POSITIONS, ROW, Series, Table
from mugi.hardware.steps import Runs, whole
from tests.hardware.random_runs import random_runs


class Literal(softmax.Matrices):
    """Softmax matrices summed position by position."""

    def sums(self, width, tiled, words, runs):
        def values(row, profile):
            _, words, dram_words = self.at(row, profile)
            return dram_words if np.ndim(width) == 0 else words

        return runs.by_row(lambda rows: rows.by_position(values))[:, None]


def alone(chunk, name):
    """Return the features of qkt or av, every profile looked at by itself."""
    sizes = workload.stepped_gemm(name, chunk.sizes, POSITIONS)
    return gemm_features(*sizes, chunk.design, chunk.symbols, chunk.assumptions)


def counts(self, series):
    values = lambda row, profile: whole(series.at(row, profile))  # noqa: E731
    return self.by_row(lambda rows: rows.by_position(values))


def busiest(self, row, profile, features=None):
    """Return the longest of the units' durations, each event by itself."""
    found = [
        sum(
            features["offchip_words"]
            if name in self.bounds
            else timing.effective(
                *(np.asarray(x[name].at(row, profile)) for x in (self.counts, self.cycles))
            )
            for name in names
        )
        for names in self.units.values()
    ]
    return np.max(np.broadcast_arrays(*found), axis=0)


@pytest.fixture
def position_by_position(monkeypatch):
    """Switch off every closed form, and what profiles share."""

    def nowhere(self, *_):
        return np.zeros(self.chunk.profiles, dtype=bool)

    def leading(self):
        alive = np.ones((len(self.units), self.chunk.profiles), dtype=bool)
        return alive, nowhere(self), nowhere(self)

    def untold(operation, matrices, spans, dram_bytes, runs):
        return np.zeros(len(runs.profile)), np.ones(len(runs.profile), dtype=bool)

    def unrouted(event, count, matrices, chunk, spans, words, runs):
        return np.full(len(runs.profile), np.nan)

    def switch():
        monkeypatch.setattr(Runs, "counts", counts)
        monkeypatch.setattr(Table, "stride", property(lambda self: np.zeros(len(self.start))))
        literal = {"_leading": leading, "divides": nowhere, "even": nowhere, "busy": busiest}
        for name, value in literal.items():
            monkeypatch.setattr(stepped.Stepped, name, value)
        monkeypatch.setattr(stepped.Stepped, "_bound", lambda self, _: (nowhere(self),) * 2)
        rows = lambda self, rows: rows.by_position(self.values)  # noqa: E731
        monkeypatch.setattr(stepped.Stepped, "_rows", rows)
        monkeypatch.setattr(decode, "shape_features", alone)
        monkeypatch.setattr(softmax, "span_cycles", untold)
        monkeypatch.setattr(softmax, "span_hops", unrouted)
        monkeypatch.setattr(softmax, "Matrices", Literal)

    return switch


def odd_runs(count: int) -> pd.DataFrame:
    """Return corrected runs of sizes that divide nothing, on many nodes and long enough."""
    rng = np.random.default_rng(4)
    runs = random_runs(count, 4).assign(preset="corrected")
    runs["array_width"] = rng.integers(3, 40, count)
    odd = runs["design"].isin(["systolic", "simd"])
    runs.loc[odd, "array_height"] = rng.integers(3, 90, odd.sum())
    runs["noc_rows"], runs["noc_cols"] = rng.integers(1, 12, (2, count))
    return runs.assign(batch_size=rng.integers(1, 99, count), seq_len=rng.integers(64, 9000, count))


@pytest.mark.parametrize(
    "runs",
    [random_runs(100, 1, 0), random_runs(60, 2, 4), random_runs(60, 5, 1), odd_runs(40)],
    ids=["presets", "four_flips", "one_flip", "odd"],
)
def test_closed_forms(position_by_position, runs):
    closed = evaluate(runs)
    position_by_position()
    summed = evaluate(runs)
    for column in summed.select_dtypes("number"):
        np.testing.assert_allclose(closed[column], summed[column], rtol=1e-12, err_msg=column)


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


@pytest.mark.parametrize("event", EVENTS)
def test_closed_forms_of_other_events(position_by_position, tmp_path, event):
    design = tmp_path / "own.yaml"
    design.write_text(f"extends: [systolic]\nnonlinear: {{events: {{{EVENTS[event]}}}}}\n")
    runs = odd_runs(12).assign(design=str(design), variant="mac", noc_rows=[1, 3] * 6)
    runs = pd.concat([runs, runs.assign(preset="as-published", array_height=16)])
    closed = evaluate(runs)
    position_by_position()
    summed = evaluate(runs)
    assert np.isfinite(summed["total_energy_j"]).all()
    for column in summed.select_dtypes("number"):
        np.testing.assert_allclose(closed[column], summed[column], rtol=1e-12, err_msg=column)


def test_large_counts_stay_exact(position_by_position):
    """Bits times hops, summed over positions, are more than whole numbers of 64 bits hold."""
    sizes = {"array_height": [256, 256, 8, 3], "batch_size": [10**6, 10**7, 10**6, 10**7]}
    runs = pd.DataFrame(sizes | {"design": ["mugi", "carat", "systolic", "simd"]})
    runs = runs.assign(noc_rows=64, noc_cols=8, model="llama_2_70b", seq_len=4096)
    runs = runs.assign(preset="corrected")
    closed = evaluate(runs)
    position_by_position()
    summed = evaluate(runs)
    for column in ("dynamic_energy_softmax_nj", "cycles_softmax", "dynamic_energy_nj"):
        np.testing.assert_allclose(closed[column], summed[column], rtol=1e-11, err_msg=column)


LENGTHS = np.array([64, 65, 256, 257, 300, 512, 1000])


@settings(max_examples=40, deadline=None)
@given(
    stride=st.integers(1, 300),
    scale=st.one_of(
        st.builds(lambda n, d: n / d, st.integers(1, 10**6), st.integers(1, 9999)),
        st.floats(1e-3, 1e6),
        st.integers(0, 10**6).map(float),
    ),
    bump=st.sampled_from([0.0, 1.0, 0.25]),
    bent=st.booleans(),
)
def test_rounded_sums(stride, scale, bump, bent):
    """Against a loop over positions: strides, bends, whole and periodic values, anything else."""
    position = POSITIONS[:, :ROW]
    steps = np.ceil(position / stride) + bump * (position > 100)
    rise = steps[:, -1:] * (bump != 0.25) + bump
    if bent:
        steps, rise = np.maximum(position / stride, 1), np.array([[ROW / stride]])
    table = Table(steps, rise)
    series = Series([(np.array([scale]), table)], 1)
    runs = Runs(np.zeros(len(LENGTHS), int), LENGTHS, 64)
    position = np.arange(65, 1001)
    each = scale * (
        np.broadcast_to(table.start, (1, ROW))[0, (position - 1) % ROW]
        + (position - 1) // ROW * table.slope[0, 0]
    )
    expected = [each[: length - 64].sum() for length in LENGTHS]
    np.testing.assert_allclose(runs.closed(series), expected, rtol=1e-12)
    expected = [whole(each[: length - 64]).sum() for length in LENGTHS]
    np.testing.assert_array_equal(runs.counts(series), expected)


@given(st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**4))
def test_floor_sum(count, first, step, divisor):
    expected = sum((first + step * i) // divisor for i in range(count))
    assert list(floor_sum(np.array([count]), first, step, divisor)) == [expected]


@given(st.integers(1, 10**9), st.integers(1, 30_000))
def test_fraction(numerator, denominator):
    shared = np.gcd(numerator, denominator)
    found = fraction(np.array([numerator / denominator]))
    assert [int(x[0]) for x in found] == [numerator // shared, denominator // shared]


def test_series_do_arithmetic():
    """Like arrays at all positions: shared tables where they can be, new ones elsewhere."""
    rng = np.random.default_rng(0)
    key, scale = np.array([0, 1, 0]), rng.random((3, 1))
    table = Table.through(np.cumsum(rng.random((2, ROW + 1)), axis=1), key)
    series, array = Series([(scale, table)], 3), scale * np.asarray(Series([(1.0, table)], 3))
    for function in (
        lambda x: x * 3 / scale,
        lambda x: scale - 2 * x + x,
        lambda x: -x + 0 * np.ceil(x),
        lambda x: np.maximum(x, 1.0) * x,
        lambda x: np.where(x > 2, x, scale),
    ):
        np.testing.assert_allclose(np.asarray(Series.of(function(series), 3)), function(array))
    assert (series * 2 + series).terms[0][1] is table
    assert (series * 0 + 1).terms[0][1] is ONES
    with np.errstate(divide="ignore"):
        assert not np.isfinite(np.sum(series / 0.0))


def test_one_long_run_equals_the_same_run_beside_shorter_ones():
    runs = random_runs(20, 3)
    longer = runs.assign(seq_len=4096)
    together = evaluate(pd.concat([runs, longer], ignore_index=True)).tail(len(runs))
    alone = evaluate(longer)
    np.testing.assert_allclose(together["cycles"], alone["cycles"], rtol=1e-14)
    np.testing.assert_allclose(
        together["dynamic_energy_nj"], alone["dynamic_energy_nj"], rtol=1e-14
    )


def test_sums_of_none_or_of_very_large_numbers():
    large = 4337123290942646762
    assert list(floor_sum([0, 1, 2], large, 5, 23)) == [
        0,
        large // 23,
        large // 23 + (large + 5) // 23,
    ]
    position = POSITIONS[:, :ROW]
    table = Table(np.maximum(position / 3, 1), np.array([[ROW / 3]]))
    series = Series([(np.array([1e13 / 9]), table)], 1)
    (found,) = Runs(np.zeros(1, int), np.array([100_000]), 0).counts(series)
    s = np.arange(100_000)
    within = np.maximum(s % ROW + 1, 3) + ROW * (s // ROW)
    assert found == pytest.approx(np.floor(1e13 / 27 * within).sum(), rel=1e-12)
