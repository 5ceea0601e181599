"""The embedded texts and questions, texts of the user, and the tasks made from BIG-bench."""

import hashlib
import io
import json
import tarfile

import pytest

from mugi.accuracy import bigbench
from mugi.cli import main
from mugi.errors import InputError
from mugi.llm import texts as corpus


def test_prose():
    documents = corpus.prose_documents()
    text = "\n\n".join(documents)
    assert len(documents) == 138
    assert len(text) == 124_464
    assert hashlib.sha256(text.encode()).hexdigest().startswith("41d07a60598d")
    paragraphs = text.split("\n\n")
    assert len(paragraphs) == len(set(paragraphs)) == 184
    assert all(len(paragraph) > 300 and paragraph.isascii() for paragraph in paragraphs)


def test_questions():
    questions = corpus.questions()
    assert len(questions) == 282
    options = [len(question["choices"]) for question in questions]
    assert (options.count(4), options.count(5)) == (281, 1)
    for question in questions:
        assert question["subject"]
        assert question["question"]
        assert all(question["choices"])
        assert 0 <= question["answer"] < len(question["choices"])
        assert "answer is" not in question["question"]
    assert {question["answer"] for question in questions} >= {0, 1, 2, 3}


def test_a_question_read_by_hand():
    algebra = corpus.questions()[0]
    assert algebra["subject"] == "abstract_algebra"
    assert algebra["question"].startswith("Statement 1 |")
    assert algebra["choices"] == ["True, True", "False, False", "True, False", "False, True"]
    assert algebra["choices"][algebra["answer"]] == "True, False"


@pytest.mark.parametrize("read", [corpus.prose_documents, corpus.questions])
def test_other_text_is_refused(read, monkeypatch):
    monkeypatch.setattr(corpus, "PROSE_SHA256", "0" * 12)
    monkeypatch.setattr(corpus, "QUESTIONS_SHA256", "0" * 12)
    with pytest.raises(InputError, match=r"expected 000000000000…: is lm_eval the version pinned"):
        read()


def test_reference_topics_of_this_python():
    from pydoc_data.topics import topics

    documents = corpus.pydoc_documents()
    assert len(documents) == len(topics) > 70
    assert documents[0].startswith('The "assert" statement')
    text = corpus.text("pydoc")
    expected = hashlib.sha256("\n\n".join(documents).encode()).hexdigest()
    assert text.sha256 == expected == corpus.sha256_of_task("mugi_pydoc")


def test_a_file_is_a_text_of_its_paragraphs(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("one\nline more\n\n\n\ntwo\n\nthree")
    text = corpus.text(str(path))
    assert text == corpus.Text("mine", ["one\nline more", "two", "three"])


@pytest.mark.parametrize(
    "name, content, line",
    [
        ("prosa", None, r"unknown text 'prosa' \(did you mean 'prose'\?\)"),
        ("empty.txt", b"", "no text in it"),
        ("latin.txt", "é".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_what_is_no_text_gets_one_line(name, content, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=line):
        corpus.text(name)


# --- BIG-bench ----------------------------------------------------------------------------------


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
    loaded = {name: harness.load_task(name, manager, 0, None)["tasks"] for name in names}
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
