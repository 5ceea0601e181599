"""Cycles and activations of the array against what the cost model charges."""

import numpy as np
import pytest

from mugi.array.charge import CostModel
from mugi.array.converter import Array
from mugi.array.gemm import gemm
from mugi.array.nonlinear import BOTH_SIGNS, NEGATIVE, nonlinear
from mugi.array.softmax import softmax
from mugi.bf16 import to_bf16
from mugi.methods import parse
from tests.array.scores import scores_of


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
