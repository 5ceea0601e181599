"""Positions of softmax with as many tiles: each is in one span, and sums equal a loop over them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.hardware import evaluate, softmax
from mugi.hardware.memory import nonlinear_offchip
from mugi.hardware.softmax_words import span_words
from mugi.hardware.spans import Spans, position_sums, spans, whole_spans
from mugi.hardware.tiling import nonlinear_tile

FITTINGS = st.sampled_from([2.0, 2.5, 5.0, 8.0, 21.3, 32.0, 64.0, 682.7])
ENDS = st.lists(st.integers(64, 3000), min_size=1, max_size=4)


def positions(found: Spans, span: int) -> np.ndarray:
    """Return the positions of a span."""
    every = np.arange(found.low[span], found.high[span] + 1)
    times = found.every[span] + found.multiples[span] * (every % found.size[span] == 0)
    assert set(times) <= {0, 1}
    return every[times == 1].astype(float)


@settings(max_examples=60, deadline=None)
@given(FITTINGS, ENDS, st.integers(0, 200))
def test_every_position_is_in_one_span(fitting, ends, first):
    last = np.array(ends)
    found = spans(np.full(len(ends), fitting), first, last)
    for run, end in enumerate(ends):
        seen = []
        for span in np.flatnonzero(found.run == run):
            inside = positions(found, span)
            tile = nonlinear_tile(inside, np.array(1.0), np.array(fitting))
            assert set(np.ceil(inside / tile)) <= {found.tiles[span]}
            seen += list(inside)
        assert sorted(seen) == list(range(first + 1, end + 1))


@settings(max_examples=40, deadline=None)
@given(FITTINGS, ENDS, st.integers(1, 999), st.integers(1, 60), st.integers(0, 99))
def test_sums_over_spans(fitting, ends, numerator, divisor, shift):
    found = spans(np.full(len(ends), fitting), 64, np.array(ends))
    each = [positions(found, span) for span in range(len(found.run))]
    ones = np.ones_like(found.run)
    floors = found.floors(numerator * ones, divisor * ones, shift * ones)
    assert list(found.positions()) == [len(x) for x in each]
    assert list(found.of_positions()) == [x.sum() for x in each]
    assert list(floors) == [((shift + numerator * x) // divisor).sum() for x in each]
    middle = (found.low + found.high) // 2
    early, late = found.between(found.low, middle), found.between(middle + 1, found.high)
    np.testing.assert_array_equal(early.positions() + late.positions(), found.positions())


@settings(max_examples=40, deadline=None)
@given(FITTINGS, ENDS, st.integers(1, 70), st.sampled_from([64, 128, 512]))
def test_words_of_spans(fitting, ends, height, width):
    """Spans cut in two, as where lines cross, included."""
    found = spans(np.full(len(ends), fitting), 64, np.array(ends))
    middle = (found.low + 2 * found.high) // 3
    found = found.between(found.low, middle).beside(found.between(middle + 1, found.high))
    found = found.pick(np.flatnonzero(found.low <= found.high))
    one = np.ones(len(found.run))
    each = [positions(found, span) for span in range(len(found.run))]
    rows, lanes = np.array(float(height)), np.array(float(height))
    expected = [
        nonlinear_offchip(rows, x, lanes, height * fitting, np.array(width))[1].sum() for x in each
    ]
    assert list(span_words(height * one, width * one, found)) == expected


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("counts", [[1], [3, 0, 2, 40_000], [5] * 70_000, list(range(300))])
def test_position_sums(counts, step):
    """Rows longer than many, many short ones, empty ones, and any mixture."""
    counts = np.array(counts)
    start, scale = np.arange(len(counts)) % 7, 1.0 + np.arange(len(counts)) % 3
    found = position_sums(lambda rows, position: scale[rows] * position, start, step, counts)
    expected = scale * (start * counts + step * (counts * (counts - 1) // 2))
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=40, deadline=None)
@given(FITTINGS, ENDS)
def test_spans_go_through_their_positions(fitting, ends):
    found = spans(np.full(len(ends), fitting), 64, np.array(ends))

    def series(some, *steps):
        return position_sums(lambda rows, position: position**2, *steps)

    expected = [(positions(found, span) ** 2).sum() for span in range(len(found.run))]
    assert list(found.sums(series)) == expected


def test_whole_spans():
    found = whole_spans(64, np.array([64, 65, 100]))
    assert list(found.positions()) == [0, 1, 36]


@pytest.mark.parametrize("seq_len", [64, 65, 4096])
def test_spans_tell_without_going_through_positions(monkeypatch, seq_len):
    """Of the published arrays, where tiles take whole words, no position is looked at."""
    runs = pd.DataFrame({"design": ["mugi", "carat", "systolic"], "array_height": [256, 128, 16]})
    runs = runs.assign(noc_rows=8, noc_cols=8, model="llama_2_70b_GQA", batch_size=8)
    monkeypatch.setattr(softmax.Matrices, "at", None)
    for preset in ("as-published", "corrected"):
        evaluate(runs.assign(preset=preset, seq_len=seq_len))
