"""Swap a model's softmax and activation for table lookups: scoped, counted and undone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import sdpa_mask

from mugi.accuracy.emulate import Heads, TableActivation, TableAttention
from mugi.accuracy.quantise import quantised
from mugi.approximations import Approximation, Method
from mugi.errors import InputError

_NAMES = (f"mugi_{number}" for number in count())  # of attention interfaces: blocks may nest
FUNCTION_OF_ACTIVATION = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
"""Name of the activation in a model's configuration -> function that the tables hold."""


@contextmanager
def injected(
    model: PreTrainedModel, approximation: Approximation | Sequence[Approximation]
) -> Iterator[None]:
    """Run `model` with an approximation inside the `with` block and restore it afterwards.

    A sequence gives each layer, in order, an approximation of its own. Raises InputError if the
    model has no operation to swap, if the number of patched sites is not the number of layers in
    the model's configuration, or if a sequence is not as long.
    """
    layers = model.config.num_hidden_layers
    if isinstance(approximation, Approximation):
        approximation = [approximation] * layers
    if len(approximation) != layers:
        raise InputError(f"{len(approximation)} approximations for a model with {layers} layers")
    if any(layer.cross_softmax for layer in approximation):
        raise InputError("cross_softmax: this model has no cross-attention")
    softmaxes = [layer.softmax for layer in approximation]
    activations = [layer.activation for layer in approximation]
    quantisers = {(layer.woq, layer.kvq) for layer in approximation}
    if len(quantisers) > 1:
        raise InputError("woq and kvq: give every layer the same, or none")
    with (
        _attention(model, softmaxes),
        _activations(model, activations),
        quantised(model, *quantisers.pop()),
    ):
        yield


@contextmanager
def _attention(model: PreTrainedModel, methods: Sequence[Method | None]) -> Iterator[None]:
    if not any(methods):
        yield
        return
    if None in methods:
        raise InputError("softmax: give every layer a method, or none")
    kinds = {method: TableAttention(method, model.device) for method in methods}

    def attend(layer: int, *attention) -> torch.Tensor:
        return kinds[methods[layer % len(methods)]](*attention)  # too many sites: refused below

    with attending(model, attend):
        yield


@contextmanager
def attending(model: PreTrainedModel, attend: Callable[..., torch.Tensor]) -> Iterator[None]:
    """Compute the attention of every layer by `attend(layer, heads, mask, scaling, causal)`.

    The arguments after the layer's number are those of `TableAttention`, and so is the result.
    `attend` is called once a layer, on two tokens, to count the layers.
    """
    order: dict[torch.nn.Module, int] = {}
    before = model.config._attn_implementation

    def interface(module, query, key, value, attention_mask, scaling, **kwargs):
        for extra in ("softcap", "s_aux"):
            if kwargs.get(extra) is not None:
                raise InputError(f"attention with {extra} cannot be emulated yet")
        layer = order.setdefault(module, len(order))
        is_causal = kwargs.get("is_causal")
        causal = module.is_causal if is_causal is None else is_causal
        causal = causal and attention_mask is None and query.shape[2] > 1
        return attend(layer, Heads(query, key, value), attention_mask, scaling, causal), None

    name = next(_NAMES)
    AttentionInterface.register(name, interface)
    AttentionMaskInterface.register(name, sdpa_mask)
    try:
        model.set_attn_implementation(name)
        with torch.inference_mode():
            model(torch.zeros(1, 2, dtype=torch.long, device=model.device))
        _expect(len(order), model, "attention")
        yield
    finally:
        model.set_attn_implementation(before)
        AttentionInterface._global_mapping.pop(name, None)
        AttentionMaskInterface._global_mapping.pop(name, None)


@contextmanager
def _activations(model: PreTrainedModel, methods: Sequence[Method | None]) -> Iterator[None]:
    if not any(methods):
        yield
        return
    function, sites = activation_sites(model)
    kinds = {m: TableActivation(m, function, model.device) for m in methods if m}
    try:
        for (parent, child_name, child), method in zip(sites, methods, strict=True):
            setattr(parent, child_name, kinds[method] if method else child)
        yield
    finally:
        for parent, child_name, child in sites:
            setattr(parent, child_name, child)


def activation_sites(
    model: PreTrainedModel,
) -> tuple[str, list[tuple[torch.nn.Module, str, torch.nn.Module]]]:
    """Return the function of the activations and where they are: parent, name and module of each
    layer's. Raises InputError if there are no tables for it, or not one a layer."""
    config = model.config
    name = getattr(config, "hidden_act", None) or getattr(config, "activation_function", None)
    if name not in FUNCTION_OF_ACTIVATION:
        allowed = ", ".join(sorted(FUNCTION_OF_ACTIVATION))
        raise InputError(f"activation '{name}' of this model has no tables; allowed: {allowed}")
    kind = type(ACT2FN[name])
    sites = [
        (parent, child_name, child)
        for parent in model.modules()
        for child_name, child in parent.named_children()
        if isinstance(child, kind)
    ]
    _expect(len(sites), model, "activation")
    return FUNCTION_OF_ACTIVATION[name], sites


def _expect(found: int, model: PreTrainedModel, what: str) -> None:
    layers = model.config.num_hidden_layers
    if found != layers:
        raise InputError(f"patched {found} {what} sites of a model with {layers} layers")
