"""Columns, spikes and rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mugi.array import converter
from mugi.array.converter import NEVER, Array, row_signals
from mugi.array.gemm import gemm
from mugi.array.nonlinear import nonlinear
from mugi.bf16 import to_bf16
from mugi.methods import parse


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_row_carries_what_passes_each_column_when_its_spike_is_there(columns, seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 1 << 16, (3, 8, columns)).astype(np.uint16)
    times = random.integers(NEVER, 8, (3, 5))
    rows, spikes = row_signals(values, times)
    assert rows.shape == (8 + columns - 1, 3, 5)
    assert spikes == columns * np.count_nonzero(times != NEVER)
    for cycle, window, row in np.ndindex(rows.shape):
        time = times[window, row]
        inside = time != NEVER and 0 <= cycle - time < columns
        expected = values[window, time, cycle - time] if inside else 0
        assert rows[cycle, window, row] == expected


def test_result_does_not_depend_on_how_windows_are_batched(monkeypatch):
    random = np.random.default_rng(5)
    method = parse("vlp:lut=12,max_exp=3,group=64")
    codes = to_bf16(random.normal(size=(130, 9)))
    inputs, weights = to_bf16(random.normal(size=(11, 9))), random.integers(-7, 8, (9, 150))
    first = nonlinear(Array(64), method, "gelu", codes), gemm(Array(64), inputs, weights)
    monkeypatch.setattr(converter, "_ELEMENTS_AT_ONCE", 1)
    again = nonlinear(Array(64), method, "gelu", codes), gemm(Array(64), inputs, weights)
    for one, other in zip(first, again, strict=True):
        assert one.outputs.tolist() == other.outputs.tolist()
        assert (one.cycles, one.activations) == (other.cycles, other.activations)
