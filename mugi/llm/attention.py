"""Compute the attention of any model by other functions: scoped, counted and undone.

Models whose classes use transformers' AttentionInterface get an interface of ours; the others get
`torch.nn.functional.softmax` swapped while one of their attention modules runs.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

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


def layer_counts(model: PreTrainedModel) -> tuple[int, int]:
    """Return the layers with self-attention and those with cross-attention, by configuration.

    Encoder layers come before decoder layers; the blocks of all stages (Swin) are counted.
    """
    config = model.config
    if config.is_encoder_decoder:
        decoder = _first(config, "decoder_layers", "num_decoder_layers")
        return _first(config, "encoder_layers", "num_layers") + decoder, decoder
    if hasattr(config, "depths"):
        return sum(config.depths), 0
    return _first(config, "num_hidden_layers"), 0


def _first(config, *names: str) -> int:
    for name in names:
        if isinstance(getattr(config, name, None), int):
            return getattr(config, name)
    raise InputError(f"the configuration of this {config.model_type} model has no {names[0]}")


def has_interface(model: PreTrainedModel) -> bool:
    """Return whether the model's attention goes through transformers' AttentionInterface."""
    return model._can_set_attn_implementation()


@contextmanager
def attending(
    model: PreTrainedModel, attend: Attend, cross: Attend | None = None
) -> Iterator[None]:
    """Compute the attention of every layer by `attend(layer, heads, mask, scaling, causal)`.

    The arguments after the layer's number are those of `TableAttention`, and so is the result;
    None leaves the layer its own attention. `cross` is the same for the attention of a decoder to
    its encoder, which is left alone without it; its layers count from the first decoder layer.
    Both are called once a layer, on the smallest input, to count the layers.
    """
    sites = _Sites(model)
    before = model.config._attn_implementation

    def interface(module, query, key, value, attention_mask, scaling=None, **kwargs):
        for extra in ("s_aux", "position_bias"):
            if kwargs.get(extra) is not None:
                raise InputError(f"attention with {extra} cannot be emulated yet")
        layer, is_cross = sites.visit(module)
        mask, causal = attention_mask, kwargs.get("is_causal")
        if mask is not None and mask.dtype != torch.bool:
            raise InputError("attention with a mask of numbers cannot be emulated yet")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        causal = causal and mask is None and query.shape[2] > 1
        heads = Heads(query, key, value, kwargs.get("softcap"))
        function = cross if is_cross else attend
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        found = function and function(layer, heads, mask, scale, causal)
        if found is not None:
            return found, None
        own = sys.modules[type(module).__module__].eager_attention_forward
        if AttentionMaskInterface().get(before) is eager_mask:
            mask = _additive(query, key, mask, causal)
        own = AttentionInterface().get_interface(before, own)
        return own(module, query, key, value, mask, scaling=scaling, **kwargs)

    name = next(_NAMES)
    AttentionInterface.register(name, interface)
    AttentionMaskInterface.register(name, sdpa_mask)
    try:
        model.set_attn_implementation(name)
        probe(model)
        sites.check()
        yield
    finally:
        model.set_attn_implementation(before)
        AttentionInterface._global_mapping.pop(name, None)
        AttentionMaskInterface._global_mapping.pop(name, None)


def _additive(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, causal: bool
) -> torch.Tensor | None:
    """Return the mask as the model's own eager attention adds it to scores."""
    queries, keys = query.shape[2], key.shape[2]
    if mask is None and causal:
        mask = query.new_ones(1, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
    if mask is None:
        return None
    hidden = torch.finfo(query.dtype).min
    return torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, hidden)


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
    sites = _Sites(model)
    native = functional.softmax

    def wrapped(module: Module) -> Callable:
        forward = module.forward

        def softmax(scores, dim=None, _stacklevel=3, dtype=None):
            found = None
            if scores.ndim == 4 and dim in (-1, 3):
                layer, is_cross = sites.visit(module)
                function = cross if is_cross else soften
                found = function and function(layer, scores)
            return (
                native(scores, dim, dtype=dtype)
                if found is None
                else found.to(dtype or scores.dtype)
            )

        def with_softmax(*args, **kwargs):
            outside, functional.softmax = functional.softmax, softmax
            try:
                return forward(*args, **kwargs)
            finally:
                functional.softmax = outside

        return with_softmax

    modules = list(_attention_modules(model))
    kept = [module.__dict__.get("forward") for module in modules]
    try:
        for module in modules:
            module.forward = wrapped(module)
        probe(model)
        sites.check()
        yield
    finally:
        for module, forward in zip(modules, kept, strict=True):
            del module.forward
            if forward is not None:
                module.forward = forward


def _attention_modules(model: PreTrainedModel) -> Iterable[Module]:
    """Return the innermost modules whose class is called Attention."""
    found = [module for module in model.modules() if "Attention" in type(module).__name__]
    return [module for module in found if not set(module.modules()) - {module} & set(found)]


class _Sites:
    """The attention modules that ran, in order: they are the layers of the model."""

    def __init__(self, model: PreTrainedModel):
        self.model, self.attention = model, model.config._attn_implementation
        self.cross = {m for name, m in model.named_modules() if name.split(".")[-1] in _CROSS}
        self.cross |= {m for parent in self.cross for m in parent.modules()}
        self.order: dict[bool, dict[Module, int]] = {False: {}, True: {}}

    def visit(self, module: Module) -> tuple[int, bool]:
        """Return the number of the module's layer, and whether it is cross-attention."""
        order = self.order[module in self.cross]
        return order.setdefault(module, len(order)), module in self.cross

    def check(self) -> None:
        """Raise InputError if the number of attention modules is not that of the layers."""
        if not any(self.order.values()):
            raise InputError(
                f"no attention found whose softmax could be swapped in {type(self.model).__name__} "
                f"with {self.attention} attention"
            )
        for what, found, layers in zip(
            ("attention", "cross-attention"),
            map(len, self.order.values()),
            layer_counts(self.model),
            strict=True,
        ):
            expect(found, layers, what)


def expect(found: int, layers: int, what: str) -> None:
    """Raise InputError unless as many sites were found as there are layers."""
    if found != layers:
        raise InputError(f"patched {found} {what} sites of a model with {layers} layers")


def probe(model: PreTrainedModel) -> None:
    """Run the model on the smallest input that it takes."""
    config, zeros = model.config, {"device": model.device, "dtype": model.dtype}
    tokens = torch.zeros(1, 2, dtype=torch.long, device=model.device)
    if model.main_input_name == "pixel_values":
        size = config.image_size
        size = [size, size] if isinstance(size, int) else list(size)
        frames = [config.num_frames] if hasattr(config, "num_frames") else []
        inputs = torch.zeros(1, *frames, config.num_channels, *size, **zeros)
    elif model.main_input_name == "input_features":
        inputs = torch.zeros(1, config.num_mel_bins, 2 * config.max_source_positions, **zeros)
    else:
        inputs = tokens
    decoder = {"decoder_input_ids": tokens} if config.is_encoder_decoder else {}
    with torch.inference_mode():
        model(**{model.main_input_name: inputs}, **decoder)
