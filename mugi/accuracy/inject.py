"""Swap a model's softmax and activation for table lookups: scoped, counted and undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import sdpa_mask

from mugi.accuracy.emulate import Heads, TableActivation, TableAttention
from mugi.approximations import Method
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
    model: PreTrainedModel, softmax: Method | None = None, activation: Method | None = None
) -> Iterator[None]:
    """Run `model` with the given methods inside the `with` block and restore it afterwards.

    Raises InputError if the model has no operation to swap, or if the number of patched sites
    is not the number of layers in the model's configuration.
    """
    with _attention(model, softmax), _activations(model, activation):
        yield


@contextmanager
def _attention(model: PreTrainedModel, method: Method | None) -> Iterator[None]:
    if method is None:
        yield
        return
    attention, sites = TableAttention(method, model.device), set()
    before = model.config._attn_implementation

    def interface(module, query, key, value, attention_mask, scaling, **kwargs):
        for extra in ("softcap", "s_aux"):
            if kwargs.get(extra) is not None:
                raise InputError(f"attention with {extra} cannot be emulated yet")
        sites.add(module)
        is_causal = kwargs.get("is_causal")
        causal = module.is_causal if is_causal is None else is_causal
        causal = causal and attention_mask is None and query.shape[2] > 1
        return attention(Heads(query, key, value), attention_mask, scaling, causal), None

    name = next(_NAMES)
    AttentionInterface.register(name, interface)
    AttentionMaskInterface.register(name, sdpa_mask)
    try:
        model.set_attn_implementation(name)
        with torch.inference_mode():
            model(torch.zeros(1, 2, dtype=torch.long, device=model.device))
        _expect(len(sites), model, "attention")
        yield
    finally:
        model.set_attn_implementation(before)
        AttentionInterface._global_mapping.pop(name, None)
        AttentionMaskInterface._global_mapping.pop(name, None)


@contextmanager
def _activations(model: PreTrainedModel, method: Method | None) -> Iterator[None]:
    if method is None:
        yield
        return
    config = model.config
    name = getattr(config, "hidden_act", None) or getattr(config, "activation_function", None)
    if name not in FUNCTION_OF_ACTIVATION:
        allowed = ", ".join(sorted(FUNCTION_OF_ACTIVATION))
        raise InputError(f"activation '{name}' of this model has no tables; allowed: {allowed}")
    tables = TableActivation(method, FUNCTION_OF_ACTIVATION[name], model.device)
    kind = type(ACT2FN[name])
    sites = [
        (parent, child_name, child)
        for parent in model.modules()
        for child_name, child in parent.named_children()
        if isinstance(child, kind)
    ]
    _expect(len(sites), model, "activation")
    for parent, child_name, _ in sites:
        setattr(parent, child_name, tables)
    try:
        yield
    finally:
        for parent, child_name, child in sites:
            setattr(parent, child_name, child)


def _expect(found: int, model: PreTrainedModel, what: str) -> None:
    layers = model.config.num_hidden_layers
    if found != layers:
        raise InputError(f"patched {found} {what} sites of a model with {layers} layers")
