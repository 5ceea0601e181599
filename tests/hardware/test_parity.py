"""The preset as-published gives the published artifact's numbers, to the last digits."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi.hardware import breakdown, evaluate

DATA = Path(__file__).parent / "data"
KEYS = [
    "design", "variant", "array_height", "noc_rows", "noc_cols", "model", "kv_heads",
    "batch_size", "seq_len",
]  # fmt: skip
NONLINEAR = ["softmax", "silu"]
GEMM = ["projection", "attention", "ffn", "output"]

# Spec of the published artifact: 70B with 8 KV heads, batch 8, 4096 tokens.
REGRESSION = """
design variant array_height noc_rows noc_cols gemm nonlinear dynamic_j leakage_mw area_mm2
mugi vlp 64 1 1 3.698213126e+13 1.050250445e+11 8699.6290 32.39023 1.782953
mugi vlp 128 1 1 1.849643434e+13 5.251252224e+10 8423.4689 40.33844 2.160320
mugi vlp 256 1 1 9.425467802e+12 2.625626112e+10 8257.3102 61.46248 3.100792
mugi lut 128 1 1 1.849643434e+13 5.251252224e+10 8423.6105 45.07311 2.435515
mugi lut 256 1 1 9.425467802e+12 2.625626112e+10 8257.4544 70.96093 3.652661
carat - 128 1 1 1.849643434e+13 1.476914688e+11 11148.0588 45.38700 2.419070
carat - 256 1 1 9.425467802e+12 7.384573440e+10 12638.3140 74.42797 3.838443
systolic mac 8 1 1 3.697403888e+13 2.363063501e+12 14238.1964 30.73403 1.694721
systolic mac 16 1 1 1.834950787e+13 1.181531750e+12 12166.1267 49.81950 2.578712
systolic figna 16 1 1 1.834950787e+13 1.181531750e+12 12464.8911 54.71992 2.810673
systolic pwl 16 1 1 1.834950787e+13 1.312813056e+11 12142.4300 51.76105 2.689789
systolic taylor 16 1 1 1.834950787e+13 2.625626112e+11 12153.6630 50.12714 2.591740
simd mac 16 1 1 1.834950787e+13 1.181531750e+12 11631.6816 49.12701 2.541936
simd figna 16 1 1 1.834950787e+13 1.181531750e+12 11930.4460 54.02743 2.773896
systolic mac 64 1 1 4.562568970e+12 2.953829376e+11 12936.7043 537.78068 25.841848
simd mac 64 1 1 4.562568970e+12 2.953829376e+11 12455.3206 526.00628 25.139080
tensor - 8 1 1 1.155521290e+12 1.476914688e+11 17980.5022 803.01394 38.747338
mugi vlp 256 4 4 5.890917376e+11 1.641016320e+09 8135.3231 983.39971 50.120049
mugi vlp 256 8 8 1.472729344e+11 4.102540800e+08 8130.9750 3933.59883 200.480195
carat - 256 4 4 5.890917376e+11 4.615358400e+09 12465.5568 1190.84758 61.922468
systolic mac 16 4 4 1.146844242e+12 7.384573440e+10 11506.6303 797.11193 41.766772
systolic mac 16 8 8 2.867110605e+11 1.846143360e+10 11475.0716 3188.44771 167.067086
simd figna 16 4 4 1.146844242e+12 7.384573440e+10 11258.0924 864.43892 44.889722
tensor - 8 2 1 5.777606451e+11 7.384573440e+10 17722.2191 1606.02789 77.558099
tensor - 8 2 2 2.888803226e+11 3.692286720e+10 17592.7037 3212.05577 155.116198
"""


def test_published_runs():
    published = pd.read_csv(DATA / "published_runs.csv")
    results = evaluate(published[KEYS].assign(preset="as-published"))
    for column in published.columns.difference(KEYS):
        np.testing.assert_allclose(results[column], published[column], rtol=1e-12, err_msg=column)
    for group in (*GEMM, *NONLINEAR):
        seconds = published[f"cycles_{group}"] / 400e6
        np.testing.assert_allclose(results[f"runtime_{group}_s"], seconds, rtol=1e-12)


def test_published_components():
    published = pd.read_csv(DATA / "published_components.csv")
    runs = published.drop_duplicates(KEYS[:7])[KEYS[:7]].assign(batch_size=8, seq_len=4096)
    ours = breakdown(runs.assign(preset="as-published"))
    for part, groups in (("gemm", GEMM), ("nonlinear", NONLINEAR)):
        ours[f"dynamic_energy_{part}_nj"] = ours[
            [f"dynamic_energy_{group}_nj" for group in groups]
        ].sum(axis=1)
    keys = ["design", "variant", "array_height", "noc_rows", "model", "component"]
    published["variant"] = published["variant"].fillna("")
    both = published.merge(ours, on=keys, how="outer", suffixes=("_published", ""), indicator=True)
    assert (both["_merge"] == "both").all()
    for column in published.columns[8:]:
        np.testing.assert_allclose(
            both[column], both[f"{column}_published"], rtol=1e-12, err_msg=column
        )


def test_regression_table():
    table = pd.read_csv(io.StringIO(REGRESSION), sep=" ").replace("-", "")
    runs = table[KEYS[:5]].assign(model="llama_2_70b_GQA", batch_size=8, seq_len=4096)
    results = evaluate(runs.assign(preset="as-published"))
    ours = {
        "gemm": sum(results[f"cycles_{group}"] for group in GEMM),
        "nonlinear": sum(results[f"cycles_{group}"] for group in NONLINEAR),
        "dynamic_j": results["dynamic_energy_nj"] * 1e-9,
        "leakage_mw": results["leakage_mw"],
        "area_mm2": results["area_mm2"],
    }
    for column, values in ours.items():
        np.testing.assert_allclose(values, table[column], rtol=3e-7, err_msg=column)


@pytest.mark.parametrize(
    ("design", "variant", "height", "group", "cycles"),
    [
        ("systolic", "mac", 16, "softmax", (12_079_549_440 + 5_898_240) * 80),
        ("systolic", "mac", 16, "silu", 2_683_699_200 * 80),
        ("mugi", "vlp", 256, "attention", 26_292_977_664 * 32),
    ],
)
def test_spot_values(design, variant, height, group, cycles):
    model = "llama_2_7b" if design == "mugi" else "llama_2_70b_GQA"
    run = {"design": design, "variant": variant, "array_height": height, "model": model}
    run |= {"batch_size": 8, "seq_len": 4096, "preset": "as-published"}
    result = evaluate(pd.DataFrame([run]))
    np.testing.assert_allclose(result[f"cycles_{group}"], cycles, rtol=1e-12)
