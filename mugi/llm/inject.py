"""Run a model with its operations approximated: scoped, counted and undone.

    with emulated(model, "softmax=vlp:lut=12,max_exp=3;activation=vlp:lut=12,max_exp=3"):
        logits = model(tokens).logits

Softmax is replaced in `mugi.llm.attention`, activations here, weights and KV cache in
`mugi.llm.quantise`. The tables take BF16 and give BF16, as the hardware does, whatever the model's
dtype: all that stands between them stays in that dtype.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from weakref import WeakSet

import torch
from torch.nn import Module
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from mugi.errors import InputError
from mugi.llm.attention import attending, expect, layer_counts, probe, softening
from mugi.llm.emulate import TableActivation, TableAttention
from mugi.llm.quantise import quantised
from mugi.methods import Approximation, Method, parse_operations

FUNCTION_OF_ACTIVATION = {
    **dict.fromkeys(["silu", "swish"], "silu"),
    **dict.fromkeys(["gelu", "gelu_python"], "gelu"),
    **dict.fromkeys(["gelu_new", "gelu_fast", "gelu_accurate"], "gelu_tanh"),
    **dict.fromkeys(["gelu_pytorch_tanh", "gelu_python_tanh"], "gelu_tanh"),
}
"""Name of the activation in a model's configuration -> function that the tables hold."""
_FUNCTIONS = {type(ACT2FN[name]): function for name, function in FUNCTION_OF_ACTIVATION.items()}
_NAMES_IN_CONFIG = ("hidden_act", "hidden_activation", "activation_function", "dense_act_fn")
_CALLS_ACTIVATIONS: WeakSet[PreTrainedModel] = WeakSet()  # the models that were looked at
Site = tuple[Module, str, Module]
"""Where an activation is: its parent module, its name there, and itself."""


@contextmanager
def emulated(
    model: PreTrainedModel,
    approximation: str | Approximation | Sequence[str | Approximation],
) -> Iterator[PreTrainedModel]:
    """Run `model` with an approximation inside the `with` block and restore it afterwards.

    An approximation is `softmax=METHOD;activation=METHOD;…`, as text or parsed. A sequence gives
    each layer, in order, one of its own: the encoder's layers, then the decoder's; Swin's blocks
    stage by stage. What is not approximated stays the model's own, its attention implementation
    (sdpa, eager) too. Gives the model. Blocks nest.

    Raises InputError for a text that names no approximation, or if the operations of the model or
    the sequence do not fit the number of layers in the model's configuration.
    """
    if not (isinstance(model, Module) and hasattr(model, "config")):
        raise InputError(f"model must be one of transformers, not {type(model).__name__}")
    layers, cross_layers = layer_counts(model)
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
            stack.enter_context(_activations(model, activations))
        if any(softmaxes) or any(crosses):
            stack.enter_context(_attention(model, softmaxes, crosses))
        stack.enter_context(quantised(model, *quantisers.pop()))
        yield model


def _attention(model: PreTrainedModel, softmaxes: Sequence, crosses: Sequence):
    """Return the context in which softmax is by tables, through the path that fits the model."""
    methods = {*softmaxes, *crosses} - {None}
    tables = {method: TableAttention(method, model.device) for method in methods}

    def by(methods: Sequence[Method | None], call: str) -> Callable:
        """Return the function that calls each layer's own tables, None for its own attention."""

        def function(layer: int, *arguments) -> torch.Tensor | None:
            method = methods[layer % len(methods)]  # too many sites: refused after counting
            return getattr(tables[method], call)(*arguments) if method else None

        return function

    if model._can_set_attn_implementation():
        return attending(model, by(softmaxes, "__call__"), by(crosses, "__call__"))
    return softening(model, by(softmaxes, "softmax"), by(crosses, "softmax"))


@contextmanager
def _activations(model: PreTrainedModel, methods: Sequence[Method | None]) -> Iterator[None]:
    """Give every layer the activation of its method, and check that the model calls them."""
    function, layers = activation_layers(model)
    tables = {m: TableActivation(m, function, model.device) for m in methods if m}
    swapped = [
        (*site, tables[method])
        for sites, method in zip(layers, methods, strict=True)
        for site in sites
        if method
    ]
    try:
        for parent, name, _, table in swapped:
            setattr(parent, name, table)
        if model not in _CALLS_ACTIVATIONS:
            probe(model)
            if sum(table.calls for table in tables.values()) < len(swapped):
                raise InputError(f"{type(model).__name__} does not call its activation modules")
            if all(methods):
                _CALLS_ACTIVATIONS.add(model)
        yield
    finally:
        for parent, name, own, _ in swapped:
            setattr(parent, name, own)


def activation_sites(model: PreTrainedModel) -> tuple[str, list[Site]]:
    """Return the function of the activations and each layer's site; InputError if not one each."""
    function, layers = activation_layers(model)
    sites = [site for layer in layers for site in layer]
    expect(len(sites), len(layers), "activation")
    return function, sites


def activation_layers(model: PreTrainedModel) -> tuple[str, list[list[Site]]]:
    """Return the function of the activations of the feed-forward layers, and each layer's sites.

    A layer has more than one only if experts are shared. Activations outside of the layers (of
    heads, poolers and stems) are not the paper's. Raises InputError where there are no tables.
    """
    layers: dict[str, list[Site]] = defaultdict(list)
    functions = set()
    for path, child in model.named_modules(remove_duplicate=False):
        layer, function = re.match(r".*\.\d+(?=\.)", path), _function_of(child)
        if function and layer:
            parent, _, name = path.rpartition(".")
            layers[layer.group()].append((model.get_submodule(parent), name, child))
            functions.add(function)
    names = [getattr(model.config, key, None) for key in _NAMES_IN_CONFIG]
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
