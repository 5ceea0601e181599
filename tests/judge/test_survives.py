"""The page of what survives: each sentence from a row of a table, and none without one."""

import pandas as pd
import pytest

from mugi.cli import main
from mugi.judge.survives import TABLES as TABLES_OF_SURVIVES
from mugi.judge.survives import what_survives
from mugi.ledger import LEDGER, load_ledger

CLAIMS = load_ledger(LEDGER)
CURVE = pd.DataFrame(
    {
        "claim": ["ABS-3"], "universes": [2000], "printed": [2.07], "as_published": [2.066],
        "corrected": [2.064], "share_above_1": [0.75], "share_within_5_percent": [0.4],
        "share_below_as_published": [0.9], "least": [0.5], "p05": [0.6], "median": [1.5],
        "p95": [2.9], "most": [3.0],
    }
)  # fmt: skip
INDICES = pd.DataFrame(
    [
        ("ABS-3", "ws_load_rows", 0.5, 0.4, 0.6),
        ("ABS-3", "cpa", 0.04, -0.01, 0.1),
        ("ABS-3", "ws_load_rows * ws_timing", 0.2, 0.1, 0.3),
    ],
    columns=["claim", "assumption", "first_order", "low", "high"],
)
SWITCHES = pd.DataFrame(
    [
        ("ABS-3", "as-published", "precise_cycles", "44", 2.0, 2.066),
        ("ABS-3", "as-published", "softmax_passes", "1", 9.0, 2.066),
        ("ABS-3", "as-published", "decode_steps", "literal", 2.067, 2.066),  # not worth a word
        ("ABS-3", "corrected", "ws_timing", "load_then_stream", 3.0, 2.064),
        ("ABS-3", "corrected", "softmax_passes", "1", 2.1, 2.064),  # less than 5 %
        ("ABS-3", "corrected", "ws_load_rows", "sram_width", 0.9, 2.064),
        ("ABS-3", "corrected", "precise_cycles", "45", 9.0, 2.064),
    ],
    columns=["claim", "base", "assumption", "value", "computed", "base_value"],
)
HARDWARE = pd.DataFrame(
    [
        ("mugi", "vlp", 256, batch, nodes, nodes, preset, speed)
        for batch, nodes, preset, speed in [
            (8, 1, "corrected", 4.0), (16, 1, "corrected", 5.0), (8, 8, "corrected", 40.0),
            (8, 8, "as-published", 80.0),
        ]
    ] + [("systolic", "mac", 16, 8, 1, 1, "corrected", 2.0)],
    columns=[
        "design", "variant", "array_height", "batch_size", "noc_rows", "noc_cols", "preset",
        "tokens_per_s",
    ],
).assign(
    model="llama_2_70b_GQA", kv_heads=8, seq_len=4096, dram_bytes=4e9, runtime_s=[9, 9, 2, 1, 9]
)  # fmt: skip
WHERE = pd.DataFrame(
    [
        ("m", 8, "systolic_equal_peak", 2.0, True),
        ("m", 16, "systolic_equal_peak", 1.1, False),
        ("m", 16, "tensor_core", 0.1, False),
    ],
    columns=["model", "batch_size", "rival_kind", "ratio", "is_paper_point"],
).assign(metric="throughput", seq_len=4096, array_height=256)
TABLES = {"curve": CURVE, "indices": INDICES, "switches": SWITCHES}
TABLES |= {"hardware": HARDWARE, "where": WHERE}


@pytest.fixture
def page():
    return what_survives(CLAIMS, **TABLES).splitlines()


def test_sentences_have_the_numbers_of_their_tables(page):
    text = "\n".join(page)
    assert "In 75 % of 2,000 universes it is above 1 (1.005 or more), and within 5 % of" in text
    assert "90 % are below the 2.066 that the published assumptions give" in text
    assert "values that are known to be wrong are drawn too" in text
    assert "* The single corrections that move it most: precise_cycles (2.066 → 2)." in page
    assert (
        "* On top of all corrections (2.064) single choices, the strongest first, lead to"
        " 0.9 with ws_load_rows=sram_width, 3 with ws_timing=load_then_stream." in page
    )
    assert "* It is not above 1 with ws_load_rows=sram_width." in page
    assert (
        "* Its spread over universes (of the logarithm) is explained by ws_load_rows 50 %." in page
    )
    assert "* Jointly, ws_load_rows and ws_timing explain a further 20 %." in page
    assert any("corrected: 2.00 at batch 8, 1.10 at batch 16." in line for line in page)
    assert any(
        "80 tokens/s (4 GB/s from memory) as published and 40 tokens/s (2" in x for x in page
    )


def test_two_metrics_are_said_to_mix():
    curve = CURVE.assign(claim="ABS-4")
    text = what_survives(CLAIMS, **TABLES | {"curve": curve})
    assert "Two metrics mix here" in text and "Two metrics mix" not in what_survives(
        CLAIMS, **TABLES
    )


def test_claims_that_were_not_run_are_left_out(page):
    assert not [line for line in page if CLAIMS["ABS-6"].statement in line]
    bare = what_survives(CLAIMS, **TABLES | {"hardware": HARDWARE[:2], "where": WHERE[-1:]})
    assert "## Other sizes" not in bare


def test_a_table_without_its_columns_is_one_line_each(tmp_path, capsys):
    path = tmp_path / "curve.csv"
    CURVE.drop(columns="median").to_csv(path, index=False)
    command = ["judge", "survives", str(path), "-o", str(tmp_path / "page.md")]
    for name in TABLES_OF_SURVIVES:
        command += [f"--{name}", str(path)]
    assert main(command) == 2
    assert capsys.readouterr().err == f"mugi judge: {path}: missing column 'median'\n"
