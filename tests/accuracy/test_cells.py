"""Finished measurements: read and not computed, keyed by what they mean."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import mugi.accuracy
from mugi.accuracy import cells as finished
from mugi.accuracy import evaluate as evaluating
from mugi.accuracy import predictions, rows
from mugi.accuracy.cells import Cells
from mugi.llm import load as loading
from mugi.methods.references import QUANTISED, references_of
from tests.accuracy.approximations import COARSE
from tests.accuracy.command import accuracy

ROOT = Path(__file__).parents[2]


def test_finished_cells_are_read_not_computed(checkpoint, tmp_path, monkeypatch):
    arguments = ["--approx", "softmax=exact", "--approx", str(COARSE), "--tasks", "mugi_mmlu_dev=2"]
    kept = ["--cells", str(tmp_path / "cells")]
    assert accuracy(checkpoint, tmp_path / "plain.csv", *arguments) == 0

    evaluate, calls = predictions.score_windows, []

    def interrupted(*args):
        for number, found in enumerate(evaluate(*args)):
            if number == 4:
                raise KeyboardInterrupt
            yield found

    def counted(model, windows, finished, *others):
        calls.append(sum(len(windows) - len(done) for done in finished.values()))
        return evaluate(model, windows, finished, *others)

    monkeypatch.setattr(predictions, "score_windows", interrupted)
    assert accuracy(checkpoint, tmp_path / "first.csv", *arguments, *kept) == 130
    assert not (tmp_path / "first.csv").exists()
    monkeypatch.setattr(predictions, "score_windows", counted)
    assert accuracy(checkpoint, tmp_path / "second.csv", *arguments, *kept) == 0
    assert calls == [3 * 3 - 4]  # 3 windows of native, exact and the approximation; 4 were kept

    def refused(*args):
        raise AssertionError("the model is not needed")

    monkeypatch.setattr(loading, "load", refused)
    assert accuracy(checkpoint, tmp_path / "third.csv", *arguments, *kept) == 0
    for name in ("second.csv", "third.csv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_out_of_memory_keeps_what_is_finished(checkpoint, tmp_path, capsys, monkeypatch):
    evaluate = predictions.score_windows

    def exhausted(*args):
        yield next(evaluate(*args))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(predictions, "score_windows", exhausted)
    output, cells = tmp_path / "accuracy.csv", tmp_path / "cells"
    assert accuracy(checkpoint, output, "--cells", str(cells)) == 2
    assert "mugi accuracy: out of memory; try batch size 1" in capsys.readouterr().err
    assert not output.exists()
    assert len(list(cells.glob("*/*.json"))) == 1


@pytest.mark.parametrize(
    "change", ["checkpoint", "windows", "llm", "methods", "packages", "context"]
)
def test_a_cell_of_something_else_is_not_read(change, checkpoint, tmp_path, monkeypatch):
    arguments = ["--cells", str(tmp_path / "cells"), "--windows", "1"]
    assert accuracy(checkpoint, tmp_path / "first.csv", *arguments) == 0
    cells = len(list(tmp_path.glob("cells/*/*.json")))
    if change == "checkpoint":
        (checkpoint / "generation_config.json").write_text("{}")
    elif change == "windows":
        monkeypatch.setitem(mugi.accuracy.VERSIONS, "windows", 99)
    elif change == "packages":
        monkeypatch.setattr(finished, "packages", lambda: {"torch": "other"})
    elif change == "context":
        arguments += ["--kl-context", "17"]
    else:
        monkeypatch.setattr(f"mugi.{change}.VERSION", 99)
    assert accuracy(checkpoint, tmp_path / "second.csv", *arguments) == 0
    assert len(list(tmp_path.glob("cells/*/*.json"))) == 2 * cells


def test_a_cell_without_a_reference_of_today_is_not_read(checkpoint, tmp_path, monkeypatch):
    """Nor are other cells measured again: those of approximations with the references they had."""
    int4 = "woq=int4:group=16"
    arguments = ["--cells", str(tmp_path / "cells"), "--windows", "1", f"--approx={int4}"]
    arguments += [f"--approx={COARSE}", f"--approx={COARSE};{int4}"]

    def before(approximation):
        return {k: v for k, v in references_of(approximation).items() if k != QUANTISED}

    with monkeypatch.context() as older:
        for module in (evaluating, predictions, rows):
            older.setattr(module, "references_of", before)
        assert accuracy(checkpoint, tmp_path / "first.csv", *arguments) == 0
    evaluate, lacking = predictions.score_windows, []

    def noted(model, windows, finished, *others):
        lacking.extend(map(str, finished))
        return evaluate(model, windows, finished, *others)

    monkeypatch.setattr(predictions, "score_windows", noted)
    assert accuracy(checkpoint, tmp_path / "second.csv", *arguments) == 0
    assert sorted(lacking) == sorted([f"softmax=exact;{int4}", f"{COARSE};{int4}"])
    assert "kl_divergence_nats,nats,quantised" in (tmp_path / "second.csv").read_text()


def test_a_version_of_other_measurements_changes_no_key(checkpoint, tmp_path, monkeypatch):
    arguments = ["--cells", str(tmp_path / "cells"), "--windows", "1"]
    assert accuracy(checkpoint, tmp_path / "first.csv", *arguments) == 0
    for kind in ("tasks", "examples", "tuning"):
        monkeypatch.setitem(mugi.accuracy.VERSIONS, kind, 99)
    monkeypatch.setattr(loading, "load", lambda *args: pytest.fail("the model was loaded"))
    assert accuracy(checkpoint, tmp_path / "second.csv", *arguments) == 0


@pytest.mark.slow
def test_rewording_the_program_runs_no_forward_pass(checkpoint, tmp_path):
    """Other docstrings and messages in every module: rules run again, but read the cells."""
    copied = tmp_path / "reworded"
    shutil.copytree(ROOT / "mugi", copied / "mugi")
    changed = 0
    for path in copied.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        reworded = text.replace("Return ", "Give ").replace("must be ", "has to be ")
        path.write_text(reworded, encoding="utf-8")
        changed += reworded != text
    assert changed > 50
    arguments = ["--window", "24", "--windows", "2", "--approx", str(COARSE)]
    arguments += ["--cells", str(tmp_path / "cells")]
    command = ["accuracy", str(checkpoint), *arguments, "-o"]
    program = """
import sys
from mugi.cli import main
import mugi.llm.load
passes = []
original = mugi.llm.load.load
def load(*args):
    model, tokenizer = original(*args)
    model.register_forward_hook(lambda *_: passes.append(1))
    return model, tokenizer
mugi.llm.load.load = load
status = main(sys.argv[1:])
print(len(passes))
sys.exit(status)
"""
    passes = {}
    for name, folder in [("first", ROOT), ("second", copied)]:
        done = subprocess.run(
            [sys.executable, "-c", program, *command, str(tmp_path / f"{name}.csv")],
            cwd=folder,
            env={"PATH": "", "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        passes[name] = int(done.stdout.splitlines()[-1])
    assert passes["first"] > 0
    assert passes["second"] == 0
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()


def test_only_a_gpu_has_a_cell_of_the_published_grouping_for_each_batch_size(checkpoint, tmp_path):
    arguments = ["--cells", str(tmp_path / "cells"), "--approx", "native"]
    arguments += ["--approx", "softmax=vlp:lut=12,max_exp=3,group=8,grouping=strided"]
    for size in ("1", "2"):  # native, exact and the method
        accuracy(checkpoint, tmp_path / "accuracy.csv", *arguments, "--batch-size", size)
        assert len(list(tmp_path.glob("cells/*/*.json"))) == 3


def test_a_damaged_cell_is_computed_again(tmp_path):
    cells = Cells(tmp_path)
    cells.write({"a": 1}, [1.5])
    (path,) = tmp_path.glob("*/*.json")
    assert cells.read({"a": 1}) == [1.5]
    whole = path.read_text()
    path.write_text(whole[:20])
    assert cells.read({"a": 1}) is None
    for word in ("NaN", "Infinity", "-Infinity"):  # which older versions kept
        path.write_text(whole.replace("1.5", word))
        assert cells.read({"a": 1}) is None
