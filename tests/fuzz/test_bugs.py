"""A bug deep inside surfaces as one, in every family of commands; nothing says: bad input."""

import ast
import importlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mugi.cli import main
from tests.docs.pages import ROOT
from tests.fuzz.test_explore import STEPS
from tests.fuzz.test_hardware import SMALL
from tests.fuzz.test_tables import ACCURACY, RESULTS
from tests.hardware.test_huggingface import LLAMA
from tests.test_claims import CLAIM, RUNS, written

METHOD = "vlp:lut=9,max_exp=3,mantissa=2"
DRAWN = f"--draw exp=normal:mean=0,std=3 --softmax {METHOD}"
BROAD = {"Exception", "BaseException"}
# a command, and a function far below it, by its module, that is broken
COMMANDS = [
    ("evaluate runs.csv", "mugi.hardware.memory", "gemm_words"),
    ("evaluate --grid grids.yaml", "mugi.hardware.lengths", "_mistake"),
    ("explore sweep.yaml -o t.csv", "mugi.hardware.technology", "sram_row"),
    ("models import config.json", "mugi.hardware.layers", "_heads"),
    ("models import config.json", "mugi.hardware.model", "_head_mistakes"),
    ("carbon results.csv -o t.csv", "mugi.carbon", "g_per_mm2"),
    ("collect runs.csv runs.csv -o t.csv", "mugi.files", "_check_heading"),
    ("claims claims/runs.csv -o t.csv --ledger ledger.yaml", "mugi.quantities", "_equal"),
    ("claims check --ledger ledger.yaml", "mugi.units", "_of"),
    ("compare ours theirs", "mugi.compare", "_agree"),
    (f"approximate exp -4 0 --method {METHOD} -o t.csv", "mugi.methods.vlp", "_fields"),
    (f"fit {DRAWN} -o t.csv", "mugi.analysis.distribution", "rounded"),
    (f"weigh {DRAWN} -o t.csv", "mugi.analysis.distribution", "_finite"),
    (f"lookup exp {METHOD} --input -1 -o t.csv", "mugi.analysis.lookup", "_entries_read"),
    ("trace gemm -o t.csv", "mugi.array.trace", "_table"),
    ("simulate --array-height 8 --windows 2 -o t.csv", "mugi.array.gemm", "multiples"),
    ("check", "mugi.hardware.lengths", "_mistake"),
    ("accuracy tiny --windows 1 -o t.csv", "mugi.llm.complete", "check_tokenizer"),
    ("profile tiny --length 16 -o t.parquet", "mugi.llm.complete", "check_weights"),
    ("prepare tiny -o model", "mugi.llm.checkpoint", "_sums"),
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a small good input for every command."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame([SMALL]).to_csv("runs.csv", index=False)
    for name, content in {"grids": [SMALL], "sweep": STEPS}.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump(content))
    Path("config.json").write_text(json.dumps(LLAMA))
    RESULTS.to_csv("results.csv", index=False)
    written(Path("ledger.yaml"), **{"A-1": CLAIM})
    Path("claims").mkdir()
    RUNS.to_csv("claims/runs.csv", index=False)
    shutil.copy(ROOT / "config.yaml", tmp_path)
    for side in ("ours", "theirs"):
        Path(side, "accuracy").mkdir(parents=True)
        ACCURACY.to_csv(Path(side, "accuracy", "accuracy.csv"), index=False)
    return tmp_path


@pytest.mark.parametrize(("command", "module", "function"), COMMANDS)
def test_a_bug_deep_inside_surfaces(command, module, function, project, request, monkeypatch):
    if " tiny --" in command:
        request.getfixturevalue("checkpoint")
    importlib.import_module(f"mugi.commands.{command.split()[0]}")
    monkeypatch.setattr(importlib.import_module(module), function, None)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        main(command.split())
    assert not list(project.glob("t.*"))


def broad_handlers(tree: ast.AST) -> list[int]:
    """Return the lines of handlers that take every error, and do not raise it again."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.walk(node.type or ast.Name("Exception"))
            named = {part.id for part in caught if isinstance(part, ast.Name)}
            raises = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            lines += [node.lineno] if named & BROAD and not raises else []
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            lines += [node.lineno] if BROAD & {ast.unparse(one) for one in node.args} else []
    return lines


def test_nothing_takes_every_error():
    assert broad_handlers(ast.parse("try: f()\nexcept (ValueError, Exception): pass")) == [2]
    assert broad_handlers(ast.parse("try: f()\nexcept: pass")) == [2]
    assert broad_handlers(ast.parse("with suppress(BaseException): pass")) == [1]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("mugi", "figures", "workflow", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in broad_handlers(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
