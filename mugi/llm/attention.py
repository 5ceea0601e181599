"""Where tables enter attention: the attention of any model, by another function, scoped and undone.

Models whose classes use transformers' AttentionInterface hand over queries, keys and values, and
get the attention output (`TableAttention.__call__` of `mugi.llm.emulate`); for the others there is
`mugi.llm.softening`.

Layers are numbered in the order in which their attention runs, on the smallest input. A model is
refused in which that is not the number of attending layers of its configuration, or whose own
attention is more than `plain_attention` computes. A model is looked at once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from weakref import WeakKeyDictionary

import torch
from torch.nn import Module
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask, sdpa_mask

from mugi.errors import InputError
from mugi.llm.blocks import expect, language_model, layer_kinds, layers_of, probe
from mugi.llm.emulate import Heads, hidden_below

Attend = Callable[..., torch.Tensor | None]
_NAMES = (f"mugi_{number}" for number in count())  # of attention interfaces: blocks may nest
_CHOICES = ("indices", "block_indices")  # keys that a model picks beside its mask
_CROSS = {"encoder_attn", "crossattention", "EncDecAttention", "cross_attn"}


@contextmanager
def attending(
    model: PreTrainedModel, attend: Attend, cross: Attend | None = None
) -> Iterator[None]:
    """Compute the attention of every layer by `attend(layer, …)`, then as `TableAttention`.

    A result of None leaves the layer its own attention. `cross` is the same for the attention of a
    decoder to its encoder; its layers count from the first decoder layer. Of a multi-modal model
    it is the language model's attention.
    """
    model = language_model(model)
    sites = sites_of(model)
    before = model.config._attn_implementation

    def function(module, query, key, value, attention_mask, scaling=None, **kwargs):
        layer, is_cross = sites.visit(module)
        for term in _CHOICES:
            if kwargs.get(term) is not None:
                raise InputError(f"attention to chosen keys ({term}) cannot be emulated yet")
        # as sdpa does it: a causal model without mask hides later keys, but from a lone query
        causal = kwargs.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        causal = causal and attention_mask is None and query.shape[2] > 1
        mask, bias = split_mask(attention_mask, kwargs.get("position_bias"))
        heads = Heads(query, key, value, kwargs.get("softcap"), kwargs.get("s_aux"), bias)
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        arguments = module, query, key, value, attention_mask, scaling
        if not sites.complete:
            expected = _own(before, *arguments, causal, eager=True, **kwargs)[0]
            _check_plain(module, plain_attention(heads, mask, scale, causal), expected)
        replacement = cross if is_cross else attend
        output = replacement and replacement(layer, heads, mask, scale, causal)
        if output is not None:
            return output, None
        return _own(before, *arguments, causal, **kwargs)

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


def _own(
    before, module, query, key, value, mask, scaling, causal, eager=False, **kwargs
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return what an attention module's own function returns, by the implementation `before`, or
    by the eager one, which adds a mask of numbers to its scores."""
    own_eager = sys.modules[type(module).__module__].eager_attention_forward
    function = own_eager if eager else AttentionInterface().get_interface(before, own_eager)
    if eager or AttentionMaskInterface().get(before) is eager_mask:
        if causal:
            queries, keys = query.shape[2], key.shape[2]
            mask = query.new_ones(1, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
        if mask is not None and mask.dtype == torch.bool:
            lowest = torch.finfo(query.dtype).min
            mask = query.new_zeros(mask.shape).masked_fill_(~mask, lowest)
    return function(module, query, key, value, mask, scaling=scaling, **kwargs)


def split_mask(
    mask: torch.Tensor | None, bias: torch.Tensor | None = None
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return a mask as what `TableAttention` takes: True where a query sees a key, and what is
    added to the scores (`bias` too), each None where there is nothing of it.

    A mask of numbers is added to the scores; its lowest numbers hide keys.
    """
    if mask is not None and mask.dtype != torch.bool:
        hidden = mask <= hidden_below(mask.dtype)
        added = mask.masked_fill(hidden, 0)
        mask = ~hidden
        if added.any():
            bias = added if bias is None else bias + added
    return mask, bias


def plain_attention(
    heads: Heads, mask: torch.Tensor | None, scaling: float, causal: bool
) -> torch.Tensor:
    """Return attention as `TableAttention` does, but with torch's softmax in FP32: what a model's
    own attention must be for tables to take its place."""
    shared = heads.query.shape[1] // heads.key.shape[1]
    query, key, value = (part.float() for part in heads[:3])
    key, value = (part.repeat_interleave(shared, 1) for part in (key, value))
    scores = query @ key.transpose(2, 3) * scaling
    if heads.softcap is not None:
        scores = torch.tanh(scores / heads.softcap) * heads.softcap
    if heads.bias is not None:
        scores = scores + heads.bias
    queries, keys = scores.shape[2:]
    if causal:
        mask = torch.ones_like(scores, dtype=torch.bool).tril(keys - queries)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    if heads.sinks is not None:
        sinks = heads.sinks.float().view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sinks], 3)
    return (torch.softmax(scores, 3)[..., :keys] @ value).transpose(1, 2)


def _check_plain(module: Module, plain: torch.Tensor, own: torch.Tensor) -> None:
    """Raise InputError if a module's own attention is not plain, but for its dtype's rounding."""
    tolerance = 1e-3 if own.dtype in (torch.float32, torch.float64) else 0.05
    if plain.numel() != own.numel():
        raise InputError(f"attention of {type(module).__name__} has values of another form")
    gap = (plain.reshape(own.shape) - own.float()).abs().max()
    if not gap <= tolerance * own.abs().max() + 1e-30:
        raise InputError(
            f"attention of {type(module).__name__} is more than a softmax of scaled scores, which "
            "is what tables compute"
        )


# --- layers: how many there must be, how many ran -------------------------------------------------


class Sites:
    """The attention modules that ran, in order: they are the attending layers of the model."""

    def __init__(self, model: PreTrainedModel):
        self.complete, self.attention = False, model.config._attn_implementation
        self.cross = {m for name, m in model.named_modules() if name.split(".")[-1] in _CROSS}
        self.cross |= {m for parent in self.cross for m in parent.modules()}
        self.order: dict[bool, dict[Module, int]] = {False: {}, True: {}}
        self.layers = layers_of(model)
        if not self.layers.attending:
            kinds = " and ".join(sorted({*(layer_kinds(model.config) or [])}))
            raise InputError(
                f"{type(model).__name__} has no softmax in its layers, all of which are {kinds}"
            )

    def visit(self, module: Module) -> tuple[int, bool]:
        """Return the number of the module's layer, and whether it is cross-attention."""
        is_cross = module in self.cross
        order, attending = self.order[is_cross], self.layers.attending
        if self.complete and module not in order:
            raise InputError(f"a {type(module).__name__} runs that belongs to no counted layer")
        place = order.setdefault(module, len(order))
        if is_cross or place >= len(attending):  # too many: refused after counting
            return place, is_cross
        return attending[place], is_cross

    def check(self, model: PreTrainedModel) -> None:
        """Let the model run; InputError if it has not as many attention modules as layers."""
        if self.complete:
            return
        probe(model)
        if not any(self.order.values()):
            where = f"{type(model).__name__} with {self.attention} attention"
            raise InputError(f"no attention found whose softmax could be swapped in {where}")
        expect(len(self.order[False]), len(self.layers.attending), "attention")
        expect(len(self.order[True]), self.layers.cross, "cross-attention")
        self.complete = True


_SITES: WeakKeyDictionary[PreTrainedModel, Sites] = WeakKeyDictionary()


def sites_of(model: PreTrainedModel) -> Sites:
    """Return the attention modules of a model, those that are known if it was looked at before."""
    if model not in _SITES or not _SITES[model].complete:
        _SITES[model] = Sites(model)
    return _SITES[model]
