"""Numbers on the page of the array in gates are those of the table and of the model."""

import re

import numpy as np
import pytest

from mugi.array.gemm import multiples
from mugi.bf16 import from_bf16, to_bf16
from mugi.hardware import evaluate_hardware
from mugi.rtl import published, units
from tests.docs.pages import DOCS, ROOT

TEXT = " ".join((DOCS / "explained" / "gates.md").read_text(encoding="utf-8").split())
RUN = {"model": "llama_2_70b_GQA", "batch_size": 8, "seq_len": 4096, "preset": "as-published"}
MUGI, SA = {"design": "mugi", "array_height": 256}, {"design": "systolic", "array_height": 16}


def told(pattern: str, text: str = TEXT) -> list[float]:
    """Return the numbers that the page has where it matches `pattern`."""
    match = re.search(pattern, text)
    assert match, f"the page has no '{pattern}'"
    return [float(number) for number in match.groups()]


@pytest.fixture(scope="module")
def sums():
    return published.array_sums(published.arrays(units.read_areas())).set_index("label")


def test_areas_of_arrays(sums):
    over = sums.loc["Mugi (256)"] / sums.loc["SA (16)"]
    pattern = r"has ([\d.]+) times the area of SA \(16\), not ([\d.]+)[.:]"
    ratios = [round(over["open_adders"], 1), round(over["published_adders"], 1)]
    front = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert told(pattern) == told(pattern.replace(r"SA \(", r"SA\("), front) == ratios
    subnormals = sums["open_adders"]["Mugi (256)"] / sums["open_adders"]["SA, subnormals (16)"]
    assert told(r"an SA that keeps them the ratio is ([\d.]+)\.") == [round(subnormals, 1)]
    assert sums["open_adders"]["SA-F (16)"] < sums["open_adders"]["SA, BF16×INT4 (16)"]


def test_units():
    of = units.read_areas().set_index("unit")["area_adders"]
    parts = published.arrays(units.read_areas())
    own = parts[parts["label"] == "Mugi (256)"]
    shares = own.set_index("part")["open_adders"] / own["open_adders"].sum()
    missing = shares[own["missing"].to_numpy()].sum()
    storage = shares["partial_sums"] + shares["deeper_output_fifos"]
    pattern = r"(\d+) % of a working array is not in it, .* output FIFOs alone (\d+) %\."
    assert told(pattern) == [round(100 * missing), round(100 * storage)]
    assert of["figna_pe"] / of["systolic_pe"] == pytest.approx(1 / 3, abs=0.04)  # "a third"
    doubled = of["bf16_multiplier_subnormals"] / of["bf16_multiplier"]
    assert doubled == pytest.approx(2, abs=0.2)
    flat = published.parts_of(units.load_units().arrays["mugi"], 8, units.read_areas())
    whole = flat[~flat["outside"]]["open_adders"].sum() / of["mugi_array_8"] - 1
    assert told(r"Sums of parts are ([\d.]+) % above") == [round(100 * whole, 1)]
    assert of["bf16_adder"] < of["waiting_products"]  # a second adder in place of what waits
    pattern = r"with a unit of ([\d.]+) adders where the multiplier has ([\d.]+)\."
    assert told(pattern) == [round(of[name], 1) for name in ("value_generation", "bf16_multiplier")]


def test_what_the_page_calls_borne_out():
    ratio = published.beside_published(units.read_areas()).set_index("unit")["open_over_published"]
    near = ["bf16_multiplier", "fifo_16x8", "fifo_16x16", "fifo_8x8", "systolic_pe"]
    assert ratio[[*near, "window_selection", "waiting_products"]].between(0.75, 1.25).all()
    pattern = (
        r"register has ([\d.]+) of its price, rounding ([\d.]+), .* maximum tree ([\d.]+), .*"
        r"weights ([\d.]+); clamping has ([\d.]+) of it, FIGNA's prealignment ([\d.]+)\."
    )
    far = ["register_16", "rounding", "maximum_node", "int4_to_bf16", "clamping"]
    assert told(pattern) == [round(ratio[name], 2) for name in [*far, "figna_prealigner_16"]]


def test_adding_up_rounds_otherwise_for_6_and_7():
    codes = to_bf16(1 + np.arange(128) / 128)[:, None]
    added = multiples(codes)[:, :, 0]
    once = np.stack([to_bf16(k * from_bf16(codes[:, 0])) for k in range(8)], axis=1)
    differ = (added != once).sum(axis=0)
    assert not differ[:6].any()
    assert told(r"for (\d+) and (\d+) of the 128 mantissas") == differ[6:].tolist()


def test_an_array_that_stalls():
    cycles, per_k, percent, k = told(
        r"up to (\d+) cycles in a tile of (\d+)·K, ([\d.]+) % at K = (\d+)"
    )
    assert cycles == 64 - per_k and percent == pytest.approx(100 * cycles / (per_k * k), abs=0.05)


def test_the_switches_at_published_prices():
    deep = MUGI | {"assumption.row_storage": ["listed", "sums_in_ofifo"]}
    figna = SA | {"variant": "figna", "assumption.figna_pe": "synthesised"}
    table = evaluate_hardware(grids=[RUN | part for part in (deep, SA, figna)])
    listed, deep, rival, built = table[["area_mm2", "tokens_per_j"]].to_numpy()
    numbers = r"from ([\d.]+) to ([\d.]+) in on-chip area and from ([\d.]+) to ([\d.]+) in tokens"
    ratios = [*(listed / rival), *(deep / rival)]
    assert told(numbers) == [round(ratios[n], 2) for n in (0, 2, 1, 3)]
    pattern = r"then has ([\d.]+) tokens per joule, where Mugi as listed has ([\d.]+)\."
    assert told(pattern) == [round(built[1], 1), round(listed[1], 1)]
