"""Cells know which version of a hub data set they are of; the hub itself is not asked here."""

from types import SimpleNamespace

import datasets
import huggingface_hub
import pytest

from mugi.accuracy import harness
from mugi.cli import main
from mugi.llm import hub

TASK = """
task: numbers
tag: sums
dataset_path: org/numbers
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: ["one", "two"]
doc_to_target: answer
"""
GROUP = """
group: arithmetic
task:
  - sums
  - task: others
    dataset_path: org/others
    output_type: generate_until
"""


@pytest.fixture
def folder(tmp_path):
    """Tasks on data sets of the hub: one, its tag, and a group of the tag and another."""
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "numbers.yaml").write_text(TASK)
    (tasks / "arithmetic.yaml").write_text(GROUP)
    return tasks


@pytest.fixture
def asked(monkeypatch):
    """What the hub says a data set's commit is, if it is asked: changed by the test."""
    answer = {"org/numbers": "a" * 40}

    def dataset_info(self, dataset, **settings):
        if dataset not in answer:
            raise OSError("no connection.\nsecond line")
        return SimpleNamespace(sha=answer[dataset])

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    hub.revision.cache_clear()
    yield answer
    hub.revision.cache_clear()


@pytest.mark.parametrize(
    "name, expected",
    [
        ("numbers", ["org/numbers"]),
        ("sums", ["org/numbers"]),
        ("arithmetic", ["org/numbers", "org/others"]),
        ("mugi_prose", []),
    ],
)
def test_data_sets_of_tasks_tags_and_groups(folder, name, expected):
    assert harness.datasets_of(name, harness.task_manager([name], [folder])) == expected


def test_files_are_no_data_sets_of_the_hub(folder):
    for path in ("json", str(folder)):
        (folder / "numbers.yaml").write_text(TASK.replace("org/numbers", path))
        assert harness.datasets_of("numbers", harness.task_manager(["numbers"], [folder])) == []


def test_another_version_of_the_data_is_measured_anew(
    checkpoint, folder, asked, tmp_path, monkeypatch
):
    rows = [{"question": "1 + 1 =", "answer": 1}, {"question": "2 - 1 =", "answer": 0}]
    data = datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)})
    monkeypatch.setattr(datasets, "load_dataset", lambda **settings: data)
    arguments = ["--task-folder", str(folder), "--tasks", "numbers", "--windows", "0"]
    arguments += ["--dtype", "float32", "--task-window", "64", "--cells", str(tmp_path / "cells")]
    for commit, cells in [("a", 1), ("b", 2), ("a", 2)]:
        asked["org/numbers"] = commit * 40
        hub.revision.cache_clear()
        output = tmp_path / "out.csv"
        assert main(["accuracy", str(checkpoint), *arguments, "-o", str(output)]) == 0
        kept = list(tmp_path.glob("cells/*/*.json"))
        assert len(kept) == cells
        assert any(f'"org/numbers": "{commit * 40}"' in path.read_text() for path in kept)


@pytest.mark.parametrize(
    "arguments, dataset",
    [(["--tasks", "arithmetic"], "org/others"), (["--corpus", "c4"], "allenai/c4")],
)
def test_an_unknown_version_is_one_line(
    checkpoint, folder, asked, tmp_path, capsys, arguments, dataset
):
    output = tmp_path / "out" / "accuracy.csv"
    arguments = [*arguments, "--task-folder", str(folder), "--window", "64", "-o", str(output)]
    assert main(["accuracy", str(checkpoint), *arguments]) == 2
    (line,) = [e for e in capsys.readouterr().err.splitlines() if e.startswith("mugi accuracy:")]
    expected = f"data set {dataset} of the Hugging Face hub: no connection; it is not downloaded"
    assert line == f"mugi accuracy: {expected}"
    assert not output.exists()
