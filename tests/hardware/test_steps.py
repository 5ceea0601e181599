"""Closed forms over decode steps equal sums position by position."""

import numpy as np
import pandas as pd
import pytest
from random_runs import random_runs

from mugi.hardware import decode, evaluate, stepped
from mugi.hardware.memory import nonlinear_offchip
from mugi.hardware.steps import ROW, Line, Runs, whole


class Literal(decode.Matrices):
    """Softmax matrices cut one by one, and summed position by position."""

    def __init__(self, chunk, rows):
        self.chunk, self.height = chunk, rows

    def offchip(self, row, chosen):
        symbols = self.chunk.take(chosen)
        return nonlinear_offchip(
            self.height[chosen],
            ROW * row + np.arange(1.0, ROW + 1),
            symbols["lanes"],
            symbols["nonlinear_elements"],
            symbols["o_width"],
        )

    def sums(self, runs):
        everyone = np.ones(len(self.height), dtype=bool)
        _, found = runs.by_row(lambda row, chosen: list(self.offchip(row, chosen)[1:]), everyone)
        return [sums[:, None] for sums in found]


@pytest.fixture
def position_by_position(monkeypatch):
    """Switch off every closed form, and what profiles share."""

    def counts(self, line):
        everyone = np.ones(len(line.start), dtype=bool)
        _, (sums,) = self.by_row(lambda row, chosen: [whole(line.at(row, chosen))], everyone)
        return sums

    def nowhere(values, rows):
        return np.zeros(len(rows[3]), dtype=bool)

    def switch():
        monkeypatch.setattr(Runs, "counts", counts)
        monkeypatch.setattr(stepped, "_on_chord", nowhere)
        monkeypatch.setattr(stepped.Stepped, "_leading", lambda self: list(self.cycles))
        monkeypatch.setattr(decode, "Matrices", Literal)
        never = lambda self, tiles: np.zeros(self.chunk.profiles, dtype=bool)  # noqa: E731
        monkeypatch.setattr(stepped.Stepped, "divides", never)

    return switch


@pytest.mark.parametrize(("seed", "flips"), [(1, 0), (2, 4), (5, 1)])
def test_closed_forms(position_by_position, seed, flips):
    runs = random_runs(120, seed, flips)
    closed = evaluate(runs)
    position_by_position()
    summed = evaluate(runs)
    for column in summed.select_dtypes("number"):
        np.testing.assert_allclose(closed[column], summed[column], rtol=1e-12, err_msg=column)


def test_runs_sum_the_positions_they_decode():
    """Against a plain loop over positions, for whole rows, parts of rows and none."""
    lengths = np.array([64, 65, 256, 257, 300, 512, 1000])
    profile = np.array([0, 1, 0, 1, 0, 1, 0])
    line = Line(np.random.default_rng(0).random((2, 256)) * 9, np.array([[0.7], [3.0]]))
    runs = Runs(profile, lengths, 64)
    value = lambda p, s: line.start[p, (s - 1) % 256] + (s - 1) // 256 * line.slope[p, 0]  # noqa: E731
    spans = [(p, range(65, length + 1)) for p, length in zip(profile, lengths, strict=True)]
    expected = [sum(value(p, s) for s in span) for p, span in spans]
    np.testing.assert_allclose(runs.closed(line), expected, rtol=1e-13)
    expected = [sum(np.floor(value(p, s) + 1e-6) for s in span) for p, span in spans]
    np.testing.assert_array_equal(runs.counts(line), expected)


def test_one_long_run_equals_the_same_run_beside_shorter_ones():
    runs = random_runs(20, 3)
    longer = runs.assign(seq_len=4096)
    together = evaluate(pd.concat([runs, longer], ignore_index=True)).tail(len(runs))
    alone = evaluate(longer)
    np.testing.assert_allclose(together["cycles"], alone["cycles"], rtol=1e-14)
    np.testing.assert_allclose(
        together["dynamic_energy_nj"], alone["dynamic_energy_nj"], rtol=1e-14
    )
