"""A key that stands twice is refused with file, line and key in every kind of YAML file."""

import re
from pathlib import Path

import pytest
import yaml

from mugi import carbon, config, figures
from mugi.assumptions import load_assumptions
from mugi.cli import main
from mugi.commands.evaluate import read_grids
from mugi.errors import InputError
from mugi.explore import load_sweep
from mugi.hardware.design import load_design
from mugi.hardware.model import load_model
from mugi.hardware.technology import technology
from mugi.ledger import load_ledger

ROOT = Path(__file__).parents[1]
HARDWARE = ROOT / "mugi" / "hardware"
GRIDS = "-\n  design: mugi\n  array_height: 64\n  model: llama_2_7b\n"
# kind -> reader of a path, and a good file or its text
KINDS = {
    "configuration": (config.read, ROOT / "config.yaml"),
    "configuration on top": (
        lambda path: config.read(ROOT / "config.yaml", path),
        "sweep:\n  a: 1",
    ),
    "design": (load_design, HARDWARE / "designs" / "mugi.yaml"),
    "technology": (technology, HARDWARE / "technology" / "45nm.yaml"),
    "model": (load_model, HARDWARE / "models" / "llama_2_7b.yaml"),
    "grids": (read_grids, GRIDS),
    "sweep": (load_sweep, "runs:\n" + GRIDS),
    "ledger": (load_ledger, ROOT / "mugi" / "claims.yaml"),
    "assumptions": (load_assumptions, ROOT / "mugi" / "assumptions.yaml"),
    "carbon": (carbon.load_constants, ROOT / "mugi" / "carbon.yaml"),
    "figures": (figures.load_figures, ROOT / "mugi" / "figures.yaml"),
}


def doubled(text: str) -> tuple[str, int, str]:
    """Return YAML with its deepest plain line twice, the number of that line, and its key."""
    lines = text.splitlines()
    plain = [
        (len(match[1]), -number, match[2])
        for number, line in enumerate(lines, 1)
        if (match := re.fullmatch(r"( *)(\w+): [\w.]+", line))
        or (match := re.fullmatch(r"( *)(\w+): \{[^{}]*\}", line))
    ]
    _, number, key = max(plain)
    lines.insert(-number, lines[-number - 1])
    yaml.safe_load("\n".join(lines))  # which takes the last
    return "\n".join(lines), -number, key


@pytest.mark.parametrize("kind", KINDS)
def test_file_line_and_key(kind, tmp_path):
    reader, good = KINDS[kind]
    text, line, key = doubled(good if isinstance(good, str) else good.read_text("utf-8"))
    path = tmp_path / "twice.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        reader(str(path))
    said = f"{path}:{line + 1}: key '{key}' is there twice, first in line {line}"
    assert str(error.value) == said


def test_what_a_design_extends(tmp_path, capsys):
    (tmp_path / "base.yaml").write_text("extends: [systolic]\nsummary: a\nsummary: b\n")
    (tmp_path / "own.yaml").write_text(f"extends: [{tmp_path}/base.yaml]\n")
    path = str(tmp_path / "own.yaml")
    run = ["--array-height=16", "--model=llama_2_7b", "--batch-size=1", "--seq-len=128"]
    assert main(["evaluate", f"--design={path}", *run]) == 2
    assert "base.yaml:3: key 'summary' is there twice, first in line 2" in capsys.readouterr().err


def test_nothing_else_reads_yaml():
    """So that the check above is that of all kinds there are."""
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("mugi", "figures")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"yaml\.(\w*load|compose|construct)|SafeLoader", path.read_text("utf-8"))
    }
    assert readers == {"mugi/documents.py"}
