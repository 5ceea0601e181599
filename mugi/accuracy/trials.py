"""How a model with a softmax of its own in each layer predicts a text.

The states in front of a layer are kept, so that trying a later layer's softmax does not repeat the
layers before it.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch

from mugi.accuracy.finite import check_finite, stopped
from mugi.accuracy.metrics import kl_divergence_nats, top1_agreement
from mugi.accuracy.predictions import Head, Predictions, predictions_of
from mugi.llm.layers import EXACT, Layers
from mugi.methods import Method


class Text:
    """Windows of a text, (windows, tokens), and how models with some assignment predict it.

    Held are the predictions with exact softmax, and the states in front of one layer. `kl_context`
    tokens of a window stand before the first whose KL divergence is scored.
    """

    def __init__(self, layers: Layers, head: Head, windows: torch.Tensor, kl_context: int = 1):
        self.layers, self.head, self.kl_context = layers, head, kl_context
        self.windows = windows.to(layers.model.device)
        self._prefix: tuple[Method, ...] = ()
        self._hidden = self._embedded()
        features = self._features((EXACT,) * len(layers.all))
        with stopped(layers.model, f"softmax={EXACT}"):
            self._exact = [
                self._predicted(window, own, reference=True)
                for window, own in zip(self.windows, features, strict=True)
            ]

    def _embedded(self) -> list[torch.Tensor]:
        embed = self.layers.model.get_input_embeddings()
        return [embed(window[None]) for window in self.windows]

    def keep(self, prefix: Sequence[Method]) -> None:
        """Keep the states behind the first layers with these methods; later scores start there."""
        prefix = tuple(prefix)
        if prefix[: len(self._prefix)] != self._prefix:
            self._prefix, self._hidden = (), self._embedded()
        self.layers.assignment[: len(prefix)] = prefix
        start, stop = len(self._prefix), len(prefix)
        self._hidden = [self.layers.advance(hidden, start, stop) for hidden in self._hidden]
        self._prefix = prefix

    def score(self, assignment: Sequence[Method]) -> dict[str, float]:
        """Return how the model with a method a layer predicts the text, see `score_features`."""
        names = "|".join(dict.fromkeys(map(str, assignment)))
        return self.score_features(self._features(assignment), f"softmax={names}")

    def score_features(self, features: Iterable[torch.Tensor], name: str) -> dict[str, float]:
        """Return how well features, see `Head`, (tokens, width) for each window, predict the text.

        `nll_nats`, `top1_agreement` and `nll_minus_exact_nats` are means over `tokens`,
        `kl_divergence_nats` (of exact from this) over those with enough context, where exact is the
        model with exact softmax in BF16; `standard_error_nats` is that of `nll_minus_exact_nats`,
        tokens taken as independent. Raises InputError, which has the `name` of what runs, for a
        number that is not finite.
        """
        log_loss, moved, divergence, agreed = [], [], [], []
        with stopped(self.layers.model, name):
            for window, exact, own in zip(self.windows, self._exact, features, strict=True):
                here = self._predicted(window, own)
                log_loss.append(here.log_loss)
                moved.append(here.log_loss - exact.log_loss)
                divergence.append(kl_divergence_nats(here, exact)[self.kl_context - 1 :])
                agreed.append(top1_agreement(here, exact))
            check_finite(torch.cat(log_loss), "log-losses")
            check_finite(torch.cat(divergence), "KL divergences")
        difference = torch.cat(moved).double()
        return {
            "tokens": len(difference),
            "nll_nats": torch.cat(log_loss).double().mean().item(),
            "kl_divergence_nats": torch.cat(divergence).double().mean().item(),
            "top1_agreement": torch.cat(agreed).double().mean().item(),
            "nll_minus_exact_nats": difference.mean().item(),
            "standard_error_nats": _standard_error(difference),
        }

    def _features(self, assignment: Sequence[Method]) -> Iterator[torch.Tensor]:
        if tuple(assignment[: len(self._prefix)]) != self._prefix:
            self.keep(())
        self.layers.assignment[:] = assignment
        run = self.layers.states if self.head.linear else self.layers.logits
        for hidden in self._hidden:
            yield run(hidden, len(self._prefix))[0]

    def _predicted(
        self, window: torch.Tensor, features: torch.Tensor, reference: bool = False
    ) -> Predictions:
        return predictions_of(features[:-1], window[1:], self.head.linear, reference)


def _standard_error(values: torch.Tensor) -> float | None:
    """Return the standard error of a mean; one value has none."""
    return (values.std() / len(values) ** 0.5).item() if len(values) > 1 else None
