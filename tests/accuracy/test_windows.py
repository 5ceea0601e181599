"""Texts cut into windows, with the document of each token."""

import pytest
import torch

from mugi.accuracy import windows
from mugi.accuracy.settings import TextSettings
from mugi.errors import InputError


def test_joined_documents_are_cut_with_the_document_of_each_token(byte_tokenizer):
    documents = ["abcd", "é", "xyz" * 5]
    first, second = windows.joined(documents, byte_tokenizer, window=10, stride=6, limit=2)
    joined = byte_tokenizer("abcd\n\né\n\nxyzxyz")["input_ids"]  # é has two tokens
    assert first.tokens.tolist() == joined[:10]
    assert second.tokens.tolist() == joined[6:16]
    assert first.documents.tolist() == [0] * 6 + [1] * 4
    assert second.documents.tolist() == [1] * 4 + [2] * 6
    assert (first.first, second.first) == (1, 4)


def test_long_documents_alone_are_cut_at_the_window(byte_tokenizer):
    documents = iter(["short", "a" * 12, "b" * 10, "never asked for"])
    cut = windows.beginnings(documents, byte_tokenizer, window=10, limit=2)
    assert [window.tokens.shape for window in cut] == [(10,), (10,)]
    assert [set(window.documents) for window in cut] == [{1}, {2}]
    assert next(documents) == "never asked for"
    with pytest.raises(InputError, match="1 documents of at least 10 tokens; 2 are needed"):
        windows.beginnings(["a" * 20], byte_tokenizer, window=10, limit=2)


def test_a_text_is_cut_as_its_settings_say(byte_tokenizer, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("first text\n\nsecond text\n\nno")
    settings = {"name": str(path), "windows": 2, "window_tokens": 8, "kl_context_tokens": 1}
    alone = windows.windows_of(TextSettings(**settings, cut="documents"), byte_tokenizer)
    assert [byte_tokenizer.decode(window.tokens) for window in alone] == ["first te", "second t"]
    joined = windows.windows_of(TextSettings(**settings), byte_tokenizer)
    assert [byte_tokenizer.decode(window.tokens) for window in joined] == ["first te", "xt\n\nseco"]


@pytest.mark.parametrize("tokens, fits", [(28, True), (27, False)])
def test_a_text_must_hold_all_windows(tokens, fits):
    if fits:
        assert windows.sliding(torch.arange(tokens), 10, 9, 3).tolist()[-1][-1] == 27
        return
    with pytest.raises(
        InputError, match="3 windows of 10 tokens every 9 need 28 tokens; the text has 27"
    ):
        windows.sliding(torch.arange(tokens), 10, 9, 3)


@pytest.mark.parametrize(
    "settings, line",
    [
        ({"window_tokens": 1}, "window 1: must be at least 2 tokens"),
        ({"windows": 0}, "windows 0: must be at least 1"),
        ({"stride_tokens": 0, "cut": "joined"}, "stride 0: must be 1 to 256"),
        ({"stride_tokens": 128}, "stride 128: must be 256 \\(the window\\) unless the documents"),
        ({"kl_context_tokens": 256}, "kl-context 256: must be at least 1 and less than 256"),
        ({"name": "prosa"}, "unknown text 'prosa' \\(did you mean 'prose'\\?\\)"),
    ],
)
def test_settings_that_make_no_windows(settings, line):
    with pytest.raises(InputError, match=line):
        TextSettings(**settings)
