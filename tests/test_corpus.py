"""The embedded text and questions."""

import hashlib

import pytest

from mugi.accuracy import corpus
from mugi.errors import InputError


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
