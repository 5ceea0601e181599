"""The simulated array: same bits as tables and plain references, same cycles as the cost model."""

import argparse
import sys
from collections import deque
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.array import converter, simulate, trace
from mugi.array.charge import CostModel
from mugi.array.converter import NEVER, Array, row_signals
from mugi.array.gemm import gemm
from mugi.array.nonlinear import BOTH_SIGNS, NEGATIVE, decode, nonlinear, post_process, subscribe
from mugi.array.softmax import sequential_sum, softmax
from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.cli import main
from mugi.errors import InputError
from mugi.llm.emulate import TableAttention
from mugi.methods import FUNCTIONS, parse
from mugi.methods.tables import look_up
from mugi.methods.vlp import VLP
from tests.bf16_oracle import nearest_code, value_of

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))

import fig02
import fig10

MASKED = 0xFF80


# --- columns, spikes and rows -------------------------------------------------------------------


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


# --- nonlinear operations -----------------------------------------------------------------------

METHODS = [
    "vlp:lut=12,max_exp=3",
    "vlp:lut=12,min_exp=-7,underflow=keep,zeros=count",
    "vlp:lut=10,max_exp=2,overflow=saturate,underflow=zero",
    "vlp:lut=9,min_exp=-4,overflow=saturate,mantissa=2,window=5",
    "vlp:lut=8,max_exp=4,underflow=keep,mantissa=1",
    "vlp:lut=6,window=5,max_exp=3,adapt=2,leak=3,mantissa=4",
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("text", METHODS)
def test_every_input_at_every_window_position_is_the_tables_entry(text, function):
    method = parse(text)
    codes = CODES.reshape(256, 256)
    used = np.ones(codes.shape, dtype=bool)
    windows = method.windows(function)
    for window, table in zip(windows, method.stack(function).tables, strict=True):
        lows = np.repeat([[window.low], [window.lut_low]], len(codes), axis=1)
        mapped = decode(method, function, codes, used, used, 1, lows)
        selected, _ = subscribe(method, function, mapped, BOTH_SIGNS)
        found = post_process(method, function, mapped, selected)
        np.testing.assert_array_equal(found, table[codes], f"{window}")


@st.composite
def methods(draw, height) -> VLP:
    lut = draw(st.integers(1, 14))
    anchor = draw(st.sampled_from(["max_exp", "min_exp"]))
    return VLP(
        lut=lut,
        window=draw(st.integers(1, min(lut, 8))),
        **{anchor: draw(st.integers(-12, 12))},
        adapt=draw(st.sampled_from([0, 1, 16])) if anchor == "max_exp" else 0,
        leak=draw(st.sampled_from([1, 2, 7, 1024])),
        mantissa=draw(st.integers(1, 7)),
        group=height,
        zeros=draw(st.sampled_from(["skip", "count"])),
        overflow=draw(st.sampled_from(["flush", "saturate"])),
        underflow=draw(st.sampled_from(["clamp", "keep", "zero"])),
    )


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from([8, 16, 64]), st.sampled_from(sorted(FUNCTIONS)))
def test_random_groups_are_looked_up(data, height, function):
    method = data.draw(methods(height))
    shape = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 9))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes = to_bf16(random.normal(size=shape) * np.exp2(random.integers(-12, 12, (1, shape[1]))))
    codes[random.random(shape) < 0.1] = 0
    odd = random.random(shape) < data.draw(st.sampled_from([0, 0.02]))
    codes[odd] = random.integers(0, 1 << 16, odd.sum())  # infinities, NaN, huge, tiny
    valid = random.random(shape) < 0.9
    run = nonlinear(Array(height), method, function, codes, valid)
    expected = look_up(method.stack(function), codes, valid)
    np.testing.assert_array_equal(run.outputs, expected)
    assert run.mappings == shape[1] * -(-shape[0] // height)
    assert run.activations["temporal_register"] == method.sliding_window * codes.size


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("text", METHODS)
def test_groups_place_the_window_at_their_extreme_exponent(text, function):
    method = parse(text).model_copy(update={"group": 16})
    random = np.random.default_rng(7)
    codes = to_bf16(random.normal(size=(90, 40)) * np.exp2(random.integers(-12, 7, (1, 40))))
    codes[random.random(codes.shape) < 0.1] = 0
    codes[:, 0] = 0
    valid = random.random(codes.shape) < 0.9
    valid[:40, 1] = False  # groups without a valid input, and one half of them
    run = nonlinear(Array(16), method, function, codes, valid)
    np.testing.assert_array_equal(run.outputs, look_up(method.stack(function), codes, valid))


@pytest.mark.parametrize("mantissa, cycles", [(1, 8), (3, 8), (4, 16), (7, 128)])
def test_a_sweep_takes_a_cycle_for_each_mantissa(mantissa, cycles):
    """Shorter mantissas leave cycles of the 3-bit counter idle."""
    method = parse(f"vlp:lut=8,max_exp=3,group=8,mantissa={mantissa}")
    largest = to_bf16(np.array(-8 * (2 - 2.0**-mantissa)))
    codes = np.full((8, 5), largest, dtype=np.uint16)
    run = nonlinear(Array(8), method, "exp", codes, signs=NEGATIVE)
    assert run.mappings == 5
    assert run.cycles == cycles * 4 + 2**mantissa + 7  # the last count, in the last column
    assert run.activations["counter"] == cycles * 5


def test_loads_of_an_adaptive_lut_are_counted_in_exponents():
    method = parse("vlp:lut=8,max_exp=3,adapt=6,leak=1,group=8")
    codes = np.tile(to_bf16(-(2.0 ** np.array([1, 0, -1, 3, 3, -2]))), (16, 1))
    run = nonlinear(Array(8), method, "exp", codes, signs=NEGATIVE)
    assert run.lut_loads == 2 * (1 + 1 + 4 + 0 + 1)  # of two tiles; a fall of one at a time
    fixed = nonlinear(Array(8), method.model_copy(update={"adapt": 0}), "exp", codes)
    assert fixed.lut_loads == 0


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


# --- softmax ------------------------------------------------------------------------------------


def rounded(value: Fraction) -> Fraction:
    """The non-negative `value` rounded to BF16, by the slow oracle."""
    return value_of(nearest_code(value))


def softmax_row(exponentials: list[Fraction], normalize: str) -> list[Fraction]:
    """Softmax of one row in BF16: keys added in order, every step rounded."""
    total = Fraction(0)
    for value in exponentials:
        total = rounded(total + value)
    if not total:
        return [Fraction(0)] * len(exponentials)
    if normalize == "divide":
        return [rounded(value / total) for value in exponentials]
    return [rounded(value * rounded(1 / total)) for value in exponentials]


def scores_of(random, shape) -> np.ndarray:
    """Scores of small and large columns, the maximum 0 in every row."""
    scores = -np.abs(random.normal(size=shape)) * np.exp2(random.integers(-6, 4, (1, shape[1])))
    scores[np.arange(len(scores)), random.integers(0, shape[1], len(scores))] = 0
    return to_bf16(scores)


@pytest.mark.parametrize("normalize", ["divide", "reciprocal"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_softmax_adds_keys_in_order_in_bf16(normalize, seed):
    random = np.random.default_rng(seed)
    method = parse(f"vlp:lut=9,max_exp=2,group=8,normalize={normalize}")
    scores = scores_of(random, (random.integers(1, 20), random.integers(1, 25)))
    seen = random.random(scores.shape) < 0.8
    scores[~seen] = MASKED
    run = softmax(Array(8), method, scores)
    exponentials = look_up(method.stack("exp"), scores, seen)
    for codes, found in zip(exponentials, run.probabilities, strict=True):
        expected = softmax_row([value_of(int(code)) for code in codes], normalize)
        assert [value_of(int(code)) for code in found] == expected


def test_sums_in_bf16_stop_growing_and_sums_in_fp32_do_not():
    equal = np.zeros((8, 1000), dtype=np.uint16)
    method = parse("vlp:lut=8,max_exp=3,group=8")
    narrow, wide = (softmax(Array(8), method, equal, name) for name in ("bf16", "fp32"))
    assert from_bf16(narrow.sums).tolist() == [256.0] * 8  # 256 + 1 rounds to 256
    assert from_bf16(wide.sums).tolist() == [1000.0] * 8
    assert from_bf16(wide.probabilities).sum(axis=1) == pytest.approx(1, rel=2**-8)


@pytest.mark.parametrize("keys, narrow", [(256, 1.03), (4096, 2.36)])
def test_probabilities_with_sums_in_fp32_are_those_of_the_models(keys, narrow):
    method = parse("vlp:lut=12,max_exp=3,group=8")
    scores = np.random.default_rng(0).normal(size=(8, keys))
    inputs = torch.from_numpy(scores).bfloat16()
    below = to_bf16((inputs.double() - inputs.double().amax(1, keepdim=True)).numpy())
    model = TableAttention(method, torch.device("cpu")).softmax(inputs[None, None])[0, 0]
    found = from_bf16(softmax(Array(8), method, below, "fp32").probabilities)
    same = (found == model.double().numpy()).all(axis=1)  # a near tie of a sum moves its row
    assert same.sum() >= 7
    own = from_bf16(softmax(Array(8), method, below).probabilities)
    assert own.sum(axis=1).mean() == pytest.approx(narrow, abs=0.05)


@pytest.mark.parametrize(
    "values, accumulator, total",
    [
        ([1, 2**-8, 2**-30], "fp32", 1),  # FP32 loses 2**-30, which leaves BF16 a tie
        ([1, 2**-8, 2**-22], "fp32", 1 + 2**-7),
        ([1, *[2**-8] * 99], "bf16", 1),
        ([*[2**-8] * 99, 1], "bf16", 1 + 50 / 128),
    ],
)
def test_sums_are_rounded_at_each_addition(values, accumulator, total):
    assert from_bf16(sequential_sum(np.array([values]), accumulator)).tolist() == [total]


def test_a_row_without_keys_gives_zeros():
    scores = np.full((9, 3), MASKED, dtype=np.uint16)
    scores[0] = 0
    run = softmax(Array(8), parse("vlp:lut=8,max_exp=3,group=8"), scores)
    assert (run.probabilities[1:] == 0).all()
    assert (run.probabilities[0] != 0).all()


# --- GEMM ---------------------------------------------------------------------------------------


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


# --- against the cost model ---------------------------------------------------------------------


def full_gemm(height: int, m: int, k: int, n: int):
    random = np.random.default_rng(m + k + n)
    weights = random.integers(-7, 8, (k, n))
    weights[0, -1] = 7  # the latest spike, on the last row in use
    return gemm(Array(height), to_bf16(random.normal(size=(m, k))), weights)


@pytest.mark.parametrize(
    "height, m, k, n",
    [(8, 8, 30, 8), (64, 16, 40, 128), (128, 8, 300, 128), (256, 8, 17, 512), (256, 24, 8, 256)],
)
def test_gemm_takes_the_cycles_the_cost_model_charges_and_the_fill(height, m, k, n):
    run, cost = full_gemm(height, m, k, n), CostModel(height).gemm(m, k, n)
    assert 8 * run.windows == max(cost.cycles.values()) == cost.cycles["array_gemm"]
    # pipeline_fill: none as published, once an operation (per_op) as corrected
    fill = cost.symbol("fill")
    assert Array(height).fill_cycles == fill
    assert run.cycles == 8 * run.windows + fill


def test_tiles_of_few_steps_are_bound_by_osram_in_the_cost_model():
    """An output tile of 8·H values takes 64 cycles to write: the array is faster below K = 8."""
    run, cost = full_gemm(256, 24, 5, 256), CostModel(256).gemm(24, 5, 256)
    assert cost.cycles["array_gemm"] == 8 * run.windows == 3 * 8 * 5
    assert max(cost.cycles.values()) == cost.cycles["osram_onchip_writes"] == 3 * 64


@pytest.mark.parametrize("height, m, k, n", [(64, 5, 20, 100), (8, 9, 3, 13), (128, 1, 40, 257)])
def test_idle_rows_and_columns_take_windows_too(height, m, k, n):
    run, cost = full_gemm(height, m, k, n), CostModel(height).gemm(m, k, n)
    assert 8 * run.windows == cost.cycles["array_gemm"]
    assert run.cycles <= 8 * run.windows + cost.symbol("fill")
    assert run.cycles > 8 * (run.windows - 1)


GEMM_COMPONENTS = [
    "counter", "comparator", "multiplier", "ififo", "wfifo",
    "temporal_register", "and_gate", "sign_xor", "adder",
]  # fmt: skip


@pytest.mark.parametrize("height, m, k, n", [(64, 16, 40, 128), (128, 5, 21, 200), (8, 3, 5, 4)])
def test_gemm_switches_what_the_cost_model_charges(height, m, k, n):
    run = full_gemm(height, m, k, n)
    # temporal_converter_activity: converters compare and counters tick at every cycle
    cost = CostModel(height, temporal_converter_activity="per_cycle").gemm(m, k, n)
    charged = {name: cost.activations(name) for name in GEMM_COMPONENTS}
    assert {name: run.activations[name] for name in charged} == pytest.approx(charged, rel=1e-12)
    assert run.activations["temporal_register"] == m * k * n
    published = CostModel(height).gemm(m, k, n)
    assert 8 * published.activations("comparator") == pytest.approx(charged["comparator"])
    assert 8 * published.activations("counter") == charged["counter"]


def test_pe_fifo_shares_of_uniform_magnitudes():
    """pe_fifo_activity: 28 of 64 products overlap the next window; with adders that keep the order
    of k, all but those of magnitude 7 wait once a 7 has passed."""
    random = np.random.default_rng(2)
    weights = np.array([random.permutation(8) for _ in range(64)]).T * random.choice([-1, 1], 64)
    weights = np.vstack([np.full(64, 7), weights])
    run = gemm(Array(64), to_bf16(random.normal(size=(8, 9))), weights)
    products = 8 * 64 * 8
    cost = CostModel(64, pe_fifo_activity="overlap_share").gemm(8, 8, 64)
    assert run.overlapping - 7 * 64 == products * 28 / 64 == cost.activations("pe_fifo")
    assert run.activations["pe_fifo"] == products * 7 / 8


@pytest.mark.parametrize(
    "height, rows, columns", [(64, 128, 5), (256, 256, 7), (128, 300, 3), (8, 3, 4)]
)
def test_nonlinear_operations_take_the_cycles_charged(height, rows, columns):
    random = np.random.default_rng(rows)
    method = parse(f"vlp:lut=12,max_exp=3,group={height}")
    codes = to_bf16(random.normal(size=(rows, columns)))
    codes[-1, -1] = to_bf16(-15.0)  # largest mantissa and exponent: the latest output
    fill = Array(height).fill_cycles
    # the second sweep of an activation: silu_passes
    for function, signs, softmaxed in [("exp", NEGATIVE, True), ("silu", BOTH_SIGNS, False)]:
        inputs = codes | 0x8000 if softmaxed else codes
        run = nonlinear(Array(height), method, function, inputs, signs=signs)
        cost = CostModel(height, silu_passes="lut_twice").nonlinear(rows, columns, softmaxed)
        interval = 8 * len(signs)
        assert cost.cycles["array_nonlinear"] == interval * run.mappings
        assert cost.symbol("nonlinear_fill") == fill
        last = Array(height).row_delay_cycles()[(rows - 1) % height]
        assert run.cycles == interval * run.mappings + 7 + last
        assert run.cycles <= interval * run.mappings + fill
        published = CostModel(height).nonlinear(rows, columns, softmaxed)
        assert published.cycles["weight_nonlinear"] == interval * run.mappings


@pytest.mark.parametrize("height, rows, keys", [(128, 256, 6), (256, 256, 9), (64, 64, 5)])
def test_softmax_is_bound_by_osram_in_array_and_cost_model(height, rows, keys):
    scores = scores_of(np.random.default_rng(1), (rows, keys))
    method = parse(f"vlp:lut=12,max_exp=3,group={height}")
    run = softmax(Array(height), method, scores)
    cost = CostModel(height).nonlinear(rows, keys, True)
    charged = cost.cycles
    assert Array(height).osram_word_bits == cost.symbol("o_width")
    assert run.busy_cycles["osram_read"] == charged["osram_onchip_reads"]
    assert run.busy_cycles["osram_write"] == charged["osram_onchip_writes"]
    assert run.busy_cycles["vector"] == charged["vector"]
    assert charged["summation"] <= run.busy_cycles["array"]
    assert run.busy_cycles["array"] <= charged["summation"] + cost.symbol("nonlinear_fill")
    assert run.cycles == max(charged.values()) == 2 * charged["array_nonlinear"]  # softmax_passes
    activations = {name: cost.activations(name) for name in ("adder", "multiplier_vector")}
    assert {name: run.activations[name] for name in activations} == activations


def test_osram_words_are_whole_in_partial_tiles():
    scores = scores_of(np.random.default_rng(4), (300, 3))
    run = softmax(Array(256), parse("vlp:lut=8,max_exp=3,group=256"), scores)
    charged = CostModel(256).nonlinear(300, 3, True)
    assert run.busy_cycles["osram_read"] == charged.counts["osram_onchip_reads"]
    # the cost model charges the 44 inputs of the rest 44/32 cycles, the array 2 whole ones
    assert run.busy_cycles["vector"] == 3 * (8 + 2)
    assert charged.cycles["vector"] == 3 * (8 + 44 / 32)


def test_nonlinear_operations_switch_what_the_cost_model_charges():
    flips = {"temporal_converter_activity": "per_cycle", "silu_passes": "lut_twice"}
    random = np.random.default_rng(3)
    method = parse("vlp:lut=12,max_exp=3,group=64")
    codes = to_bf16(random.normal(size=(100, 5)))
    for function, signs in [("exp", NEGATIVE), ("silu", BOTH_SIGNS)]:
        inputs = codes | 0x8000 if function == "exp" else codes
        run = nonlinear(Array(64), method, function, inputs, signs=signs)
        cost = CostModel(64, **flips).nonlinear(100, 5, function == "exp")
        for name in ("counter", "comparator", "ififo", "exp_select", "ofifo"):
            assert run.activations[name] == pytest.approx(cost.activations(name)), name
        for name in ("temporal_register", "and_gate"):
            # a row is silent in the sweep of the other sign; the cost model charges both sweeps
            charged = cost.activations(name) / len(signs)
            assert run.activations[name] == pytest.approx(charged), name
        # as published, exp is charged two sweeps as well
        assert CostModel(64).nonlinear(100, 5, function == "exp").activations(
            "and_gate"
        ) == pytest.approx(2 * run.activations["and_gate"])


def test_simulated_operations_give_the_bits_and_the_cycles_expected(tmp_path):
    path = tmp_path / "simulated.csv"
    assert main(["simulate", "--array-height=64", "--windows=12", "-o", str(path)]) == 0
    rows = pd.read_csv(path)
    assert (rows.different_outputs == 0).all()
    charged = rows[rows.charged_cycles.notna()]
    assert len(charged) == len(rows) - 1  # no design has 7 mantissa bits on the rows
    assert (charged.cycles == charged.charged_cycles + charged.fill_cycles).all()
    sweeps = rows.operation.map({"gemm": 1, "exp": 1, "silu": 2, "gelu": 2})
    assert (rows.cycles_per_window == 2.0**rows.mantissa_bits * sweeps).all()
    assert (rows.spikes_per_input == 8).all()


def test_a_wrong_bit_would_be_counted(monkeypatch):
    monkeypatch.setattr(simulate, "look_up", lambda stack, codes: codes)
    row = simulate.simulated_nonlinear(Array(8), simulate.CASES[0], 2)
    assert row["different_outputs"] == 16
    monkeypatch.setattr(simulate, "plain_product", lambda inputs, weights: 0)
    assert simulate.simulated_gemm(Array(8), 2)["different_outputs"] > 32


@pytest.mark.parametrize(
    "option, message",
    [("--windows=1", "--windows is 1; allowed"), ("--array-height=12", "height is 12; allowed")],
)
def test_simulate_refuses(tmp_path, capsys, option, message):
    assert main(["simulate", option, "-o", str(tmp_path / "simulated.csv")]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# --- mistakes -----------------------------------------------------------------------------------

INPUTS = np.zeros((4, 3), dtype=np.uint16)
GROUP_8 = "vlp:lut=8,max_exp=3,group=8"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Array(12), "height is 12; allowed: multiples of 8"),
        (lambda: Array(0), "height is 0; allowed"),
        (lambda: Array(8, 9), "width is 9; allowed: 1 to 8"),
        (lambda: run_exp("vlp:lut=16,window=9,max_exp=3,group=8"), "sliding window is 9.*1 to 8"),
        (lambda: run_exp("vlp:lut=4,window=9,max_exp=3"), "window=9 is wider than the LUT"),
        (lambda: run_exp("vlp:lut=8,min_exp=3,group=8,build=published"), "build is published"),
        (lambda: run_exp("vlp:lut=8,max_exp=3,group=32"), "group is 32; allowed.*: 8"),
        (lambda: run_exp("vlp:lut=8,max_exp=3,group=8,grouping=strided"), "grouping is strided"),
        (lambda: run_exp(codes=np.zeros((3, 2))), "inputs: float64 of shape"),
        (lambda: run_exp(codes=INPUTS[:0]), r"inputs: uint16 of shape \(0, 3\)"),
        (lambda: run_exp(signs=()), r"signs are \(\); allowed: \(False, True\) or \(True,\)"),
        (
            lambda: nonlinear(Array(8), parse(GROUP_8), "exp", INPUTS, INPUTS[:1] == 0),
            r"valid: shape \(1, 3\); allowed: \(4, 3\)",
        ),
        (lambda: run_exp(function="tanh"), "unknown function 'tanh'"),
        (lambda: run_exp(codes=INPUTS, signs=NEGATIVE), "inputs: of both signs; allowed: negative"),
        (lambda: gemm(Array(8), INPUTS, np.full((3, 2), -8)), "weights: -8 at k=0, n=0; .* -7 to"),
        (lambda: gemm(Array(8), INPUTS, np.full((3, 2), 0.5)), "weights: float64; allowed: INT4"),
        (lambda: gemm(Array(8), INPUTS, np.zeros((4, 2), int)), r"weights: shape \(4, 2\)"),
        (lambda: gemm(Array(8), INPUTS[0], np.zeros((3, 2), int)), r"inputs: uint16 of shape"),
        (lambda: run_softmax([[0.0, np.nan]]), "scores: nan at row 0, key 1; allowed: at most 0"),
        (lambda: run_softmax([[0.0, -1], [0, 2]]), "scores: 2.0 at row 1, key 1"),
        (lambda: run_softmax([[0.0]], "fp64"), "accumulator is 'fp64'; allowed: bf16, fp32"),
        (lambda: run_softmax([0.0]), r"scores: uint16 of shape \(1,\)"),
    ],
)
def test_mistakes_name_parameter_value_and_what_is_allowed(call, message):
    with pytest.raises(InputError, match=message):
        call()


def run_exp(text=GROUP_8, function="exp", codes=INPUTS, signs=BOTH_SIGNS):
    return nonlinear(Array(8), parse(text), function, codes, signs=signs)


def run_softmax(scores, *accumulator):
    method = parse(GROUP_8)
    return softmax(Array(8), method, to_bf16(np.array(scores)), *accumulator)


# --- trace and figures --------------------------------------------------------------------------


def run_trace(tmp_path, *arguments) -> pd.DataFrame:
    parser = argparse.ArgumentParser()
    trace.add_arguments(parser)
    path = tmp_path / f"{arguments[0]}.csv"
    trace.run(parser.parse_args([*arguments, "-o", str(path)]))
    return pd.read_csv(path)


def test_gemm_trace_shows_spikes_at_the_weights_magnitudes_and_the_products(tmp_path):
    found = run_trace(tmp_path, "gemm")
    weights = np.array(trace.EXAMPLE_WEIGHTS)
    inputs = np.array(trace.EXAMPLE_COLUMNS, dtype=float)
    spikes = found[found.unit == "spike"]
    assert len(spikes) == inputs.size * weights.shape[1]
    magnitude = np.abs(weights)[spikes.window, spikes.row.astype(int)]
    assert (spikes["count"] == magnitude).all()
    assert (spikes.cycle == 8 * spikes.window + magnitude + spikes.column).all()
    expected = magnitude * inputs[spikes.window, spikes.column.astype(int)]  # small: exact in BF16
    assert spikes.value.tolist() == expected.tolist()
    last = found[(found.unit == "accumulate") & (found.window == 1)]
    table = last.pivot(index="column", columns="row", values="value").to_numpy()
    assert table.tolist() == (inputs.T @ weights).tolist()
    codes = to_bf16(inputs.T)
    run = gemm(Array(8), codes, weights)
    assert last.cycle.max() + 1 == run.cycles
    assert not found[found.unit == "accumulate"].duplicated(["row", "cycle"]).any()


@pytest.mark.parametrize(
    "function, text",
    [
        *((function, "vlp:lut=12,max_exp=3") for function in FUNCTIONS),
        ("exp", "vlp:lut=8,max_exp=3,adapt=6,leak=1,mantissa=4"),
    ],
)
def test_nonlinear_trace_shows_the_outputs_of_the_array(tmp_path, function, text):
    mixed = ["--inputs=-0.5,1.5,0,-100,3", "--inputs=7,-0.001,0.5,0.25,-2"]
    mixed = [] if function == "exp" else mixed
    found = run_trace(tmp_path, function, f"--method={text}", *mixed)
    inputs = found[found.unit == "input"].sort_values(["window", "row"])
    rows = inputs.row.nunique()
    codes = to_bf16(inputs.value.to_numpy()).reshape(-1, rows).T
    method = parse(f"{text},group=8")
    signs = NEGATIVE if function == "exp" else BOTH_SIGNS
    inputs = codes | 0x8000 if function == "exp" else codes
    run = nonlinear(Array(8), method, function, inputs, signs=signs)
    outputs = found[found.unit == "output"].sort_values(["window", "row"])
    assert outputs.value.tolist() == from_bf16(run.outputs.T.reshape(-1)).tolist()
    assert outputs.cycle.max() + 1 == run.cycles
    assert (found.unit == "spike").sum() == run.activations["temporal_register"]
    picked = found[found.unit == "spike"].merge(
        found[found.unit == "select"], on=["window", "cycle", "row", "column"]
    )
    assert len(picked) == codes.size
    assert (picked.value_x == picked.value_y).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["gemm", "--inputs=1", "--weights=9,1"], "weights: 9 at k=0, n=0; allowed: -7 to 7"),
        (["gemm", "--inputs=1", "--weights=0.5"], "--weights: allowed are whole numbers"),
        (["gemm", "--inputs=1", "--inputs=2", "--weights=1"], "2 windows of --inputs, 1 of"),
        (["gemm", "--weights=1,2"], "gemm needs --inputs and --weights, or neither"),
        (["gemm", "--inputs=1,2,3,4,5,6,7,8,9", "--weights=1"], "9 columns; allowed: 1 to 8"),
        (["exp", "--weights=1"], "only gemm has weights"),
        (["exp", "--inputs=-1,-2", "--inputs=-1"], "the same number of values"),
        (["exp", "--inputs=nan"], "finite numbers"),
        (["exp", "--method=exact"], "allowed: a vlp method"),
        (["exp", "--inputs=" + ",".join(["-1"] * 65)], "65 rows; allowed in a trace: 1 to 64"),
    ],
)
def test_trace_refuses(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        run_trace(tmp_path, *arguments)
    assert not list(tmp_path.iterdir())


def test_trace_refuses_what_is_no_number(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_trace(tmp_path, "exp", "--inputs=-1,x")
    assert "'-1,x' is not a list of numbers such as 1.5,-2" in capsys.readouterr().err


@pytest.mark.parametrize("script, operation", [(fig02, "gemm"), (fig10, "exp")])
def test_figures_are_drawn_from_the_trace_twice_the_same(tmp_path, script, operation):
    run_trace(tmp_path, operation)
    table = tmp_path / f"{operation}.csv"
    for name in ["one", "two"]:
        script.make(table, tmp_path / name)
    for suffix in ["csv", "pdf", "png"]:
        one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ["one", "two"])
        assert one == two
    drawn, whole = pd.read_csv(tmp_path / "one.csv"), pd.read_csv(table)
    assert len(drawn.merge(whole)) == len(drawn)
    assert (drawn.unit == "spike").any()


@pytest.mark.parametrize("script, other", [(fig02, "exp"), (fig10, "gemm")])
def test_figures_refuse_another_table(tmp_path, script, other):
    run_trace(tmp_path, other)
    with pytest.raises(InputError, match="operation"):
        script.make(tmp_path / f"{other}.csv", tmp_path / "figure")
    pd.DataFrame({"cycle": [1]}).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match="missing column 'unit'"):
        script.make(tmp_path / "bad.csv", tmp_path / "figure")
    assert not list(tmp_path.glob("figure*"))
