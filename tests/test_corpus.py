"""The embedded texts and questions, and texts of the user."""

import hashlib

import pytest

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
