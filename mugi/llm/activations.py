"""Where activations are in a model's feed-forward layers, and how other functions replace them.

Four ways in, by how the model computes them: an activation module (nearly all), a function of
torch.nn.functional that a feed-forward module keeps or calls (LFM2), the clamped SwiGLU of gpt-oss.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple
from weakref import WeakSet

import torch
from torch.nn import Module, functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel
from transformers.activations import ACT2CLS, ACT2FN

from mugi.errors import InputError
from mugi.llm.blocks import expect, language_model, layer_kinds, layers_of, probe
from mugi.llm.emulate import TableActivation
from mugi.methods import Method

Activation = Callable[[torch.Tensor], torch.Tensor]

FUNCTION_OF_ACTIVATION = {
    **dict.fromkeys(["silu", "swish"], "silu"),
    **dict.fromkeys(["gelu", "gelu_python"], "gelu"),
    **dict.fromkeys(["gelu_new", "gelu_fast", "gelu_accurate"], "gelu_tanh"),
    **dict.fromkeys(["gelu_pytorch_tanh", "gelu_python_tanh"], "gelu_tanh"),
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "relu2": "relu2",
}
"""Name of the activation in a model's configuration -> function that the tables hold."""
_FUNCTIONS = {type(ACT2FN[name]): function for name, function in FUNCTION_OF_ACTIVATION.items()}
_FUNCTIONS |= {torch.nn.SiLU: "silu", torch.nn.ReLU: "relu"}
_GATES = {torch.nn.Sigmoid, torch.nn.Tanh}  # of routers and attention, never of these layers alone
_OTHERS = {kind[0] if isinstance(kind, tuple) else kind for kind in ACT2CLS.values()} - _GATES
_NAMES_IN_CONFIG = (
    "hidden_act", "hidden_activation", "activation_function", "dense_act_fn", "mlp_hidden_act",
)  # fmt: skip
_FEED_FORWARD = re.compile(r"(MLP|Mlp|FeedForward|FFN|Experts|MoE|MoeBlock)$")  # class names
# what mixes tokens has activations too, which are not the feed-forward layers'
_MIXER = re.compile(
    r"Attention(?!DecoderLayer)|Mixer|Mamba\w*Layer|ShortConv|DeltaNet|RecurrentBlock|Router|TopKGating"
)
_LAYER = re.compile(r".*(?<!expert)(?<!experts)\.\d+(?=\.)")  # the deepest number in a path
_CALLS: WeakSet[PreTrainedModel] = WeakSet()  # models that were seen to call their activations


class Site(NamedTuple):
    """An activation: what stands at `name` in `parent`, and what must stand there for another
    activation to take its place. `own` is the model's own activation, of one tensor."""

    parent: Module
    name: str
    function: str
    own: Activation
    wrap: Callable[[Activation], object]

    @contextmanager
    def by(self, activation: Activation) -> Iterator[None]:
        """Have `activation` compute the site, for the `with` block."""
        owned = {**vars(self.parent), **self.parent._modules}
        setattr(self.parent, self.name, self.wrap(activation))
        try:
            yield
        finally:
            own = owned.get(self.name)
            if not isinstance(own, Module):  # a function, or a method of the class
                delattr(self.parent, self.name)
            if own is not None:
                setattr(self.parent, self.name, own)


@contextmanager
def activations_by(model: PreTrainedModel, methods: Sequence[Method | None]) -> Iterator[None]:
    """Give every layer the activation of its method, None for the model's own.

    Raises InputError if a method cannot compute it, or if the model does not call its activations.
    """
    model = language_model(model)
    function, layers = activation_layers(model)
    for method in {*methods} - {None}:
        if function not in method.functions:
            raise InputError(
                f"activation: {method.name} cannot compute {function}, the activation of this model"
            )
    _check_calls(model, layers)
    tables = {m: TableActivation(m, function, model.device) for m in methods if m}
    with ExitStack() as stack:
        for sites, method in zip(layers, methods, strict=True):
            for site in sites if method else []:
                stack.enter_context(site.by(tables[method]))
        yield


def activation_layers(model: PreTrainedModel) -> tuple[str, list[list[Site]]]:
    """Return the function of the activations of the feed-forward layers, and each layer's sites.

    A layer has none if it has no feed-forward part (in hybrids), more than one if it has experts
    beside a shared one. Activations outside of the layers (of heads, poolers and stems), of what
    mixes tokens and of routers are not the paper's. Raises InputError where there are no tables.
    """
    model = language_model(model)
    count = layers_of(model).count
    found: dict[str, list[Site]] = defaultdict(list)
    feed_forward, others = set(), []
    for path, module in model.named_modules(remove_duplicate=False):
        layer = _LAYER.match(path)
        if not layer or _mixes_tokens(model, path, layer.group()):
            continue
        if _FEED_FORWARD.search(type(module).__name__):
            feed_forward.add(layer.group())
        if type(module) in _OTHERS - {*_FUNCTIONS}:
            others.append(type(module).__name__)
        found[layer.group()] += _sites_at(model, path, module)
    found = {layer: sites for layer, sites in found.items() if sites}
    functions = {site.function for sites in found.values() for site in sites}
    if others or not functions:
        raise InputError(_without_tables(model, others, bool(feed_forward)))
    if len(functions) > 1:
        raise InputError(f"layers of this model have {' and '.join(sorted(functions))} together")
    if len(found) == count:
        return functions.pop(), list(found.values())
    # only in a model whose layers differ may some have no feed-forward part, and then none at all
    layers = [[] for _ in range(count)]
    if not layer_kinds(model.config) or feed_forward - {*found}:
        expect(len(found), count, "activation")
    for path, sites in found.items():
        layers[int(path.rpartition(".")[2])] = sites
    return functions.pop(), layers


def _mixes_tokens(model: Module, path: str, layer: str) -> bool:
    """Tell whether a module belongs to a part of its layer that is no feed-forward part."""
    while path != layer:
        if _MIXER.search(type(model.get_submodule(path)).__name__):
            return True
        path = path.rpartition(".")[0]
    return False


def _sites_at(model: Module, path: str, module: Module) -> list[Site]:
    """Return the site that a module is, or that a feed-forward module holds in its code."""
    function = _function_of(module)
    if function:
        parent, _, name = path.rpartition(".")
        return [Site(model.get_submodule(parent), name, function, module, lambda a: a)]
    if not _FEED_FORWARD.search(type(module).__name__) or any(map(_function_of, module.children())):
        return []
    kept = [(name, value) for name, value in vars(module).items() if value in _CALLED.values()]
    if kept:
        functions = {own: function for function, own in _CALLED.items()}
        return [Site(module, name, functions[own], own, lambda a: a) for name, own in kept]
    kind = type(module)  # blocks nest: what the module has itself may be another block's
    names = _names_in(kind.forward) | _names_in(getattr(kind, "_apply_gate", None))
    called = names & {*_CALLED}
    if len(called) == 1:
        return [_called_site(module, called.pop())]
    return [_clamped_site(module)] if "sigmoid" in names and hasattr(kind, "_apply_gate") else []


def _function_of(module: Module) -> str | None:
    """Return the function of an activation module, if there are tables for it."""
    if isinstance(module, TableActivation):  # blocks nest
        return module.function
    if isinstance(module, torch.nn.GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    if type(module).__name__ == "BloomGelu":
        return "gelu_tanh"
    return _FUNCTIONS.get(type(module))


def _without_tables(model: PreTrainedModel, others: list[str], has_feed_forward: bool) -> str:
    """Say why the activations of a model cannot be replaced."""
    if not has_feed_forward and not others and layer_kinds(model.config):
        return (
            f"{type(model).__name__} has no feed-forward layers whose activation could be swapped"
        )
    names = [getattr(model.config, key, None) for key in _NAMES_IN_CONFIG]
    name = next((name for name in names if isinstance(name, str)), None)
    if others or name in FUNCTION_OF_ACTIVATION:
        name = name if name and name not in FUNCTION_OF_ACTIVATION else next(iter(others), None)
    what = f"activation '{name}' of this model" if name else "the activation of this model"
    return f"{what} has no tables; allowed: {', '.join(sorted(FUNCTION_OF_ACTIVATION))}"


# --- activations that are no modules --------------------------------------------------------------

_CALLED = {"silu": functional.silu, "gelu": functional.gelu, "relu": functional.relu}


def _names_in(method: Callable | None) -> set[str]:
    """Return the names that a method's code uses."""
    code = getattr(inspect.unwrap(method), "__code__", None) if method else None
    return set(code.co_names) if code else set()


def _called_site(module: Module, function: str) -> Site:
    """Return the site of a feed-forward module that calls torch.nn.functional."""
    own, forward = _CALLED[function], module.forward
    forward = getattr(forward, "inside", forward)  # of another block, whose function is not asked

    def wrap(activation: Activation) -> Callable:
        def with_mode(*args, **kwargs):
            with _Calls(own, activation):
                return forward(*args, **kwargs)

        with_mode.inside = forward
        return with_mode

    return Site(module, "forward", function, own, wrap)


class _Calls(TorchFunctionMode):
    """Gives the calls of one function, in its plain form, to another."""

    def __init__(self, own: Activation, activation: Activation):
        super().__init__()
        self.own, self.activation = own, activation

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is not self.own:
            return function(*args, **kwargs)
        if kwargs.get("approximate", "none") != "none":
            raise InputError("a call of gelu with approximate= cannot be emulated")
        return self.activation(args[0])


def _clamped_site(module: Module) -> Site:
    """Return the site of experts with (up + 1)·gate·sigmoid(alpha·gate), both clamped (gpt-oss).

    The clamp is a comparison in front of the tables. Raises InputError if that is not what the
    module computes.
    """
    name = type(module).__name__
    alpha = getattr(module, "alpha", getattr(module, "swiglu_alpha", None))
    limit = getattr(module, "limit", getattr(module, "swiglu_limit", None))
    if alpha != 1.702 or limit is None:
        raise InputError(f"the gate of {name} has no tables; allowed: x·sigmoid(1.702·x), clamped")

    def wrap(activation: Activation) -> Callable:
        def apply_gate(gate_up: torch.Tensor) -> torch.Tensor:
            if module.is_concatenated:
                gate, up = gate_up.chunk(2, dim=-1)
            else:
                gate, up = gate_up[..., ::2], gate_up[..., 1::2]
            return (up.clamp(-limit, limit) + 1) * activation(gate.clamp(max=limit))

        return apply_gate

    def own(gate: torch.Tensor) -> torch.Tensor:
        return gate * torch.sigmoid(gate * alpha)

    some = torch.linspace(-2 * limit, 2 * limit, 64)
    some = torch.cat([some, some.flip(0) / 3])
    if not torch.allclose(type(module)._apply_gate(module, some), wrap(own)(some)):
        raise InputError(f"the gate of {name} is not the clamped SwiGLU of gpt-oss")
    return Site(module, "_apply_gate", "quick_gelu", own, wrap)


# --- whether the model uses them ------------------------------------------------------------------


class Watched(Module):
    """An activation that shows its inputs to `see`, and computes what it did."""

    def __init__(self, own: Activation, see: Callable[[torch.Tensor], None]):
        super().__init__()
        self.compute, self.see = own, see

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.see(inputs)
        return self.compute(inputs)


def _check_calls(model: PreTrainedModel, layers: Iterable[list[Site]]) -> None:
    """Let the model run once; InputError if it calls not every activation, as fused kernels do."""
    if model in _CALLS:
        return
    called = set()
    sites = [site for layer in layers for site in layer]
    with ExitStack() as stack:
        for number, site in enumerate(sites):
            see = partial(lambda number, _: called.add(number), number)
            stack.enter_context(site.by(Watched(site.own, see)))
        probe(model)
    if len(called) < len(sites):
        raise InputError(f"{type(model).__name__} does not call its activation modules")
    _CALLS.add(model)
