"""What the pages on the cost model say to type works, and gives what they say."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from mugi import assumptions
from mugi.hardware import evaluate
from mugi.hardware.technology import fitted_sram, sram_row, technology
from tests.docs.outputs import undescribed_of
from tests.docs.pages import DOCS, shown_files

ACCELERATOR = DOCS / "howto" / "accelerator.md"
HARDWARE = (DOCS / "explained" / "hardware.md").read_text(encoding="utf-8")
FORMAT = DOCS / "reference" / "design.md"
FILES = shown_files(ACCELERATOR) | shown_files(FORMAT)
RUN = {"design": "mugi", "array_height": 32, "model": "llama_2_7b", "batch_size": 8, "seq_len": 512}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Write the files of the pages into an empty folder, and go there."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)


def test_the_array_of_the_page_is_as_fast_as_a_systolic_one():
    runs = pd.DataFrame([RUN | {"design": "my_array.yaml"}, RUN | {"design": "systolic"}])
    ours, systolic = evaluate(runs)["tokens_per_s"]
    assert ours == pytest.approx(systolic, rel=0.05)


def test_the_model_of_the_page():
    result = evaluate(pd.DataFrame([RUN | {"model": "my_model.yaml"}])).iloc[0]
    assert (result["layers"], result["kv_heads"]) == (32, 8)


def test_the_clock_changes_time_only_and_the_node_the_rest():
    """Area, leakage and energy go by the factors given."""
    table = yaml.safe_load(FILES["my_technology.yaml"])
    runs = pd.DataFrame([RUN | {"technology": name} for name in ("", "my_technology.yaml")])
    plain, scaled = evaluate(runs).itertuples()
    area, leakage, energy = (table["scaling"][key] for key in ("area", "leakage", "energy"))
    assert scaled.area_mm2 == pytest.approx(area * plain.area_mm2, rel=1e-12)
    assert scaled.leakage_mw == pytest.approx(leakage * plain.leakage_mw, rel=1e-12)
    assert scaled.dynamic_energy_nj == pytest.approx(energy * plain.dynamic_energy_nj, rel=1e-12)
    assert scaled.cycles == plain.cycles
    seconds = plain.cycles / (table["frequency_mhz"] * 1e6)
    assert scaled.runtime_s == pytest.approx(seconds, rel=1e-12)
    assert scaled.dram_energy_nj == plain.dram_energy_nj
    assert scaled.dram_leakage_mw == plain.dram_leakage_mw


def test_the_page_says_what_switches_do():
    """Named switches exist, and every stage is explained."""
    section = HARDWARE.split("## Assumptions")[1]
    named = re.findall(r"^\* `(\w+)(?:: \w+)?`", section, re.MULTILINE)
    assert len(named) >= 8 and set(named) <= set(assumptions.REGISTRY)
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(assumptions.STAGES)


def test_columns_of_a_run_are_described():
    table = evaluate(pd.DataFrame([RUN | {"assumption.precise_cycles": 44}]))
    assert undescribed_of("hardware/hardware.csv", list(table)) == []


def test_stated_errors_of_the_sram_fit():
    """Each row of the table, predicted from all the others."""
    text = FORMAT.read_text(encoding="utf-8")
    stated = [float(n) / 100 for n in re.findall(r"(\d+) %\s+(?:of|for)", text)]
    table = sorted((row.width, row.depth, *sram_row(row)) for row in technology().sram_rows)
    worst = np.zeros(4)
    for width, depth, *true in table:
        others = tuple(row for row in table if row[:2] != (width, depth))
        fitted = np.array(fitted_sram(others, width, depth))
        worst = np.maximum(worst, np.abs(fitted / true - 1))
    assert len(table) == 32 and len(stated) == 4
    assert (worst <= stated).all() and (worst > np.array(stated) - 0.01).all()
