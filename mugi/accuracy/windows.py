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


def windows_of(settings: TextSettings, tokenizer) -> list[Window]:
    """Return the windows of a text. Raises InputError if it is too short for them."""
    is_c4, window, limit = settings.name == texts.C4, settings.window_tokens, settings.windows
    documents = texts.c4_documents() if is_c4 else texts.text(settings.name).documents
    if settings.cut == "documents":
        return beginnings(documents, tokenizer, window, limit)
    return joined(documents, tokenizer, window, settings.stride_tokens, limit)


def beginnings(documents: Iterable[str], tokenizer, window: int, limit: int) -> list[Window]:
    """Return one window for each of the first `limit` documents of at least `window` tokens.

    The documents begin with the BOS token, if the tokenizer sets one, and are cut at the window.
    """
    encoded = enumerate(tokenizer(text, verbose=False)["input_ids"] for text in documents)
    long = list(islice(((n, ids) for n, ids in encoded if len(ids) >= window), limit))
    if len(long) < limit:
        raise InputError(
            f"the text has {len(long)} documents of at least {window} tokens; {limit} are needed"
        )
    return [Window(torch.tensor(ids[:window]), 1, np.full(window, n)) for n, ids in long]


def joined(documents: list[str], tokenizer, window: int, stride: int, limit: int) -> list[Window]:
    """Return the first `limit` windows of documents joined by blank lines, without BOS token.

    The first token of the text is not scored; where windows overlap, only the tokens that the
    window before did not hold are.
    """
    if not tokenizer.is_fast:
        raise InputError("the model's tokenizer does not say where its tokens are in the text")
    encoded = tokenizer(
        texts.SEPARATOR.join(documents),
        add_special_tokens=False,
        return_offsets_mapping=True,
        verbose=False,
    )
    lengths = [len(document) + len(texts.SEPARATOR) for document in documents]
    places = [start for start, _ in encoded["offset_mapping"]]
    owners = np.searchsorted(np.cumsum(lengths), places, side="right")
    cut = sliding(torch.tensor(encoded["input_ids"]), window, stride, limit)
    owners = sliding(torch.from_numpy(owners), window, stride, limit).numpy()
    firsts = [1] + [max(1, window - stride)] * (limit - 1)
    return [Window(*window) for window in zip(cut, firsts, owners, strict=True)]


def sliding(tokens: torch.Tensor, window: int, stride: int, limit: int) -> torch.Tensor:
    """Return the first `limit` whole windows of a text's tokens, (windows, window)."""
    needed = window + (limit - 1) * stride
    if len(tokens) < needed:
        raise InputError(
            f"{limit} windows of {window} tokens every {stride} need {needed} tokens; "
            f"the text has {len(tokens)}"
        )
    return tokens.unfold(0, window, stride)[:limit]
