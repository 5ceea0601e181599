"""What docs/hardware.md says to type works."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mugi.cli import main
from mugi.hardware import evaluate
from mugi.hardware.technology import sram_fit, sram_row, technology

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


def test_columns_are_documented():
    results = evaluate(pd.DataFrame([RUN]))
    for column in results:
        general = re.sub("projection|attention|ffn|output|softmax|silu", "G", column)
        assert f"`{general}`" in TEXT, column


def test_stated_errors_of_the_sram_fit():
    rows = technology()["sram"]
    stated = [float(n) / 100 for n in re.findall(r"(\d+) % (?:of|for)", TEXT)]
    costs = {(row["width"], row["depth"]): sram_row(row) for row in rows}
    fit = sram_fit(tuple(sorted((*key, *row) for key, row in costs.items())))
    assert fit.shape == (4, 3) and len(stated) == 4
    for (width, depth), true in costs.items():
        fitted = np.exp(fit @ [1, np.log(width), np.log(depth)])
        for value, truth, limit in zip(fitted, true, stated, strict=True):
            assert abs(value / truth - 1) <= limit
