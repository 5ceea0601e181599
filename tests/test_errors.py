"""Mistakes: where, what, what is allowed, the nearest valid name; one line each."""

import os

import pytest

from mugi.errors import (
    LONGEST,
    InputError,
    Mistake,
    check_file,
    closest,
    first_line,
    raise_all,
    unknown,
)


def test_a_mistake_is_a_line():
    mistake = unknown("design", "mugy", ["mugi", "carat"])
    assert str(mistake) == "unknown design 'mugy' (did you mean 'mugi'?); one of: mugi, carat"
    assert str(Mistake("missing", "a.yaml:3: x")) == "a.yaml:3: x: missing"
    assert str(unknown("design", "zzz", ["mugi"])) == "unknown design 'zzz'; one of: mugi"


def test_places_are_added_from_the_inside_out():
    mistake = Mistake("must be positive").at("area").at("logic.pe").at("t.yaml:9")
    assert str(mistake) == "t.yaml:9: logic.pe: area: must be positive"


def test_an_error_has_all_mistakes_and_a_place():
    error = InputError("first", unknown("x", "b", ["a"])).at("f.yaml")
    assert str(error) == "f.yaml: first\nf.yaml: unknown x 'b'; one of: a"
    assert [mistake.where for mistake in error.mistakes] == ["f.yaml", "f.yaml"]
    assert isinstance(error, ValueError)


def test_nothing_is_raised_for_no_mistakes():
    raise_all([])
    with pytest.raises(InputError, match="one"):
        raise_all(["one"])


def test_what_is_too_different_is_not_suggested():
    assert closest("batchsize", ["batch_size", "seq_len"]) == "batch_size"
    assert closest("zzz", ["batch_size"]) == ""


def test_the_first_line_is_whole():
    assert first_line(ValueError("wrong\nmore")) == "wrong"
    assert first_line(ValueError("one of: \n(1) this:\n\n that \nmore")) == "one of: (1) this: that"
    assert first_line(ValueError("ends so:")) == "ends so:"
    assert first_line(ValueError()) == "ValueError"


def test_text_of_a_file_neither_ends_lines_nor_moves_a_terminal():
    text = "a\nb\r\x1b[31m\x00\u2028\u202e\ud800é—…"
    line = str(Mistake(f"'{text}'", text))
    assert line.splitlines() == [line] and line.isprintable()
    assert r"a\nb\r\x1b[31m\x00\u2028\u202e\ud800é—…" in line
    assert len(str(Mistake("x" * 10**6, "y" * 10**6, ("one",), "one"))) < 2 * LONGEST + 50


@pytest.mark.parametrize("path", ["pipe", "folder", "nothing", "/dev/zero"])
def test_what_is_no_file_is_not_opened(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"not a file|No such file"):
        check_file(tmp_path / path)
