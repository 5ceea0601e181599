"""docs/approximations.md: its own method, and its commands."""

import re
from pathlib import Path

import pandas as pd

from mugi import methods
from mugi.cli import main
from mugi.config.docs import parameter_table

ROOT = Path(__file__).parents[2]


def test_the_method_of_the_docs_can_be_added(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "approximations.md").read_text(encoding="utf-8")
    namespace = {}
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], namespace)
    monkeypatch.setitem(methods.METHODS, "nearest", namespace["Nearest"])
    command = re.findall(r"^mugi (fit .*nearest.*)$", text, re.M)[0]
    arguments = [part.strip("'") for part in command.split()]
    arguments[-1] = str(tmp_path / "fit.csv")
    assert main(arguments) == 0
    table = pd.read_csv(tmp_path / "fit.csv")
    error = table[table["error"] == "weighted_absolute_error"].set_index("method")["value"]
    assert error["nearest:points=256,range=16"] < 0.1 * error["nearest:points=16,range=16"]
    approximate = ["approximate", "silu", "-4", "4", "--method", "nearest:points=64,range=8"]
    assert main([*approximate, "-o", str(tmp_path / "silu.csv")]) == 0
    table = pd.read_csv(tmp_path / "silu.csv")
    assert table.loc[table["x"] > 1, "relative_error_percent"].abs().max() < 20
    assert "| `nearest` | `points` |" in parameter_table()
    assert methods.parse("nearest:points=2,range=4").stack("silu").tables.shape == (1, 1 << 16)


def test_commands_of_the_docs_run(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "approximations.md").read_text(encoding="utf-8").replace("\\\n", "")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^mugi ((?:fit|lookup|approximate) .*?)(?:#.*)?$", text, re.M)
    run = [c for c in commands if "profile" not in c and "nearest" not in c]
    assert len(run) == 5
    for command in run:
        assert main([part.strip("'") for part in command.split()]) == 0, command
