"""Numbers on the page of how sure and where are those of the tables."""

import re

import pytest

from mugi.judge.breakeven import break_even
from mugi.judge.sure import how_sure
from mugi.judge.where import where_it_holds
from tests.docs.pages import DOCS

TEXT = " ".join((DOCS / "explained" / "judge.md").read_text(encoding="utf-8").split())


def told(pattern: str) -> list[float]:
    """Return the numbers that the page has where it matches `pattern`."""
    match = re.search(pattern, TEXT)
    assert match, f"the page has no '{pattern}'"
    return [float(number) for number in match.groups()]


def test_intervals():
    table = how_sure(3000)  # enough for the digits that are told
    told_not = table["probability"].between(0.001, 0.999, inclusive="neither")
    assert not told_not.any()  # "no probability lies between"
    rows = table[(table["rival"] == "SA (16)") & (table["model"] == "llama_2_70b_GQA")]
    rows = rows.set_index("metric")[["value", "low", "high"]].round(2)
    interval = r"([\d.]+) \(([\d.]+) to ([\d.]+)\)"
    patterns = {
        "tokens_per_joule": rf"70B GQA are {interval}",
        "tokens_per_joule_with_dram": rf"power too {interval}",
        "tokens_per_joule_with_dram_traffic": rf"traffic {interval}",
        "throughput_per_area": rf"and mm² are {interval}",
        "area": r"The area is ([\d.]+) of Mugi's \(([\d.]+) to ([\d.]+)\)",
    }
    for metric, pattern in patterns.items():
        # draws of another number may round to the next digit
        assert told(pattern) == pytest.approx(list(rows.loc[metric]), abs=0.0101)


def test_maps():
    table = where_it_holds(["llama_2_70b_GQA"], [8, 16], [128, 4096, 8192], [256])
    own = table[table["rival_kind"] == "systolic_equal_peak"]
    speed = own[own["metric"] == "throughput"].set_index(["batch_size", "seq_len"])["ratio"]
    expected = [speed[16, 128], speed[16, 8192]]
    assert told(r"is ([\d.]+) at 128 positions and ([\d.]+) at 8,192") == [
        round(ratio, 2) for ratio in expected
    ]
    assert own.loc[own["batch_size"] == 8, "holds"].all()
    per_area = own[own["metric"] == "throughput_per_area"].set_index(["batch_size", "seq_len"])
    assert per_area["ratio"][16, 4096] < 1 < per_area["ratio"][16, 8192]
    paper = table[table["is_paper_point"]].set_index(["rival_kind", "metric"])["ratio"]
    tensor = paper["tensor_core", "tokens_per_joule_with_dram"]
    assert told(r"([\d.]+) at the paper's point") == [round(tensor, 2)]
    traffic = paper["tensor_core", "tokens_per_joule_with_dram_traffic"]
    assert told(r"alone Mugi has ([\d.]+) times") == [round(traffic, 2)]


def test_break_even():
    table = break_even()
    rows = table[(table["grid"] == "world_2022") & (table["energy_scope"] == "on_chip")]
    mugi = rows[rows["design"] == "mugi"].set_index(["cpa", "array_height"])
    grids = mugi["break_even_g_per_kwh"].round(1)
    pattern = r"less than ([\d.]+) g/kWh \(of 64 rows ([\d.]+), of 512 rows ([\d.]+)"
    assert told(pattern) == [grids["energy_only", height] for height in (256, 64, 512)]
    assert told(r"28 nm it is ([\d.]+) g/kWh") == [grids["act_28nm", 256]]
    row = mugi.loc[("energy_only", 256)]
    product = row["break_even_years"] * row["carbon_intensity_g_per_kwh"]
    assert told(r"use without a pause, (\d+),") == [round(product)]
    assert round(row["break_even_years"] * 365 / 7) == 7  # "after seven weeks"
