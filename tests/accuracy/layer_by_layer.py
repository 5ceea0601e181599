"""How a tiny model with a softmax a layer predicts a text, by ordinary runs."""

import torch

from mugi.accuracy.tune import candidates
from mugi.llm.inject import emulated
from mugi.llm.layers import EXACT
from mugi.methods import Approximation

METHODS = candidates("vlp:lut=3,mantissa=1,group=4", [0, 2, 3], [-4])
DEFAULT = METHODS[1]
WINDOWS = torch.stack([torch.arange(20) * 37 % 257, torch.arange(20) * 11 % 257])
KL_CONTEXT = 4


def whole_logits(model, assignment, window) -> torch.Tensor:
    """Logits of one window by an ordinary run with an approximation a layer."""
    layers = [Approximation(softmax=method) for method in assignment]
    with emulated(model, layers), torch.inference_mode():
        return model(window[None], use_cache=False).logits


def by_hand(model, assignment) -> dict[str, float]:
    """The score of an assignment over all windows, in float64 by definition."""
    nll, divergence, agreed = [], [], []
    for window in WINDOWS:
        here, exact = (
            torch.log_softmax(whole_logits(model, methods, window)[0, :-1].double(), -1)
            for methods in (assignment, [EXACT] * 3)
        )
        nll += (-here).gather(1, window[1:, None])[:, 0].tolist()
        divergence += (exact.exp() * (exact - here)).sum(1).tolist()[KL_CONTEXT - 1 :]
        agreed += (here.argmax(1) == exact.argmax(1)).tolist()
    mean = {"nll_nats": nll, "kl_divergence_nats": divergence, "top1_agreement": agreed}
    return {name: sum(values) / len(values) for name, values in mean.items()}
