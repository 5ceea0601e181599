"""Running a model from any of its layers on, with a softmax of its own in each.

The hidden states in front of a layer are kept, so that exchanging the softmax of layer l costs the
layers from l on and the head. Nothing of the model's own code is repeated: its list of layers is
cut, and its inputs are the kept states. The results are bit-identical to whole runs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from mugi.accuracy.perplexity import ROWS, likeliest
from mugi.errors import InputError
from mugi.llm.attention import attending
from mugi.llm.emulate import TableAttention
from mugi.methods import Method, parse

EXACT = parse("exact")
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


class Layers:
    """A decoder whose layers' attention is that of the methods last set."""

    def __init__(self, model: PreTrainedModel):
        self.model = model
        self.decoder = model.base_model
        self.all = self.decoder.layers
        self.assignment: list[Method] = [EXACT] * len(self.all)
        self.watch: Callable | None = None
        self._kinds: dict[Method, TableAttention] = {}

    def attention(self, method: Method) -> TableAttention:
        """Return the attention of a method, made once."""
        if method not in self._kinds:
            self._kinds[method] = TableAttention(method, self.model.device)
        return self._kinds[method]

    def attend(self, layer: int, *arguments) -> torch.Tensor:
        """Compute the attention of one layer; `watch`, if set, sees what it gets."""
        if self.watch:
            self.watch(layer, *arguments)
        return self.attention(self.assignment[layer])(*arguments)

    def logits(self, hidden: torch.Tensor, first: int) -> torch.Tensor:
        """Return the logits from the states in front of layer `first`, on the model's device."""
        with self._only(first, len(self.all)):
            logits = self.model(inputs_embeds=hidden, use_cache=False).logits
        return logits.to(self.model.device)

    def advance(self, hidden: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """Return the states in front of layer `last` from those in front of layer `first`."""
        if first == last:
            return hidden
        found = []

        def keep(module, inputs, output):
            found.append(output[0] if isinstance(output, tuple) else output)

        hook = self.all[last - 1].register_forward_hook(keep)
        try:
            with self._only(first, last):
                self.decoder(inputs_embeds=hidden, use_cache=False)
        finally:
            hook.remove()
        return found[0]

    @contextmanager
    def _only(self, first: int, last: int) -> Iterator[None]:
        self.decoder.layers = torch.nn.ModuleList(list(self.all)[first:last])
        try:
            yield
        finally:
            self.decoder.layers = self.all


@contextmanager
def layered(model: PreTrainedModel) -> Iterator[Layers]:
    """Give the layers of a decoder for the `with` block, and put the model back afterwards.

    Raises InputError if the model cannot be run from a layer on with the same results.
    """
    if not isinstance(getattr(model.base_model, "layers", None), torch.nn.ModuleList):
        raise InputError(
            f"{model.config.model_type}: only decoders with a list of layers are tuned"
        )
    layers = Layers(model)
    with attending(model, layers.attend), torch.inference_mode():
        tokens = torch.arange(min(8, model.config.vocab_size), device=model.device)[None]
        whole = model(tokens, use_cache=False).logits
        hidden = layers.advance(model.get_input_embeddings()(tokens), 0, 1)
        if not torch.equal(layers.logits(hidden, 1), whole):
            raise InputError(f"{model.config.model_type}: cannot be run from a layer on")
        yield layers


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
