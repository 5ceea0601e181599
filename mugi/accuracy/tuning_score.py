"""How a model with a softmax of its own in each layer predicts a text.

The states in front of a layer are kept, so that trying a later layer's softmax does not repeat the
layers before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from mugi.accuracy.perplexity import ROWS, likeliest
from mugi.llm.layers import EXACT, Layers
from mugi.methods import Method

Assignment = tuple[Method, ...]  # one a layer


@dataclass(frozen=True)
class Score:
    """How a model predicts a text, and how far it is from the model with exact softmax in BF16.

    `nll_nats` and `kl_divergence_nats` (of exact from this) are means over `tokens`;
    `standard_error_nats` is that of the mean difference of nll to exact, tokens taken as
    independent.
    """

    tokens: int
    nll_nats: float
    kl_divergence_nats: float
    top1_agreement: float
    nll_minus_exact_nats: float
    standard_error_nats: float


class Text:
    """Windows of a text, (windows, tokens), and how models with some assignment predict it.

    Held are the predictions with exact softmax, and the states in front of one layer.
    """

    def __init__(self, layers: Layers, windows: torch.Tensor):
        self.layers = layers
        self.windows = windows.to(layers.model.device)
        self._prefix: Assignment = ()
        self._hidden = [layers.model.get_input_embeddings()(w[None]) for w in self.windows]
        exact = (EXACT,) * len(layers.all)
        self._exact = [Exact.of(logits) for logits in self._logits(exact)]

    def keep(self, prefix: Sequence[Method]) -> None:
        """Keep the states behind the first layers with these methods; later scores start there."""
        prefix = tuple(prefix)
        if prefix[: len(self._prefix)] != self._prefix:
            self._prefix = ()
            embed = self.layers.model.get_input_embeddings()
            self._hidden = [embed(window[None]) for window in self.windows]
        self.layers.assignment[: len(prefix)] = prefix
        start, stop = len(self._prefix), len(prefix)
        self._hidden = [self.layers.advance(hidden, start, stop) for hidden in self._hidden]
        self._prefix = prefix

    def score(self, assignment: Sequence[Method]) -> Score:
        """Return how the model with these methods predicts the text."""
        return self._score(self._logits(assignment))

    def score_logits(self, logits: Iterator[torch.Tensor]) -> Score:
        """Return the score of another run's logits, (tokens, vocabulary) for each window."""
        return self._score(logits)

    def _logits(self, assignment: Sequence[Method]) -> Iterator[torch.Tensor]:
        if tuple(assignment[: len(self._prefix)]) != self._prefix:
            self.keep(())
        self.layers.assignment[:] = assignment
        for hidden in self._hidden:
            yield self.layers.logits(hidden, len(self._prefix))[0]

    def _score(self, logits: Iterator[torch.Tensor]) -> Score:
        parts = [
            part
            for window, exact, found in zip(self.windows, self._exact, logits, strict=True)
            for part in _compare(window, exact, found)
        ]
        nll, exact_nll, divergence, agreed = (
            torch.cat(p).double() for p in zip(*parts, strict=True)
        )
        difference = nll - exact_nll
        return Score(
            tokens=len(nll),
            nll_nats=nll.mean().item(),
            kl_divergence_nats=divergence.mean().item(),
            top1_agreement=agreed.mean().item(),
            nll_minus_exact_nats=difference.mean().item(),
            standard_error_nats=(difference.std() / len(nll) ** 0.5).item(),
        )


class Exact(NamedTuple):
    """A window's logits and probabilities, (tokens, vocabulary); log Σ exp and best of rows."""

    logits: torch.Tensor
    probabilities: torch.Tensor
    total: torch.Tensor
    best: torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor) -> "Exact":
        """Return what is kept of a window's logits."""
        wide = logits.float()
        return cls(logits, wide.softmax(1), wide.logsumexp(1), likeliest(wide))


def _compare(
    window: torch.Tensor, exact: Exact, found: torch.Tensor
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield for each predicted token, a few at a time: nll here and of exact, KL, agreement.

    With D the difference of the logits, KL(exact ‖ here) is log Σ exp here - log Σ exp exact
    - Σ probability · D, of which no term is large.
    """
    for start in range(0, len(window) - 1, ROWS):
        rows = slice(start, min(start + ROWS, len(window) - 1))
        logits, probabilities, exact_total, best = (part[rows] for part in exact)
        here, target = found[rows].float(), window[1:][rows, None]
        total, agreed = here.logsumexp(1), likeliest(here) == best
        nll = total - here.gather(1, target)[:, 0]
        exact_nll = exact_total - logits.gather(1, target)[:, 0]
        mean = torch.linalg.vecdot(probabilities, here.sub_(logits))
        yield nll, exact_nll, total - exact_total - mean, agreed
