"""Matrix products on the array: the bits of a plain product, and one product a cycle."""

from collections import deque

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.array.converter import Array
from mugi.array.gemm import gemm
from mugi.bf16 import CODES, INF_CODE, NAN_CODE, from_bf16, to_bf16
from tests.bf16_oracle import nearest_code, value_of


def bf16_sum(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum of float32 arrays that hold BF16 values, rounded to BF16 (half to even) on its bits."""
    with np.errstate(all="ignore"):
        total = (left + right).astype(np.float32)
    bits = total.view(np.uint32).astype(np.uint64)
    kept = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(total), np.float32(np.nan), kept)


def plain_gemm(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Product of float32 inputs (BF16 values) and integers by additions in BF16, k ascending."""
    multiples = [np.zeros_like(inputs)]
    for _ in range(7):
        multiples.append(bf16_sum(multiples[-1], inputs))
    result = np.zeros((len(inputs), weights.shape[1]), np.float32)
    for k, row in enumerate(weights):
        products = np.stack([multiples[abs(weight)][:, k] for weight in row], axis=1)
        result = bf16_sum(result, np.where(row < 0, -products, products))
    return result


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 20), st.integers(1, 12), st.integers(1, 30))
def test_gemm_is_the_plain_product(data, m, k, n):
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    array = Array(data.draw(st.sampled_from([8, 16])), data.draw(st.integers(1, 8)))
    inputs = to_bf16(random.normal(size=(m, k)) * np.exp2(random.integers(-8, 8, (m, k))))
    if data.draw(st.booleans()):  # any code: infinities, NaN, subnormals
        inputs = random.integers(0, 1 << 16, (m, k)).astype(np.uint16)
    weights = random.integers(-7, 8, (k, n))
    found = from_bf16(gemm(array, inputs, weights).outputs).astype(np.float32)
    expected = plain_gemm(from_bf16(inputs).astype(np.float32), weights)
    same = (found.view(np.uint32) == expected.view(np.uint32)) | (
        np.isnan(found) & np.isnan(expected)
    )
    assert same.all()


def test_products_of_one_step_are_multiples_rounded_at_each_addition():
    finite = CODES[(CODES & 0x7F80) < 0x7F00]  # 7·x may still overflow
    inputs = finite[:: len(finite) // 300][:, None]
    weights = np.arange(-7, 8)[None]
    found = gemm(Array(16), inputs, weights).outputs
    for code, row in zip(inputs[:, 0].tolist(), found.tolist(), strict=True):
        running, magnitude = [0], value_of(code & 0x7FFF)
        for _ in range(7):
            total = value_of(running[-1])
            overflown = isinstance(total, float) and total > 0
            running.append(0x7F80 if overflown else nearest_code(total + magnitude))
        for weight, product in zip(range(-7, 8), row, strict=True):
            expected = running[abs(weight)]
            negative = (weight < 0) != (code >= 0x8000) and expected
            assert product == expected | (0x8000 if negative else 0)


def test_every_nan_is_the_canonical_one():
    infinity, negative_nan = INF_CODE, NAN_CODE | 0x8000
    inputs = np.array([[infinity, infinity], [negative_nan, 0], [0, negative_nan]], np.uint16)
    weights = np.array([[1, -1, 7], [-1, 1, -7]])
    assert (gemm(Array(8), inputs, weights).outputs == NAN_CODE).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=20), st.integers(1, 8), st.integers(0, 2**9)
)
def test_adders_take_one_product_a_cycle_in_window_order(magnitudes, columns, seed):
    """A row as a queue, cycle by cycle: products come, at most one is added.

    Two output tiles follow one another, the second with fewer columns.
    """
    windows = [(m, 8) for m in magnitudes] + [(m, columns) for m in magnitudes]
    arrivals = {}
    for window, (magnitude, width) in enumerate(windows):
        for column in range(width):
            cycle = 8 * window + magnitude + column
            arrivals.setdefault(cycle, []).append((window, column, cycle))
    queue, taken, waits, cycle, depth = deque(), 0, [], 0, 0
    while taken < sum(width for _, width in windows):
        queue = deque(sorted([*queue, *arrivals.get(cycle, [])]))
        if queue:
            waits.append(cycle - queue.popleft()[2])
            taken += 1
        depth, cycle = max(depth, len(queue)), cycle + 1
    inputs = to_bf16(np.random.default_rng(seed).normal(size=(8 + columns, len(magnitudes))))
    run = gemm(Array(8), inputs, np.array(magnitudes)[:, None])
    assert run.cycles == cycle
    assert run.longest_wait_cycles == max(waits)
    assert run.activations["pe_fifo"] == np.count_nonzero(waits)
    assert depth <= run.longest_wait_cycles <= 7  # a PE FIFO has 8 entries
    assert run.overlapping == sum(max(0, m + width - 8) for m, width in windows)
