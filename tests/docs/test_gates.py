"""Numbers on the page of the array in gates are those of the table and of the model."""

import re

import pytest

from mugi.hardware import evaluate_hardware
from mugi.rtl import units
from tests.docs.pages import DOCS

TEXT = " ".join((DOCS / "explained" / "gates.md").read_text(encoding="utf-8").split())
RUN = {"model": "llama_2_70b_GQA", "batch_size": 8, "seq_len": 4096, "preset": "as-published"}
MUGI, SA = {"design": "mugi", "array_height": 256}, {"design": "systolic", "array_height": 16}


def told(pattern: str) -> list[float]:
    """Return the numbers that the page has where it matches `pattern`."""
    match = re.search(pattern, TEXT)
    assert match, f"the page has no '{pattern}'"
    return [float(number) for number in match.groups()]


@pytest.fixture(scope="module")
def sums():
    return units.array_sums(units.arrays(units.read_areas()))


def test_areas_of_arrays(sums):
    over = sums.loc["Mugi (256)"] / sums.loc["SA (16)"]
    pattern = r"has ([\d.]+) times the area of SA \(16\), not ([\d.]+)\."
    assert told(pattern) == [round(over["open_adders"], 1), round(over["published_adders"], 1)]
    subnormals = sums["open_adders"]["Mugi (256)"] / sums["open_adders"]["SA, subnormals (16)"]
    assert told(r"all else here does, the ratio is ([\d.]+)\.") == [round(subnormals, 1)]
    assert sums["open_adders"]["SA-F (16)"] < sums["open_adders"]["SA, BF16×INT4 (16)"]


def test_units():
    of = units.read_areas().set_index("unit")["area_adders"]
    parts = units.arrays(units.read_areas()).query("label == 'Mugi (256)'")
    parts = parts.set_index("part")["open_adders"]
    storage = parts["partial_sums"] + parts["deeper_output_fifos"]
    assert storage / parts.sum() == pytest.approx(1 / 3, abs=0.04)  # "a third"
    assert of["figna_pe"] / of["systolic_pe"] == pytest.approx(1 / 3, abs=0.04)  # "a third"
    doubled = of["bf16_multiplier_subnormals"] / of["bf16_multiplier"]
    assert doubled == pytest.approx(2, abs=0.2)
    flat = units.parts_of(units.load_units().arrays["mugi"], 8, units.read_areas())
    whole = flat[~flat["outside"]]["open_adders"].sum() / of["mugi_array_8"] - 1
    assert told(r"sum of parts is ([\d.]+) % above") == [round(100 * whole, 1)]
    assert of["bf16_adder"] < of["waiting_products"]  # a second adder in place of what waits


def test_the_switches_at_published_prices():
    deep = MUGI | {"assumption.row_storage": ["listed", "sums_in_ofifo"]}
    figna = SA | {"variant": "figna", "assumption.figna_pe": "synthesised"}
    table = evaluate_hardware(grids=[RUN | part for part in (deep, SA, figna)])
    listed, deep, rival, built = table[["area_mm2", "tokens_per_j"]].to_numpy()
    numbers = r"from ([\d.]+) to ([\d.]+) in on-chip area and from ([\d.]+) to ([\d.]+) in tokens"
    ratios = [*(listed / rival), *(deep / rival)]
    assert told(numbers) == [round(ratios[n], 2) for n in (0, 2, 1, 3)]
    pattern = r"then has ([\d.]+) tokens per joule, more than Mugi's ([\d.]+)\."
    assert told(pattern) == [round(built[1], 1), round(listed[1], 1)]
