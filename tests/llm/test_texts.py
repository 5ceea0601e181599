"""The embedded texts and questions, and texts of the user."""

import hashlib

import datasets
import pytest

from mugi.errors import InputError
from mugi.llm import texts


def test_prose():
    documents = texts.prose_documents()
    text = "\n\n".join(documents)
    assert len(documents) == 138
    assert len(text) == 124_464
    assert hashlib.sha256(text.encode()).hexdigest().startswith("41d07a60598d")
    paragraphs = text.split("\n\n")
    assert len(paragraphs) == len(set(paragraphs)) == 184
    assert all(len(paragraph) > 300 and paragraph.isascii() for paragraph in paragraphs)


def test_questions():
    questions = texts.questions()
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
    algebra = texts.questions()[0]
    assert algebra["subject"] == "abstract_algebra"
    assert algebra["question"].startswith("Statement 1 |")
    assert algebra["choices"] == ["True, True", "False, False", "True, False", "False, True"]
    assert algebra["choices"][algebra["answer"]] == "True, False"


@pytest.mark.parametrize("read", [texts.prose_documents, texts.questions])
def test_other_text_is_refused(read, monkeypatch):
    monkeypatch.setattr(texts, "PROSE_SHA256", "0" * 12)
    monkeypatch.setattr(texts, "QUESTIONS_SHA256", "0" * 12)
    with pytest.raises(InputError, match=r"expected 000000000000…: is lm_eval the version pinned"):
        read()


def test_reference_topics_of_this_python():
    from pydoc_data.topics import topics

    documents = texts.pydoc_documents()
    assert len(documents) == len(topics) > 70
    assert documents[0].startswith('The "assert" statement')
    text = texts.text("pydoc")
    expected = hashlib.sha256("\n\n".join(documents).encode()).hexdigest()
    assert text.sha256 == expected == texts.sha256_of_task("mugi_pydoc")


def test_a_file_is_a_text_of_its_paragraphs(tmp_path):
    """Byte for byte: blank lines, ends of lines and spaces stay, a byte order mark does not."""
    path = tmp_path / "mine.txt"
    content = " one\r\nline more\n\n\n\ntwo \n\nthree\n\n"
    path.write_bytes(b"\xef\xbb\xbf" + content.encode())
    text = texts.text(str(path))
    assert text == texts.Text("mine", [" one\r\nline more", "", "two ", "three", ""])
    assert text.sha256 == hashlib.sha256(content.encode()).hexdigest()


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
        texts.text(name)


def test_the_first_tokens_of_documents_joined_by_blank_lines(tiny_llama, byte_tokenizer):
    tokens = texts.first_tokens(tiny_llama, byte_tokenizer, ["ab", "cd"], 5, 256)
    assert byte_tokenizer.decode(tokens) == "ab\n\nc"
    with pytest.raises(InputError, match="7 tokens of text are needed; there are 6"):
        texts.first_tokens(tiny_llama, byte_tokenizer, ["ab", "cd"], 7, 7)
    with pytest.raises(InputError, match="257 tokens a window: the model's context is 256 tokens"):
        texts.first_tokens(tiny_llama, byte_tokenizer, ["ab"], 1, 257)


def test_long_documents_of_c4(monkeypatch):
    lengths = [10, 4096, 4097, 5000]
    found = [{"text": "x" * length} for length in lengths]
    monkeypatch.setattr(datasets, "load_dataset", lambda *names, **settings: found)
    assert [len(document) for document in texts.c4_documents()] == [4097, 5000]

    def refuse(*names, **settings):
        raise OSError("no connection\nsecond line")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(InputError, match=r"text c4 \(allenai/c4 of the .*hub\): no connection$"):
        next(texts.c4_documents())


def test_without_lm_eval_is_one_line(monkeypatch):
    monkeypatch.setattr(texts.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="package lm_eval is not installed; run `make install`"):
        texts.prose_documents()
