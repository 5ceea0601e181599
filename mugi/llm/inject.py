"""Swap a model's softmax and activation for table lookups: scoped, counted and undone."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import Module
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from mugi.errors import InputError
from mugi.llm.attention import (
    attending,
    expect,
    has_interface,
    layer_counts,
    probe,
    softening,
)
from mugi.llm.emulate import TableActivation, TableAttention
from mugi.llm.quantise import quantised
from mugi.methods import Approximation, Method

FUNCTION_OF_ACTIVATION = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
}
"""Name of the activation in a model's configuration -> function that the tables hold."""
_FUNCTIONS = {type(ACT2FN[name]): function for name, function in FUNCTION_OF_ACTIVATION.items()}
_NAMES_IN_CONFIG = ("hidden_act", "hidden_activation", "activation_function", "dense_act_fn")


@contextmanager
def injected(
    model: PreTrainedModel, approximation: Approximation | Sequence[Approximation]
) -> Iterator[None]:
    """Run `model` with an approximation inside the `with` block and restore it afterwards.

    A sequence gives each layer, in order, an approximation of its own: the encoder's layers, then
    the decoder's; Swin's blocks stage by stage. Raises InputError if the model has no operation to
    swap, if the number of patched sites is not the number of layers in the model's configuration,
    or if a sequence is not as long.
    """
    layers, cross_layers = layer_counts(model)
    if isinstance(approximation, Approximation):
        approximation = [approximation] * layers
    if len(approximation) != layers:
        raise InputError(f"{len(approximation)} approximations for a model with {layers} layers")
    softmaxes = [layer.softmax for layer in approximation]
    crosses = [layer.cross_softmax for layer in approximation][layers - cross_layers :]
    if not crosses and any(layer.cross_softmax for layer in approximation):
        raise InputError(f"cross_softmax: {type(model).__name__} has no cross-attention")
    activations = [layer.activation for layer in approximation]
    quantisers = {(layer.woq, layer.kvq) for layer in approximation}
    if len(quantisers) > 1:
        raise InputError("woq and kvq: give every layer the same, or none")
    with ExitStack() as stack:
        check = stack.enter_context(_activations(model, activations))
        if any(softmaxes) or any(crosses):
            stack.enter_context(_attention(model, softmaxes, crosses))
        elif any(activations):
            probe(model)
        check()
        stack.enter_context(quantised(model, *quantisers.pop()))
        yield


def _attention(model: PreTrainedModel, softmaxes: Sequence, crosses: Sequence):
    """Return the context in which softmax is by tables, through the path that fits the model."""
    methods = {*softmaxes, *crosses} - {None}
    tables = {method: TableAttention(method, model.device) for method in methods}

    def by(methods: Sequence[Method | None], call: str) -> Callable:
        def function(layer: int, *arguments) -> torch.Tensor | None:
            method = methods[layer % len(methods)]  # too many sites: refused after counting
            return getattr(tables[method], call)(*arguments) if method else None

        return function

    if has_interface(model):
        return attending(model, by(softmaxes, "__call__"), by(crosses, "__call__"))
    return softening(model, by(softmaxes, "softmax"), by(crosses, "softmax"))


@contextmanager
def _activations(
    model: PreTrainedModel, methods: Sequence[Method | None]
) -> Iterator[Callable[[], None]]:
    """Give every layer the activation of its method; yields a check that the model calls them."""
    if not any(methods):
        yield lambda: None
        return
    function, layers = activation_layers(model)
    tables = {m: TableActivation(m, function, model.device) for m in methods if m}
    calls = []
    hooks = [table.register_forward_hook(lambda *_: calls.append(1)) for table in tables.values()]
    swapped = [
        (*site, tables[method])
        for sites, method in zip(layers, methods, strict=True)
        for site in sites
        if method
    ]

    def check() -> None:
        for hook in hooks:
            hook.remove()
        if len(calls) < len(swapped):
            raise InputError(f"{type(model).__name__} does not call its activation modules")

    try:
        for parent, name, _, table in swapped:
            setattr(parent, name, table)
        yield check
    finally:
        for parent, name, child, _ in swapped:
            setattr(parent, name, child)


def activation_sites(model: PreTrainedModel) -> tuple[str, list[tuple[Module, str, Module]]]:
    """Return the function of the activations and where they are: parent, name and module of each
    layer's. Raises InputError if there are no tables for it, or not one a layer."""
    function, layers = activation_layers(model)
    sites = [site for layer in layers for site in layer]
    expect(len(sites), len(layers), "activation")
    return function, sites


def activation_layers(model: PreTrainedModel) -> tuple[str, list[list[tuple[Module, str, Module]]]]:
    """Return the function of the activations of the feed-forward layers, and where they are.

    There is one list a layer, of (parent, name, module); more than one only if experts are shared.
    Activations outside of the layers (of heads, poolers and stems) are not the paper's. Raises
    InputError if there are no tables for the function, or a layer has no activation.
    """
    layers: dict[str, list] = {}
    functions = set()
    for path, child in model.named_modules(remove_duplicate=False):
        parent, _, own = path.rpartition(".")
        layer = re.match(r".*\.\d+(?=\.)", path)
        function = _function_of(child)
        if function and layer:
            site = model.get_submodule(parent), own, child
            layers.setdefault(layer.group(), []).append(site)
            functions.add(function)
    names = (getattr(model.config, key, None) for key in _NAMES_IN_CONFIG)
    name = next((name for name in names if isinstance(name, str)), None)
    if not layers and name not in FUNCTION_OF_ACTIVATION:
        what = f"activation '{name}' of this model" if name else "the activation of this model"
        allowed = ", ".join(sorted(FUNCTION_OF_ACTIVATION))
        raise InputError(f"{what} has no tables; allowed: {allowed}")
    if len(functions) > 1:
        raise InputError(f"layers of this model have {' and '.join(sorted(functions))} together")
    expect(len(layers), layer_counts(model)[0], "activation")
    return functions.pop(), list(layers.values())


def _function_of(module: Module) -> str | None:
    """Return the function of an activation module, if there are tables for it."""
    if isinstance(module, torch.nn.GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    return _FUNCTIONS.get(type(module))
