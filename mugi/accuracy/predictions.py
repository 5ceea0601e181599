"""What a model predicts of the tokens in windows, kept small: hidden states instead of logits."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from mugi.accuracy.finite import check_finite, placed, stopped
from mugi.accuracy.metrics import token_sums
from mugi.accuracy.windows import Window
from mugi.errors import InputError
from mugi.llm.inject import emulated
from mugi.methods import Approximation
from mugi.methods.references import references_of

_HELD_BYTES = 1 << 30  # features of the references kept at a time
_GPU_BATCH = 64  # where `auto` starts on a GPU
_TOKENS = 256  # whose logits are there at a time
_CACHED = 16  # rows of logits summed together, so that they stay in a CPU's cache


class Predictions(NamedTuple):
    """What a model says of the scored tokens of a window; one row or entry a token, float32.

    features: of which the logits are a linear function, (tokens, width): the last hidden states, or
    the logits themselves; log_total: log Σ exp of the logits; log_loss: negative log-likelihood in
    nats; best: the likeliest token; means: of the head's rows (Wᵀ p), for a reference whose
    features are hidden states.
    """

    features: torch.Tensor
    log_total: torch.Tensor
    log_loss: torch.Tensor
    best: torch.Tensor
    means: torch.Tensor | None = None

    def mean_features(self) -> torch.Tensor:
        """Return the derivative of log Σ exp by the features, (tokens, width)."""
        if self.means is not None:
            return self.means
        return (self.features - self.log_total[:, None]).exp()


class Head:
    """The last step of a causal language model, from hidden states to logits.

    `linear` is the layer W (with a bias or not) where it is that step, in float32; None where the
    step is something else (caps, scales) or rounds, so that the features are the logits.
    """

    def __init__(self, model: PreTrainedModel):
        self.model, self.linear = model, None
        head = model.get_output_embeddings()
        if not isinstance(head, torch.nn.Linear) or head.weight.is_meta:
            return
        if model.dtype != torch.float32:  # its logits are rounded
            return
        vocabulary = model.config.get_text_config().vocab_size  # of a multi-modal model too
        tokens = torch.arange(min(8, vocabulary), device=model.device)[None]
        with torch.inference_mode():
            hidden = model.base_model(tokens, use_cache=False).last_hidden_state
            if torch.equal(head(hidden), model(tokens, use_cache=False).logits):
                self.linear = head

    def features(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the features of token ids (batch, tokens): (batch, tokens, width)."""
        if self.linear is None:
            return self.model(tokens, use_cache=False).logits
        return self.model.base_model(tokens, use_cache=False).last_hidden_state


def predictions_of(
    features: torch.Tensor,
    targets: torch.Tensor,
    head: torch.nn.Linear | None = None,
    reference: bool = False,
) -> Predictions:
    """Return what features (tokens, width) predict of the tokens that do follow, `targets`.

    head: from features to logits; None if they are logits. reference: whether something will be
    compared with it. Raises NonFinite for logits that are NaN or infinite.
    """
    pieces = []
    for rows, following in zip(features.split(_TOKENS), targets.split(_TOKENS), strict=True):
        logits = (head(rows) if head else rows).float()
        check_finite(logits, "logits")
        log_total = torch.cat([few.logsumexp(-1) for few in logits.split(_CACHED)])
        target = logits.gather(1, following.to(logits.device)[:, None])[:, 0]
        best, means = logits.argmax(-1), log_total[:0]
        if reference and head:
            means = logits.sub_(log_total[:, None]).exp_() @ head.weight
        pieces.append((log_total, log_total - target, best, means))
    log_total, log_loss, best, means = map(torch.cat, zip(*pieces, strict=True))
    return Predictions(
        features.float(), log_total, log_loss, best, means if reference and head else None
    )


@torch.inference_mode()
def score_windows(
    model: PreTrainedModel,
    windows: Sequence[Window],
    finished: Mapping[Approximation, Collection[str]],
    kl_context: int,
    batch_size: int | str = "auto",
) -> Iterator[tuple[Approximation, str, list[dict]]]:
    """Yield approximation, number of the window, and the sums of `token_sums`.

    `finished` are the approximations, with the windows that each has already. Raises InputError
    for numbers that are not finite.
    """
    head = Head(model)
    width = head.linear.in_features if head.linear else model.config.get_text_config().vocab_size
    references = {r for approximation in finished for r in references_of(approximation).values()}
    size = 4 * 2 * width * len(windows[0].tokens) * len(references)  # features and means

    def predict(numbers: Sequence[str], reference: bool) -> Iterator[Predictions]:
        chosen = [windows[int(number)] for number in numbers]
        return _predict(head, chosen, batch_size, reference)

    def place(part: str) -> str:
        return f"window {int(part) + 1} of {len(windows)}"

    parts, held = [str(number) for number in range(len(windows))], max(1, _HELD_BYTES // size)
    for own, part, here, others in compared(model, finished, parts, predict, held, place):
        first, documents = windows[int(part)].first, windows[int(part)].documents
        with stopped(model, own), placed(place(part)):
            sums = token_sums(here, others, documents[first:], first, kl_context)
        yield own, part, sums


def compared(
    model: PreTrainedModel,
    finished: Mapping[Approximation, Collection[str]],
    parts: Sequence[str],
    run: Callable[[Sequence[str], bool], Iterable],
    held: int,
    place: Callable[[str], str],
) -> Iterator[tuple[Approximation, str, object, dict[str, object]]]:
    """Yield approximation, part, what the model gives for it, and what each reference gives.

    finished: the parts that approximations have already. run: gives the results of parts, in their
    order, and is told whether they will be compared with. place: how a line names a part. The
    references run first on `held` parts, then every approximation on the same ones.
    """
    for start in range(0, len(parts), held):
        group = parts[start : start + held]
        lacking = {own: [p for p in group if p not in done] for own, done in finished.items()}
        lacking = {own: numbers for own, numbers in lacking.items() if numbers}
        needed = [part for part in group if any(part in own for own in lacking.values())]
        kept: dict[Approximation, dict[str, object]] = {}
        for reference in (r for own in lacking for r in references_of(own).values()):
            if reference not in kept:
                both = partial(run, needed, True)
                kept[reference] = dict(_under(model, reference, needed, both, place))
        for own, numbers in lacking.items():
            references = references_of(own).items()
            again = kept.get(own)
            here = (
                again.items()
                if again
                else _under(model, own, numbers, partial(run, numbers, False), place)
            )
            for part, result in here:
                if part in numbers:
                    others = {name: kept[other][part] for name, other in references}
                    yield own, part, result, others


def _under(
    model: PreTrainedModel,
    approximation: Approximation,
    parts: Sequence[str],
    run: Callable[[], Iterable],
    place: Callable[[str], str],
) -> Iterator[tuple[str, object]]:
    """Yield each part with its result of `run`, which computes them under the approximation."""
    with emulated(model, approximation):
        results = None
        for part in parts:
            with stopped(model, approximation), placed(place(part)):
                results = results or iter(run())
                result = next(results)
            yield part, result


def _predict(
    head: Head, windows: Sequence[Window], batch_size: int | str, reference: bool
) -> Iterator[Predictions]:
    """Yield for each window the predictions of its scored tokens."""
    device, lengths = head.model.device, [len(window.tokens) for window in windows]

    def run(batch: Sequence[Window]) -> torch.Tensor:
        return head.features(torch.stack([window.tokens for window in batch]).to(device))

    for batch, features in in_batches(windows, lengths, batch_size, device, run):
        for window, own in zip(batch, features, strict=True):
            targets, scored = window.tokens[window.first :], own[window.first - 1 : -1]
            yield predictions_of(scored, targets, head.linear, reference)


def in_batches(
    items: Sequence, lengths: Sequence[int], size: int | str, device: torch.device, run: Callable
) -> Iterator[tuple[Sequence, object]]:
    """Yield batches of `items` with what `run` returns for them.

    On a CPU a batch is one item, whatever the size: libraries add up in another order for another
    number of rows, and no digit may depend on what else is measured. On a GPU, where one item at a
    time leaves most of it idle, `auto` starts with 64 and halves that when memory runs out, which
    moves log-losses by less than 1e-5 nats in float32. `lengths` are the items' tokens, falling.
    Raises InputError where a fixed size, or one item, needs more memory than there is.
    """
    start, most = 0, _GPU_BATCH if size == "auto" else int(size)
    if device.type == "cpu":
        most = 1
    while start < len(items):
        batch = items[start : start + most]
        try:
            result = run(batch)
        except (MemoryError, RuntimeError) as error:
            if not no_memory(error):
                raise
            if size != "auto" or len(batch) == 1:
                smaller = f"batch size {len(batch) // 2}" if len(batch) > 1 else "a smaller window"
                raise InputError(
                    f"out of memory with {len(batch)} sequences of {lengths[start]} tokens; "
                    f"try {smaller}"
                ) from None
            most = len(batch) // 2
            torch.cuda.empty_cache()
            continue
        yield batch, result
        start += len(batch)


def no_memory(error: Exception) -> bool:
    """Say whether PyTorch raised `error` because memory ran out, on a GPU or a CPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(
        error
    )
