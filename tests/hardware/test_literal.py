"""Matrix products against a literal count, tile by tile, as the published program goes about it."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.assumptions import preset
from mugi.hardware import evaluate
from mugi.hardware.design import given as symbols_given
from mugi.hardware.design import load_design
from mugi.hardware.events import gemm_features

SIZES = st.tuples(st.integers(1, 3), *[st.integers(1, 700)] * 3)


def pieces(size: int, tile: int) -> list[int]:
    return [min(tile, size - start) for start in range(0, size, tile)]


def literal(b, m, k, n, s, flow, how) -> dict:
    """Return words, array passes and cycles of b products m x k by k x n, tile by tile."""
    i, w, o = (int(s[f"{name}_width"]) for name in "iwo")
    height, width = int(s["H"]), int(s["W"])
    tile_m = 256
    if how["prefill_tile"] == "fits":
        banks = [s[f"{x}_width"] * s[f"{x}_depth"] * s["macros"] for x in "io"]
        tile_m = min(256, int(2 * min(banks) / 16 / 256))
    off_m, off_k, off_n = pieces(m, tile_m), pieces(k, 256), pieces(n, 256)
    mk = [(a, c) for a in off_m for c in off_k]
    kn = [(a, c) for a in off_k for c in off_n]
    mn = [(a, c) for a in off_m for c in off_n]
    result = dict.fromkeys(
        ("isram_onchip_reads", "wsram_onchip_reads", "osram_onchip_reads", "osram_onchip_writes",
         "beats", "weight_passes", "ws_beats"), 0,
    )  # fmt: skip
    for name, bits in (("isram_offchip_writes", i), ("dram_input_reads", 64)):
        result[name] = b * len(off_n) * sum(math.ceil(16 * x * y / bits) for x, y in mk)
    for name, bits in (("wsram_offchip_writes", w), ("dram_weight_reads", 64)):
        result[name] = b * len(off_m) * sum(math.ceil(4 * x * y / bits) for x, y in kn)
    for name, bits in (("osram_offchip_reads", o), ("dram_output_writes", 64)):
        result[name] = b * sum(math.ceil(16 * x * y / bits) for x, y in mn)
    for (x, y, z), step in itertools.product(
        itertools.product(off_m, off_k, off_n), [how["ws_timing"]]
    ):
        tm, tk, tn = pieces(x, width), pieces(y, height), pieces(z, height)
        inputs = sum(math.ceil(16 * p * q / i) for p in tm for q in tk)
        weights = sum(math.ceil(4 * p * q / w) for p in tk for q in tn)
        outputs = sum(math.ceil(16 * p * q / o) for p in tm for q in tn)
        result["isram_onchip_reads"] += b * len(tn) * inputs
        result["wsram_onchip_reads"] += b * weights * (len(tm) if flow == "os" else 1)
        writes = outputs * (1 if flow == "os" else len(tk))
        result["osram_onchip_writes"] += b * writes
        reads = writes if flow == "os" else outputs * (len(tk) - 1)
        result["osram_onchip_reads"] += b * reads
        result["beats"] += b * len(tm) * len(tn) * y
        result["weight_passes"] += b * len(tn) * y * z / (len(tn) * height)
        loads = [math.ceil(t / s["load_rows"]) for t in tk] if "load_rows" in s else []
        if step == "double_buffered":
            result["ws_beats"] += b * len(tn) * sum(max(x, load) for load in loads)
        elif step == "load_then_stream":
            result["ws_beats"] += b * len(tn) * sum(x + load for load in loads)
    if how["partial_sum_reads"] == "continue":
        outputs = sum(
            math.ceil(16 * p * q / o)
            for x, z in mn
            for p in pieces(x, width)
            for q in pieces(z, height)
        )
        sign = 1 if flow == "ws" else 0
        result["osram_onchip_reads"] += b * outputs * (sign * (len(off_k) - 1) - (1 - sign))
    return result


@pytest.mark.parametrize(
    ("name", "height", "flips"),
    [
        ("mugi", 96, {}),
        ("carat", 256, {"partial_sum_reads": "continue", "prefill_tile": "fits"}),
        ("systolic", 12, {"partial_sum_reads": "continue", "ws_timing": "double_buffered"}),
        ("systolic", 16, {"ws_timing": "load_then_stream", "ws_load_rows": "sram_width"}),
        ("simd", 32, {"sram_capacity": "two_macros", "prefill_tile": "fits"}),
    ],
)
@settings(max_examples=15, deadline=None)
@given(sizes=SIZES)
def test_words_passes_and_cycles(name, height, flips, sizes):
    how = preset("as-published") | flips
    design = load_design(name)
    width = 8 if name in ("mugi", "carat") else height
    symbols = design.symbols(symbols_given(*np.array([[height], [width], [1], [1]])), how)
    symbols = {k: v if isinstance(v, str) else float(np.ravel(v)[0]) for k, v in symbols.items()}
    arrays = (np.array([[float(size)]]) for size in sizes)
    features = gemm_features(*arrays, design, symbols, how)
    counts, _ = design.gemm.evaluate(features, symbols | {"ws_weight_loads": "n_tiles"})
    expected = literal(*sizes, symbols, design.dataflow, how)
    for key, value in expected.items():
        if key in counts:
            assert counts[key] == pytest.approx(value, rel=1e-12), key
    beats = features["B"] * features["m"] * features["n"] * features["K"]
    assert beats == expected["beats"]
    assert np.ravel(features["ws_beats"])[0] == pytest.approx(expected["ws_beats"])
    if design.dataflow == "ws":
        assert counts["weight_gemm"] == pytest.approx(expected["weight_passes"])


@pytest.mark.parametrize("position", [300, 1001, 4096])
@pytest.mark.parametrize("tiling", ["output_tiles", "all_tiles"])
def test_one_corrected_decode_step(position, tiling):
    """Attention of Mugi (256 rows) on 8 x 8 nodes, 70B with 8 KV heads, batch 8, by hand."""
    run = {"design": "mugi", "array_height": 256, "noc_rows": 8, "noc_cols": 8, "batch_size": 8}
    run |= {"model": "llama_2_70b_GQA", "preset": "corrected", "assumption.noc_tiling": tiling}
    cycles = evaluate(pd.DataFrame([run | {"seq_len": position - 1}, run | {"seq_len": position}]))
    step = float(np.diff(cycles["cycles_attention"])[0]) / 80
    heads, shared, depth, tiles = 8 * 8, 8, 128, pieces(position, 256)
    expected = 0.0
    for name in ("qkt", "av"):
        off_k, off_n = ([depth], tiles) if name == "qkt" else (tiles, [depth])
        passes = heads * sum(k * math.ceil(n / 256) for k in off_k for n in off_n)
        spread = heads * len(off_n) * (len(off_k) if tiling == "all_tiles" else 1)
        compute = 8 * passes * math.ceil(spread / 64) / spread + (8 - 1 + 4)
        words = len(off_n) * sum(math.ceil(16 * shared * k / 64) for k in off_k)
        words += sum(math.ceil(4 * k * n / 64) for k in off_k for n in off_n)
        words += sum(math.ceil(16 * shared * n / 64) for n in off_n)
        expected += max(compute, heads * words * 8 * 400e6 / 256e9)
    assert step == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("position", [300, 1001, 4096])
def test_array_tiles_do_not_start_anew_every_256_positions(position):
    """Attention of Mugi (96 rows) on 5 x 5 nodes, spread by array tiles, one step by hand."""
    run = {"design": "mugi", "array_height": 96, "noc_rows": 5, "noc_cols": 5, "batch_size": 3}
    run |= {"model": "llama_2_70b_GQA", "assumption.noc_tiling": "array_tiles"}
    run |= {"preset": "as-published"}
    cycles = evaluate(pd.DataFrame([run | {"seq_len": position - 1}, run | {"seq_len": position}]))
    step, heads, expected = float(np.diff(cycles["cycles_attention"])[0]) / 80, 3 * 8, 0.0
    for passes, columns, depth in (
        (sum(math.ceil(n / 96) for n in pieces(position, 256)), position, 128),
        (2, 128, position),
    ):
        tiles = heads * math.ceil(columns / 96)
        expected += 8 * heads * passes * depth * math.ceil(tiles / 25) / tiles
    assert step == pytest.approx(expected, rel=1e-9)
