"""Run a model with its operations approximated: scoped, counted and undone.

    with emulated(model, "softmax=vlp:lut=12,max_exp=3;activation=vlp:lut=12,max_exp=3"):
        logits = model(tokens).logits

Softmax is replaced in `mugi.llm.attention` (`mugi.llm.softening` for older models), activations in
`mugi.llm.activations`, weights and KV cache in `mugi.llm.quantise`. The tables take BF16 and give
BF16, as the hardware does, whatever the model's dtype: all that stands between them stays in that
dtype.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import Module
from transformers import PreTrainedModel

from mugi.errors import InputError
from mugi.llm.activations import activations_by
from mugi.llm.attention import attending
from mugi.llm.blocks import language_model, layers_of
from mugi.llm.emulate import TableAttention
from mugi.llm.quantise import quantised
from mugi.llm.softening import softening
from mugi.methods import Approximation, Method, parse_operations


@contextmanager
def emulated(
    model: PreTrainedModel,
    approximation: str | Approximation | Sequence[str | Approximation],
) -> Iterator[PreTrainedModel]:
    """Run `model` with an approximation inside the `with` block and restore it afterwards.

    An approximation is `softmax=METHOD;activation=METHOD;…`, as text or parsed. A sequence gives
    each layer, in order, one of its own: the encoder's layers, then the decoder's; Swin's blocks
    stage by stage; in hybrids the layers without attention count too. What is not approximated
    stays the model's own, its attention implementation (sdpa, eager) too, and so does all but the
    language model of a multi-modal one. Gives the model. Blocks nest.

    Raises InputError for a text that names no approximation, or if the operations of the model or
    the sequence do not fit the number of layers in the model's configuration.
    """
    if not (isinstance(model, Module) and hasattr(model, "config")):
        raise InputError(f"model must be one of transformers, not {type(model).__name__}")
    whole, model = model, language_model(model)
    layers, _, cross_layers = layers_of(model)
    if isinstance(approximation, str | Approximation):
        approximation = [approximation] * layers
    by_layer = [parse_operations(a) if isinstance(a, str) else a for a in approximation]
    if len(by_layer) != layers:
        raise InputError(f"{len(by_layer)} approximations for a model with {layers} layers")
    softmaxes = [layer.softmax for layer in by_layer]
    crosses = [layer.cross_softmax for layer in by_layer][layers - cross_layers :]
    activations = [layer.activation for layer in by_layer]
    if not crosses and any(layer.cross_softmax for layer in by_layer):
        raise InputError(f"cross_softmax: {type(model).__name__} has no cross-attention")
    quantisers = {(layer.woq, layer.kvq) for layer in by_layer}
    if len(quantisers) > 1:
        raise InputError("woq and kvq: give every layer the same, or none")
    with ExitStack() as stack:
        if any(activations):
            stack.enter_context(activations_by(model, activations))
        if any(softmaxes) or any(crosses):
            stack.enter_context(_attention(model, softmaxes, crosses))
        stack.enter_context(quantised(whole, *quantisers.pop()))
        yield whole


_CALLS = ("softmax", "__call__")  # of TableAttention, for scores and for queries, keys, values


def _attention(model: PreTrainedModel, softmaxes: Sequence, crosses: Sequence):
    """Return the context in which softmax is by tables, through the path that fits the model."""
    methods = {*softmaxes, *crosses} - {None}
    tables = {method: TableAttention(method, model.device) for method in methods}

    def by(methods: Sequence[Method | None], call: str) -> Callable:
        """Return the function that calls each layer's own tables, None for its own attention."""

        def function(layer: int, *arguments) -> torch.Tensor | None:
            method = methods[layer % len(methods)] if methods else None  # too many sites: refused
            return getattr(tables[method], call)(*arguments) if method else None

        return function

    if model._can_set_attn_implementation():
        return attending(model, by(softmaxes, "__call__"), by(crosses, "__call__"))
    calls = [by(methods, call) for methods in (softmaxes, crosses) for call in _CALLS]
    return softening(model, *calls)
