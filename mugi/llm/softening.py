"""Softmax by another function in models without transformers' AttentionInterface (GPT-J, Swin).

While one of its attention modules runs, calls of softmax hand over the scores
(`TableAttention.softmax` of `mugi.llm.emulate`), and calls of scaled_dot_product_attention queries,
keys and values (`TableAttention.__call__`): a mode of torch, of the running thread only.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import Module, functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from mugi.llm.attention import Attend, Sites, sites_of, split_mask
from mugi.llm.emulate import Heads

Soften = Callable[[int, torch.Tensor], torch.Tensor | None]
_SOFTMAX = {functional.softmax, torch.softmax, torch.Tensor.softmax}


@contextmanager
def softening(
    model: PreTrainedModel,
    soften: Soften,
    attend: Attend,
    cross_soften: Soften | None = None,
    cross_attend: Attend | None = None,
) -> Iterator[None]:
    """Compute the softmax of every layer by `soften(layer, scores)`, or where a module calls
    torch's attention by `attend(layer, …)`, as `mugi.llm.attention.attending` does.

    Scores are (batch, heads, queries, keys) with all that the model adds to them, and so are the
    probabilities that it returns; None leaves the layer its own. The cross versions are for the
    attention of a decoder to its encoder.
    """
    sites = sites_of(model)
    by = {False: (soften, attend), True: (cross_soften, cross_attend)}
    modules = [module for module in model.modules() if "Attention" in type(module).__name__]
    with ExitStack() as stack:
        for module in modules:
            if set(module.modules()) & set(modules) == {module}:  # holds no other
                stack.enter_context(_called_in(_Softmax(module, sites, by), module))
        sites.check(model)
        yield


@contextmanager
def _called_in(mode: TorchFunctionMode, module: Module) -> Iterator[None]:
    """Have the mode on while the module runs, for the `with` block."""

    def enter(*_) -> None:
        mode.__enter__()

    def leave(*_) -> None:
        mode.__exit__(None, None, None)

    before = module.register_forward_pre_hook(enter)
    after = module.register_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


class _Softmax(TorchFunctionMode):
    """Gives the calls of softmax and attention of one module to other functions."""

    def __init__(self, module: Module, sites: Sites, by: dict):
        super().__init__()
        self.module, self.sites, self.by = module, sites, by

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = None
        if function in _SOFTMAX:
            result = self._softmax(args, kwargs)
        elif function is functional.scaled_dot_product_attention:
            result = self._attention(*args, **kwargs)
        return function(*args, **kwargs) if result is None else result

    def _softmax(self, args: tuple, kwargs: dict) -> torch.Tensor | None:
        scores = args[0]
        dim = kwargs["dim"] if "dim" in kwargs else args[1]
        if scores.ndim not in (3, 4) or dim not in (-1, scores.ndim - 1):
            return None
        layer, is_cross = self.sites.visit(self.module)
        soften = self.by[is_cross][0]
        # some models fold heads into the batch: each head is rows of its own either way
        probabilities = soften and soften(layer, scores.reshape(-1, *scores.shape[-3:]))
        if probabilities is None:
            return None
        return probabilities.view(scores.shape).to(kwargs.get("dtype") or scores.dtype)

    def _attention(
        self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_
    ) -> torch.Tensor | None:
        layer, is_cross = self.sites.visit(self.module)
        attend = self.by[is_cross][1]
        mask, bias = split_mask(attn_mask)
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        heads = Heads(query, key, value, bias=bias)
        output = attend and attend(layer, heads, mask, scale, is_causal)
        return None if output is None else output.transpose(1, 2)
