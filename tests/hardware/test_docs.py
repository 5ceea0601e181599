"""What docs/hardware.md says to type works."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mugi import assumptions
from mugi.cli import main
from mugi.hardware import evaluate
from mugi.hardware.technology import sram_fit, sram_row, sram_terms, technology

TEXT = (Path(__file__).parents[2] / "docs" / "hardware.md").read_text()
FILES = dict(re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", TEXT, re.DOTALL))
RUN = {"design": "mugi", "array_height": 32, "model": "llama_2_7b", "batch_size": 8, "seq_len": 512}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Write the files of the text into an empty folder, and go there."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)


def test_design(capsys):
    command = re.search(r"`mugi (evaluate --design my_array.yaml.*?)`", TEXT).group(1)
    assert main(shlex.split(command)) == 0
    assert "output_register" in capsys.readouterr().out
    frame = pd.DataFrame([RUN | {"design": "my_array.yaml"}, RUN | {"design": "systolic"}])
    ours, systolic = evaluate(frame)["tokens_per_s"]
    assert ours == pytest.approx(systolic, rel=0.05)


def test_model():
    result = evaluate(pd.DataFrame([RUN | {"model": "my_model.yaml"}])).iloc[0]
    assert (result["layers"], result["kv_heads"]) == (32, 8)


def test_assumption(monkeypatch, capsys):
    """Follow the text: the entry, the branch, the command; without the flip nothing changes."""
    entry = re.search(r"```yaml\n# in mugi/assumptions.yaml\n(.*?)```", TEXT, re.DOTALL).group(1)
    Path("entry.yaml").write_text(entry)
    (switch,) = assumptions.load_assumptions("entry.yaml").values()
    old, branch = re.search(r"```yaml\n# instead of (.*?)\n +(.*?)\n```", TEXT).groups()
    head, tail = FILES["my_array.yaml"].split("array_gemm:\n")
    command = re.search(r"`mugi (evaluate [^`]*--assume output_drain=exposed)`", TEXT).group(1)
    assert main(shlex.split(command)) == 2
    assert "unknown assumption 'output_drain'" in capsys.readouterr().err
    monkeypatch.setitem(assumptions.REGISTRY, switch.name, switch)
    plain = evaluate(pd.DataFrame([RUN | {"design": "my_array.yaml"}])).iloc[0]
    Path("my_array.yaml").write_text(f"{head}array_gemm:\n{tail.replace(old, branch)}")
    assert main(shlex.split(command)) == 0
    runs = [
        RUN | {"design": "my_array.yaml", "assumption.output_drain": v} for v in ("", "exposed")
    ]
    hidden, exposed = evaluate(pd.DataFrame(runs)).itertuples()
    assert hidden.cycles == plain.cycles < exposed.cycles
    assert exposed.dynamic_energy_nj == hidden.dynamic_energy_nj == plain.dynamic_energy_nj


def test_text_says_what_the_switches_do():
    """Named switches exist, and every stage is explained."""
    section = TEXT.split("## Assumptions")[1].split("## ")[0]
    named = re.findall(r"^\* `(\w+)(?:: \w+)?`", section, re.MULTILINE)
    assert len(named) >= 8 and set(named) <= set(assumptions.REGISTRY)
    stages = {stage for entry in assumptions.REGISTRY.values() for stage in entry.stages}
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == stages


def test_technology(capsys):
    """The clock changes time only, the node area, leakage and energy by the factors given."""
    command = re.search(r"`mugi (evaluate [^`]*my_technology.yaml)`", TEXT).group(1)
    assert main(shlex.split(command)) == 0
    assert "throughput" in capsys.readouterr().out
    table = yaml.safe_load(FILES["my_technology.yaml"])
    plain, scaled = evaluate(
        pd.DataFrame([RUN | {"technology": name} for name in ("", "my_technology.yaml")])
    ).itertuples()
    area, leakage, energy = (table["scaling"][key] for key in ("area", "leakage", "energy"))
    assert scaled.area_mm2 == pytest.approx(area * plain.area_mm2, rel=1e-12)
    assert scaled.leakage_mw == pytest.approx(leakage * plain.leakage_mw, rel=1e-12)
    assert scaled.dynamic_energy_nj == pytest.approx(energy * plain.dynamic_energy_nj, rel=1e-12)
    assert scaled.cycles == plain.cycles
    seconds = plain.cycles / (table["frequency_mhz"] * 1e6)
    assert scaled.runtime_s == pytest.approx(seconds, rel=1e-12)
    assert scaled.dram_energy_nj == plain.dram_energy_nj
    assert scaled.dram_leakage_mw == plain.dram_leakage_mw


def test_columns_are_documented():
    results = evaluate(pd.DataFrame([RUN]))
    for column in results:
        general = re.sub("projection|attention|ffn|output|softmax|silu", "G", column)
        assert f"`{general}`" in TEXT, column


def test_stated_errors_of_the_sram_fit():
    """Each row of the table, predicted from all the others."""
    stated = [float(n) / 100 for n in re.findall(r"(\d+) % (?:of|for)", TEXT)]
    rows = {(r["width"], r["depth"]): sram_row(r) for r in technology()["sram_rows"]}
    table = np.array(sorted((*key, *row) for key, row in rows.items()))
    worst = np.zeros(4)
    for left_out in range(len(table)):
        fit = sram_fit(tuple(map(tuple, np.delete(table, left_out, axis=0))))
        width, depth, *true = table[left_out]
        worst = np.maximum(worst, np.abs(np.exp(sram_terms(width, depth) @ fit) / true - 1))
    assert len(rows) == 32 and len(stated) == 4
    assert (worst <= stated).all() and (worst > np.array(stated) - 0.01).all()
