"""Where tables enter attention: the attention of any model, by another function, scoped and undone.

Two ways in, by what the model's classes use:

attending   transformers' AttentionInterface: a layer hands over its queries, keys and values, and
            gets the attention output (`TableAttention.__call__` of `mugi.llm.emulate`)
softening   nothing of the kind (GPT-J, Swin): while one of its attention modules runs,
            `torch.nn.functional.softmax` hands over the scores (`TableAttention.softmax`)

Both number the layers in the order in which they run, on the smallest input, and refuse a model in
which that is not the number of layers of its configuration. A model is looked at once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from weakref import WeakKeyDictionary

import torch
from torch.nn import Module, functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask, sdpa_mask

from mugi.errors import InputError
from mugi.llm.emulate import Heads

Attend = Callable[..., torch.Tensor | None]
Soften = Callable[[int, torch.Tensor], torch.Tensor | None]
_NAMES = (f"mugi_{number}" for number in count())  # of attention interfaces: blocks may nest
_CROSS = {"encoder_attn", "crossattention", "EncDecAttention", "cross_attn"}
_UNKNOWN_TERMS = ("s_aux", "position_bias")  # that some models add to the scores


@contextmanager
def attending(
    model: PreTrainedModel, attend: Attend, cross: Attend | None = None
) -> Iterator[None]:
    """Compute the attention of every layer by `attend(layer, …)`, then as `TableAttention`.

    A result of None leaves the layer its own attention. `cross` is the same for the attention of a
    decoder to its encoder; its layers count from the first decoder layer.
    """
    sites = _sites_of(model)
    before = model.config._attn_implementation

    def function(module, query, key, value, attention_mask, scaling=None, **kwargs):
        mask = attention_mask
        for term in _UNKNOWN_TERMS:
            if kwargs.get(term) is not None:
                raise InputError(f"attention with {term} cannot be emulated yet")
        if mask is not None and mask.dtype != torch.bool:
            raise InputError("attention with a mask of numbers cannot be emulated yet")
        layer, is_cross = sites.visit(module)
        # as sdpa does it: a causal model without mask hides later keys, but from a lone query
        causal = kwargs.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        queries, keys = query.shape[2], key.shape[2]
        causal = causal and mask is None and queries > 1
        heads = Heads(query, key, value, kwargs.get("softcap"))
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        replacement = cross if is_cross else attend
        output = replacement and replacement(layer, heads, mask, scale, causal)
        if output is not None:
            return output, None
        if AttentionMaskInterface().get(before) is eager_mask:
            # the model's own eager attention adds the mask to its scores
            if causal:
                mask = query.new_ones(1, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
            if mask is not None:
                lowest = torch.finfo(query.dtype).min
                mask = query.new_zeros(mask.shape).masked_fill_(~mask, lowest)
        own = own_attention(module, before)
        return own(module, query, key, value, mask, scaling=scaling, **kwargs)

    with attention_by(model, function, sdpa_mask):
        sites.check(model)
        yield


@contextmanager
def attention_by(model: PreTrainedModel, function: Callable, mask: Callable) -> Iterator[None]:
    """Give the model an attention function of transformers' AttentionInterface, and what makes its
    masks, for the `with` block."""
    name, before = next(_NAMES), model.config._attn_implementation
    AttentionInterface.register(name, function)
    AttentionMaskInterface.register(name, mask)
    try:
        model.set_attn_implementation(name)
        yield
    finally:
        model.set_attn_implementation(before)
        for interface in (AttentionInterface, AttentionMaskInterface):
            interface._global_mapping.pop(name, None)


def own_attention(module: Module, implementation: str) -> Callable:
    """Return the attention function that an attention module has under an implementation."""
    eager = sys.modules[type(module).__module__].eager_attention_forward
    return AttentionInterface().get_interface(implementation, eager)


@contextmanager
def softening(
    model: PreTrainedModel, soften: Soften, cross: Soften | None = None
) -> Iterator[None]:
    """Compute the softmax of every layer by `soften(layer, scores)`, in models without interface.

    Scores are (batch, heads, queries, keys) with all that the model adds to them, and so are the
    probabilities that it returns; None leaves the layer its own softmax. `cross` and the counting
    are those of `attending`. While an attention module runs, softmax is swapped in the whole
    process: other threads must not run models.
    """
    sites = _sites_of(model)
    native = functional.softmax

    def softmax(module, scores, dim=None, _stacklevel=3, dtype=None):
        probabilities = None
        if scores.ndim == 4 and dim in (-1, 3):
            layer, is_cross = sites.visit(module)
            replacement = cross if is_cross else soften
            probabilities = replacement and replacement(layer, scores)
        if probabilities is None:
            return native(scores, dim, dtype=dtype)
        return probabilities.to(dtype or scores.dtype)

    def enter(module, inputs):
        functional.softmax = partial(softmax, module)

    def leave(module, inputs, outputs):
        functional.softmax = native

    modules = [module for module in model.modules() if "Attention" in type(module).__name__]
    with ExitStack() as stack:
        for module in modules:
            if set(module.modules()) & set(modules) == {module}:  # holds no other
                stack.enter_context(module.register_forward_pre_hook(enter))
                stack.enter_context(module.register_forward_hook(leave, always_call=True))
        sites.check(model)
        yield


# --- layers: how many there must be, how many ran -------------------------------------------------


def layer_counts(model: PreTrainedModel) -> tuple[int, int]:
    """Return the layers with self-attention, encoder and decoder together or the blocks of all
    stages (Swin), and those with cross-attention, by configuration."""
    config = model.config

    def number(*names: str) -> int:
        for name in names:
            if isinstance(getattr(config, name, None), int):
                return getattr(config, name)
        raise InputError(f"the configuration of this {config.model_type} model has no {names[0]}")

    if config.is_encoder_decoder:
        decoder = number("decoder_layers", "num_decoder_layers")
        return number("encoder_layers", "num_layers") + decoder, decoder
    return sum(getattr(config, "depths", ())) or number("num_hidden_layers"), 0


class _Sites:
    """The attention modules that ran, in order: they are the layers of the model."""

    def __init__(self, model: PreTrainedModel):
        self.complete, self.attention = False, model.config._attn_implementation
        self.cross = {m for name, m in model.named_modules() if name.split(".")[-1] in _CROSS}
        self.cross |= {m for parent in self.cross for m in parent.modules()}
        self.order: dict[bool, dict[Module, int]] = {False: {}, True: {}}

    def visit(self, module: Module) -> tuple[int, bool]:
        """Return the number of the module's layer, and whether it is cross-attention."""
        order = self.order[module in self.cross]
        return order.setdefault(module, len(order)), module in self.cross

    def check(self, model: PreTrainedModel) -> None:
        """Let the model run; InputError if it has not as many attention modules as layers."""
        if self.complete:
            return
        probe(model)
        if not any(self.order.values()):
            where = f"{type(model).__name__} with {self.attention} attention"
            raise InputError(f"no attention found whose softmax could be swapped in {where}")
        own, cross = layer_counts(model)
        expect(len(self.order[False]), own, "attention")
        expect(len(self.order[True]), cross, "cross-attention")
        self.complete = True


_SITES: WeakKeyDictionary[PreTrainedModel, _Sites] = WeakKeyDictionary()


def _sites_of(model: PreTrainedModel) -> _Sites:
    """Return the attention modules of a model, those that are known if it was looked at before."""
    if model not in _SITES or not _SITES[model].complete:
        _SITES[model] = _Sites(model)
    return _SITES[model]


def expect(sites: int, layers: int, what: str) -> None:
    """Raise InputError unless as many sites were patched as there are layers."""
    if sites != layers:
        raise InputError(f"patched {sites} {what} sites of a model with {layers} layers")


def probe(model: PreTrainedModel) -> None:
    """Run the model on the smallest input that it takes."""
    config, zeros = model.config, {"device": model.device, "dtype": model.dtype}
    inputs = tokens = torch.zeros(1, 2, dtype=torch.long, device=model.device)
    if model.main_input_name == "pixel_values":
        size = config.image_size
        size = [size, size] if isinstance(size, int) else list(size)
        frames = [config.num_frames] if hasattr(config, "num_frames") else []
        inputs = torch.zeros(1, *frames, config.num_channels, *size, **zeros)
    elif model.main_input_name == "input_features":
        inputs = torch.zeros(1, config.num_mel_bins, 2 * config.max_source_positions, **zeros)
    decoder = {"decoder_input_ids": tokens} if config.is_encoder_decoder else {}
    with torch.inference_mode():
        model(**{model.main_input_name: inputs}, **decoder)
