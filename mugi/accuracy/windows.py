"""Cutting texts into windows of tokens, with the document of each token."""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from mugi.accuracy.settings import TextSettings
from mugi.errors import InputError
from mugi.llm import texts


class Window(NamedTuple):
    """Tokens seen at once, int64 (tokens,).

    first: the place of the first one that is scored, at least 1; documents: of each token, int.
    """

    tokens: torch.Tensor
    first: int
    documents: np.ndarray


def windows_of(settings: TextSettings, tokenizer, bos: bool | None = None) -> list[Window]:
    """Return the windows of a text; bos: see `texts.encoded`. Raises InputError if it is too short
    for them."""
    is_c4, window = settings.name == texts.C4, settings.window_tokens
    limit = None if settings.windows == "all" else settings.windows
    documents = texts.c4_documents() if is_c4 else texts.text(settings.name).documents
    if settings.cut == "documents":
        return beginnings(documents, tokenizer, window, limit, bos)
    return joined(documents, tokenizer, window, settings.stride_tokens, limit, bos)


def beginnings(
    documents: Iterable[str], tokenizer, window: int, limit: int | None, bos: bool | None = None
) -> list[Window]:
    """Return one window for each of the first `limit` documents (None: all) of at least `window`
    tokens, BOS among them. They are cut at the window."""
    tokens = enumerate(texts.encoded(tokenizer, text, bos)[0] for text in documents)
    long = list(islice(((n, ids) for n, ids in tokens if len(ids) >= window), limit))
    if len(long) < (limit or 1):
        raise InputError(
            f"the text has {len(long)} documents of at least {window} tokens; "
            f"{limit or 1} are needed"
        )
    return [Window(torch.tensor(ids[:window]), 1, np.full(window, n)) for n, ids in long]


def joined(
    documents: list[str],
    tokenizer,
    window: int,
    stride: int,
    limit: int | None,
    bos: bool | None = None,
) -> list[Window]:
    """Return the first `limit` windows (None: all whole ones) of documents joined by blank lines,
    with BOS in front of the text, once.

    The first token of the text is not scored; where windows overlap, only the tokens that the
    window before did not hold are.
    """
    if not tokenizer.is_fast:
        raise InputError("the model's tokenizer does not say where its tokens are in the text")
    ids, places = texts.encoded(tokenizer, texts.SEPARATOR.join(documents), bos, places=True)
    lengths = [len(document) + len(texts.SEPARATOR) for document in documents]
    owners = np.searchsorted(np.cumsum(lengths), places, side="right")
    cut = sliding(torch.tensor(ids), window, stride, limit)
    owners = sliding(torch.from_numpy(owners), window, stride, limit).numpy()
    firsts = [1] + [max(1, window - stride)] * (len(cut) - 1)
    return [Window(*window) for window in zip(cut, firsts, owners, strict=True)]


def sliding(tokens: torch.Tensor, window: int, stride: int, limit: int | None) -> torch.Tensor:
    """Return the first `limit` whole windows of a text's tokens (None: all), (windows, window)."""
    count = limit or 1
    needed = window + (count - 1) * stride
    if len(tokens) < needed:
        raise InputError(
            f"{count} windows of {window} tokens every {stride} need {needed} tokens; "
            f"the text has {len(tokens)}"
        )
    return tokens.unfold(0, window, stride)[:limit]
