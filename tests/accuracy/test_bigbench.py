"""BIG-bench tasks made from the package that holds their data."""

import hashlib
import io
import json
import tarfile

import pytest

from mugi.accuracy import bigbench
from mugi.accuracy.settings import TaskSettings
from mugi.cli import main
from mugi.llm import texts as corpus


@pytest.fixture
def sdist(tmp_path, monkeypatch):
    """A small archive in the form of the package's."""
    question = {"input": "Who? ", "target_scores": {"me": 0, "you": 1, "they": 0}}
    contents = {task: {"examples": [question]} for task in bigbench.CHOICES.values()}
    texts = [{"input": f"Text {number}.\n\nMore.\n"} for number in range(2001)]
    contents[bigbench.WIKIPEDIA] = {"examples": texts}
    path = tmp_path / "bigbench-1.0.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for task, content in contents.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(f"bigbench-1.0.0/bigbench/benchmark_tasks/{task}/task.json")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    monkeypatch.setattr(bigbench, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_bigbench_becomes_tasks_that_lm_eval_loads(sdist, tmp_path):
    from mugi.accuracy import harness

    folder = tmp_path / "tasks"
    assert main(["bigbench", "--sdist", str(sdist), "-o", str(folder)]) == 0
    names = ["mugi_social_iqa", "mugi_goal_step_wikihow", "mugi_wikipedia"]
    manager = harness.task_manager(names, [folder])
    loaded = {name: harness.load_task(TaskSettings(name=name), manager)["tasks"] for name in names}
    parts = {"mugi_goal_inference", "mugi_step_inference", "mugi_step_ordering"}
    assert set(loaded["mugi_goal_step_wikihow"]) == parts
    (task,) = loaded["mugi_social_iqa"].values()
    (document,) = task.test_docs()
    assert task.doc_to_text(document) == "Q: Who?\nA:"
    assert task.doc_to_choice(document) == ["me", "you", "they"]
    assert task.doc_to_target(document) == 1
    (task,) = loaded["mugi_wikipedia"].values()
    texts = [document["text"] for document in task.test_docs()]
    assert (len(texts), texts[0], texts[-1]) == (1000, "Text 1000.\nMore.", "Text 1999.\nMore.")
    assert corpus.text(str(folder / "wikipedia.txt")).documents == texts


def test_another_archive_is_refused(sdist, tmp_path, capsys):
    sdist.write_bytes(sdist.read_bytes() + b"\0")
    folder = tmp_path / "tasks"
    assert main(["bigbench", "--sdist", str(sdist), "-o", str(folder)]) == 2
    assert "has sha256" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_bigbench_without_an_index_gets_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert main(["bigbench", "-o", str(tmp_path / "tasks")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "bigbench==1.0.0 cannot be fetched: " in line
