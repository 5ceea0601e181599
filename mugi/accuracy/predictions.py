"""What a model predicts of the tokens in windows, kept small: hidden states instead of logits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from mugi.accuracy.metrics import token_sums
from mugi.accuracy.windows import Window
from mugi.errors import InputError
from mugi.llm.inject import emulated
from mugi.methods import Approximation
from mugi.methods.references import references_of

_HELD_BYTES = 1 << 30  # features of the references kept at a time
_GPU_BATCH = 64  # where `auto` starts on a GPU
_TOKENS = 256  # whose logits are there at a time
_CACHED = 16  # rows of logits looked at together on a CPU, so that they stay in its cache


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
        self.model = model
        self.linear = _linear_head(model)

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
    compared with it.
    """
    targets = targets.to(features.device)
    pieces = [
        _piece(*piece, head, reference)
        for piece in zip(features.split(_TOKENS), targets.split(_TOKENS), strict=True)
    ]
    log_total, log_loss, best, means = zip(*pieces, strict=True)
    means = None if means[0] is None else torch.cat(means)
    return Predictions(
        features.float(), torch.cat(log_total), torch.cat(log_loss), torch.cat(best), means
    )


def _piece(
    features: torch.Tensor, targets: torch.Tensor, head: torch.nn.Linear | None, reference: bool
) -> tuple:
    logits = (head(features) if head else features).float()
    rows = _CACHED if logits.device.type == "cpu" else len(logits)
    log_total = torch.cat([few.logsumexp(-1) for few in logits.split(rows)])
    log_loss = log_total - logits.gather(1, targets[:, None])[:, 0]
    best, means = _likeliest(logits), None
    if reference and head:
        probabilities = logits.sub_(log_total[:, None]).exp_()
        means = probabilities @ head.weight
    return log_total, log_loss, best, means


def _linear_head(model: PreTrainedModel) -> torch.nn.Linear | None:
    head = model.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear) or head.weight.is_meta:
        return None
    if model.dtype != torch.float32:  # its logits are rounded
        return None
    tokens = torch.arange(min(8, model.config.vocab_size), device=model.device)[None]
    with torch.inference_mode():
        hidden = model.base_model(tokens, use_cache=False).last_hidden_state
        same = torch.equal(head(hidden), model(tokens, use_cache=False).logits)
    return head if same else None


def _likeliest(logits: torch.Tensor) -> torch.Tensor:
    """Return the index of each row's first maximum; numpy finds it faster than PyTorch on a CPU."""
    if logits.device.type == "cpu":
        return torch.from_numpy(logits.numpy().argmax(-1))
    return logits.argmax(-1)


@torch.inference_mode()
def score_windows(
    model: PreTrainedModel,
    windows: Sequence[Window],
    finished: Mapping[Approximation, Mapping[str, object]],
    kl_context: int,
    batch_size: int | str = "auto",
) -> Iterator[tuple[Approximation, str, list[dict]]]:
    """Yield approximation, number of the window, and the sums of `token_sums`.

    `finished` are the approximations, with the windows that each has already. The references run
    first on a few windows, then every approximation on the same ones.
    """
    head = Head(model)
    width = head.linear.in_features if head.linear else model.config.get_text_config().vocab_size
    references = {r for approximation in finished for r in references_of(approximation).values()}
    size = 4 * 2 * width * len(windows[0].tokens) * len(references)  # features and means
    held = max(1, _HELD_BYTES // size)
    for start in range(0, len(windows), held):
        numbers = range(start, min(start + held, len(windows)))
        wanted = {a: [n for n in numbers if str(n) not in done] for a, done in finished.items()}
        wanted = {a: own for a, own in wanted.items() if own}
        needed = sorted({n for own in wanted.values() for n in own})
        kept: dict[Approximation, dict[int, Predictions]] = {}

        def run(
            approximation: Approximation, numbers: list[int], reference: bool = False
        ) -> Iterator[Predictions]:
            chosen = [windows[n] for n in numbers]
            return _predict(head, approximation, chosen, batch_size, reference)

        for reference in dict.fromkeys(r for a in wanted for r in references_of(a).values()):
            predicted = run(reference, needed, reference=True)
            kept[reference] = dict(zip(needed, predicted, strict=True))
        for approximation, own in wanted.items():
            again = kept.get(approximation)
            predicted = (again[n] for n in own) if again else run(approximation, own)
            for n, here in zip(own, predicted, strict=True):
                first, documents = windows[n].first, windows[n].documents
                names = references_of(approximation).items()
                others = {name: kept[reference][n] for name, reference in names}
                sums = token_sums(here, others, documents[first:], first, kl_context)
                yield approximation, str(n), sums


def _predict(
    head: Head,
    approximation: Approximation,
    windows: Sequence[Window],
    batch_size: int | str,
    reference: bool,
) -> Iterator[Predictions]:
    """Yield for each window the predictions of its scored tokens."""
    model = head.model

    def run(batch: Sequence[Window]) -> torch.Tensor:
        return head.features(torch.stack([window.tokens for window in batch]).to(model.device))

    with emulated(model, approximation):
        lengths = [len(window.tokens) for window in windows]
        for batch, features in in_batches(windows, lengths, batch_size, model.device, run):
            for window, own in zip(batch, features, strict=True):
                targets = window.tokens[window.first :]
                features_of_scored = own[window.first - 1 : -1]
                yield predictions_of(features_of_scored, targets, head.linear, reference)


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
