"""Token perplexity of a model with and without approximations, paired token by token.

Perplexity is exp(mean negative log-likelihood) over the scored tokens of windows of `window`
tokens that start every `stride` tokens, without a BOS token. The first token of the text is not
scored; where windows overlap, only the tokens that the window before did not hold are. With
stride = window nothing overlaps and each window's first token is unscored. Log-likelihoods are
float32, sums float64.

Every approximation is compared with two references on the same tokens: `native`, the untouched
model, and `exact`, the same operations replaced by the exact function rounded to BF16, with the
same weights and KV cache.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from mugi.errors import InputError
from mugi.llm import texts as corpus
from mugi.llm.inject import injected
from mugi.methods import Approximation
from mugi.methods.references import references_of

_HELD = 1 << 28  # log-probabilities of the references kept at a time, 1 GiB
_GPU_BATCH = 64  # where `auto` starts on a GPU
_CPU_TOKENS = 1024  # in a batch of `auto` on a CPU
ROWS = 16  # of a vocabulary looked at together on a CPU, so that they stay in its cache


class Window(NamedTuple):
    """Tokens seen at once, the place of the first one scored, and each token's document."""

    tokens: torch.Tensor
    first: int
    documents: np.ndarray


class Prediction(NamedTuple):
    """Float32 log-probabilities, (scored tokens, vocabulary), and the likeliest successors."""

    logs: torch.Tensor
    best: torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor) -> "Prediction":
        """Return the prediction of logits, (scored tokens, vocabulary)."""
        logs = torch.empty(logits.shape, dtype=torch.float32, device=logits.device)
        rows = ROWS if logits.device.type == "cpu" else len(logits)
        for some, out in zip(logits.split(rows), logs.split(rows), strict=True):
            torch.log_softmax(some, dim=-1, dtype=torch.float32, out=out)
        return cls(logs, likeliest(logs))


def windows_of(tokens: torch.Tensor, window: int, stride: int, limit: int) -> torch.Tensor:
    """Return the first `limit` whole windows of a text, (windows, window)."""
    needed = window + (limit - 1) * stride
    if len(tokens) < needed:
        raise InputError(
            f"{limit} windows of {window} tokens every {stride} need {needed} tokens; "
            f"the text has {len(tokens)}"
        )
    return tokens.unfold(0, window, stride)[:limit]


def cut(text: corpus.Text, tokenizer, window: int, stride: int, limit: int) -> list[Window]:
    """Return the first `limit` windows of a text whose documents are joined by a blank line."""
    if not tokenizer.is_fast:
        raise InputError("the model's tokenizer does not say where its tokens are in the text")
    encoded = tokenizer(
        corpus.SEPARATOR.join(text.documents),
        add_special_tokens=False,
        return_offsets_mapping=True,
        verbose=False,
    )
    lengths = [len(document) + len(corpus.SEPARATOR) for document in text.documents]
    places = [start for start, _ in encoded["offset_mapping"]]
    owners = np.searchsorted(np.cumsum(lengths), places, side="right")
    windows = windows_of(torch.tensor(encoded["input_ids"]), window, stride, limit)
    return [
        Window(
            tokens,
            max(1, window - stride) if index else 1,
            owners[index * stride : index * stride + window],
        )
        for index, tokens in enumerate(windows)
    ]


def whole(documents: Iterable[str], tokenizer, window: int, limit: int) -> list[Window]:
    """Return one window for each of the first `limit` documents of at least `window` tokens.

    The documents begin with the BOS token, if the tokenizer sets one, and are cut at the window.
    """
    encoded = (tokenizer(text, verbose=False)["input_ids"] for text in documents)
    long = list(islice((tokens for tokens in encoded if len(tokens) >= window), limit))
    if len(long) < limit:
        raise InputError(
            f"the text has {len(long)} documents of at least {window} tokens; {limit} are needed"
        )
    return [
        Window(torch.tensor(tokens[:window]), 1, np.full(window, index))
        for index, tokens in enumerate(long)
    ]


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel,
    windows: Sequence[Window],
    wanted: Mapping[Approximation, Iterable[int]],
    batch_size: int | str = 1,
) -> Iterator[tuple[Approximation, int, list[dict]]]:
    """Yield approximation, window index and scores for the `wanted` windows of approximations.

    The scores are rows of `score`. The references run first on a few windows, then every
    approximation on the same ones.
    """
    references = {reference for each in wanted for reference in references_of(each).values()}
    cells = len(windows[0].tokens) * model.config.get_text_config().vocab_size
    held = max(1, _HELD // (cells * len(references)))
    for start in range(0, len(windows), held):
        chunk = range(start, min(start + held, len(windows)))
        here = {each: [i for i in chunk if i in set(indices)] for each, indices in wanted.items()}
        here = {each: indices for each, indices in here.items() if indices}
        needed = sorted({i for indices in here.values() for i in indices})
        kept: dict[Approximation, dict[int, Prediction]] = {}
        for reference in dict.fromkeys(r for each in here for r in references_of(each).values()):
            outputs = predictions(model, reference, [windows[i] for i in needed], batch_size)
            kept[reference] = dict(zip(needed, outputs, strict=True))
        for each, indices in here.items():
            if each in kept:
                outputs = (kept[each][i] for i in indices)
            else:
                chosen = [windows[i] for i in indices]
                outputs = predictions(model, each, chosen, batch_size)
            names = references_of(each)
            for i, found in zip(indices, outputs, strict=True):
                compared = {name: kept[reference][i] for name, reference in names.items()}
                yield each, i, score(windows[i], found, compared)


def predictions(
    model: PreTrainedModel,
    approximation: Approximation,
    windows: Sequence[Window],
    batch_size: int | str,
) -> Iterator[Prediction]:
    """Yield for each window the predictions of its scored tokens."""

    def run(part: Sequence[Window]) -> torch.Tensor:
        tokens = torch.stack([window.tokens for window in part]).to(model.device)
        return model(tokens, use_cache=False).logits

    with injected(model, approximation):
        lengths = [len(window.tokens) for window in windows]
        for part, logits in in_batches(windows, lengths, batch_size, model.device, run):
            for window, row in zip(part, logits, strict=True):
                yield Prediction.of(row[window.first - 1 : -1])


def in_batches(
    items: Sequence, lengths: Sequence[int], size: int | str, device: torch.device, run: Callable
) -> Iterator[tuple[Sequence, object]]:
    """Yield parts of `items` with what `run` returns for them, `size` items in each but the last.

    `auto` takes 1,024 tokens at a time on a CPU; on a GPU it starts with 64 items and halves that
    when memory runs out. `lengths` are the items' tokens, falling. Raises InputError where a fixed
    size, or one item, needs more memory than there is.
    """
    start, most = 0, _GPU_BATCH if size == "auto" else int(size)
    while start < len(items):
        now = most
        if size == "auto" and device.type == "cpu":
            now = max(1, _CPU_TOKENS // lengths[start])
        part = items[start : start + now]
        try:
            result = run(part)
        except (MemoryError, RuntimeError) as error:
            if not no_memory(error):
                raise
            if size != "auto" or len(part) == 1:
                smaller = f"--batch-size {len(part) // 2}" if len(part) > 1 else "a smaller window"
                raise InputError(
                    f"out of memory with {len(part)} sequences of {lengths[start]} tokens; "
                    f"try {smaller}"
                ) from None
            most = len(part) // 2
            torch.cuda.empty_cache()
            continue
        yield part, result
        start += len(part)


def no_memory(error: Exception) -> bool:
    """Say whether PyTorch raised `error` because memory ran out, on a GPU or a CPU."""
    return (
        isinstance(error, MemoryError)
        or "not enough memory" in str(error)
        or (isinstance(error, torch.OutOfMemoryError))
    )


def score(window: Window, found: Prediction, references: dict[str, Prediction]) -> list[dict]:
    """Return sums over the scored tokens of each document in `window`, one row a document.

    The rows have the document's index, its scored `tokens`, the sum of their `nll_nats`, and for
    each reference KL(reference ‖ this) in nats and the tokens whose most likely successor agrees.
    """
    targets = window.tokens[window.first :].to(found.logs.device)
    sums = {
        "tokens": torch.ones(len(targets)),
        "nll_nats": -found.logs.gather(1, targets[:, None])[:, 0],
    }
    for name, reference in references.items():
        same = reference is found
        sums[f"kl_{name}_nats"] = (
            torch.zeros(len(targets)) if same else kl(reference.logs, found.logs)
        )
        sums[f"agreed_{name}"] = found.best == reference.best
    columns = {name: values.double().cpu().numpy() for name, values in sums.items()}
    table = pd.DataFrame(columns | {"document": window.documents[window.first :]})
    return table.groupby("document").sum().reset_index().to_dict("records")


def likeliest(scores: torch.Tensor) -> torch.Tensor:
    """Return the index of each row's first maximum; numpy finds it faster than PyTorch on a CPU."""
    if scores.device.type == "cpu":
        return torch.from_numpy(scores.numpy().argmax(-1))
    return scores.argmax(-1)


def kl(reference: torch.Tensor, logs: torch.Tensor) -> torch.Tensor:
    """Return KL(reference ‖ logs) in nats of each row of log-probabilities, (rows, vocabulary).

    Row by row on a CPU: what is computed on the way then stays in its cache.
    """
    rows = 1 if logs.device.type == "cpu" else len(logs)
    parts = zip(logs.split(rows), reference.split(rows), strict=True)
    divergence = torch.nn.functional.kl_div
    return torch.cat(
        [divergence(*part, reduction="none", log_target=True).sum(-1) for part in parts]
    )
