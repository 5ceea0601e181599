"""Token perplexity of a model with and without approximations, paired window by window.

Perplexity is exp(mean negative log-likelihood) over the scored tokens of windows of `window`
tokens that start every `stride` tokens, without a BOS token. The first token of the text is not
scored; where windows overlap, only the tokens that the window before did not hold are. With
stride = window nothing overlaps and each window's first token is unscored. Log-likelihoods are
float32, sums float64.
"""

import math
import time
from collections.abc import Callable, Iterator

import torch
from transformers import PreTrainedModel

from mugi.accuracy.inject import injected
from mugi.approximations import Approximation
from mugi.errors import InputError

_HELD = 1 << 28  # native log-probabilities kept at a time, 1 GiB


class Totals:
    """Sums over the scored tokens of one approximation."""

    def __init__(self):
        self.tokens = 0
        self.nll = self.kl = self.agreed = self.seconds = 0.0

    def add(
        self, here: torch.Tensor, native: torch.Tensor, tokens: torch.Tensor, seconds: float
    ) -> None:
        """Add scored `tokens`, with the log-probabilities `here` and of the native model, both
        (tokens, vocabulary)."""
        self.nll -= here.gather(1, tokens[:, None]).sum(dtype=torch.float64).item()
        divergence = torch.nn.functional.kl_div(here, native, reduction="none", log_target=True)
        self.kl += divergence.sum(dtype=torch.float64).item()
        self.agreed += (here.argmax(-1) == native.argmax(-1)).sum().item()
        self.tokens += len(tokens)
        self.seconds += seconds

    def metrics(self) -> dict[str, float]:
        """Return metric name -> value; KL(native ‖ this) and top-1 agreement are per token."""
        return {
            "token_perplexity": math.exp(self.nll / self.tokens),
            "kl_divergence_nats": self.kl / self.tokens,
            "top1_agreement": self.agreed / self.tokens,
        }


def windows_of(tokens: torch.Tensor, window: int, stride: int, limit: int) -> torch.Tensor:
    """Return the first `limit` whole windows of a text, (windows, window)."""
    needed = window + (limit - 1) * stride
    if len(tokens) < needed:
        raise InputError(
            f"{limit} windows of {window} tokens every {stride} need {needed} tokens; "
            f"the text has {len(tokens)}"
        )
    return tokens.unfold(0, window, stride)[:limit]


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel,
    windows: torch.Tensor,
    stride: int,
    approximations: list[Approximation],
    tick: Callable[[], object] = lambda: None,
) -> list[Totals]:
    """Return the totals of each approximation over `windows`, (windows, tokens a window).

    The native model runs first on a few windows, then every approximation on the same ones.
    `tick` is called after each window of each approximation.
    """
    totals = [Totals() for _ in approximations]
    firsts = [1] + [max(1, windows.shape[1] - stride)] * (len(windows) - 1)
    scored = list(zip(windows.to(model.device), firsts, strict=True))
    held = max(1, _HELD // (windows.shape[1] * model.config.vocab_size))
    for start in range(0, len(scored), held):
        chunk = scored[start : start + held]
        native = list(_run(model, Approximation(), chunk))
        for total, approximation in zip(totals, approximations, strict=True):
            same = approximation == Approximation()
            outputs = native if same else _run(model, approximation, chunk)
            for (window, first), (here, seconds), (reference, _) in zip(
                chunk, outputs, native, strict=True
            ):
                total.add(here, reference, window[first:], seconds)
                tick()
    return totals


def _run(
    model: PreTrainedModel, approximation: Approximation, chunk: list[tuple[torch.Tensor, int]]
) -> Iterator[tuple[torch.Tensor, float]]:
    """Yield for each window the float32 log-probabilities where its scored tokens are predicted,
    (scored tokens, vocabulary), and the seconds of the forward pass."""
    with injected(model, approximation):
        for window, first in chunk:
            began = time.perf_counter()
            logits = model(window[None], use_cache=False).logits[0, first - 1 : -1]
            if logits.is_cuda:
                torch.cuda.synchronize()
            seconds = time.perf_counter() - began
            yield torch.log_softmax(logits.float(), dim=-1), seconds
