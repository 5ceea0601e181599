"""The KV cache of a model as its attention reads it: what is cached, through another function.

A hook gives each attention module a cache whose `update` returns the cached keys and values through
that function; without a cache, one that lasts for the call. What is cached is what `update` gets:
keys after the rotary embedding and values, by head; in multi-head latent attention (DeepSeek) the
latent, which counts as values, and the rotary key that the heads share.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch.nn import Module
from transformers import Cache, DynamicCache, PreTrainedModel

from mugi.errors import InputError
from mugi.llm.blocks import language_model, layers_of, probe

Pair = tuple[torch.Tensor, torch.Tensor]
Read = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], Pair]
_ARGUMENTS = ("past_key_values", "layer_past", "past_key_value")


@contextmanager
def reading(model: PreTrainedModel, read: Read) -> Iterator[None]:
    """Have every attention layer use `read(keys, values, mask)` of what is cached, of all tokens,
    the newest included: (batch, heads, tokens, dim) each; the mask is the layer's own, None or
    (batch or 1, 1 or heads, queries, tokens), boolean or numbers to be added to scores.

    Raises InputError if not every layer that attends reads keys and values from a cache.
    """
    model = language_model(model)
    # layers that read the keys and values of an earlier one (Gemma 3n) cache none
    caching = len(layers_of(model).attending)
    caching -= getattr(model.config, "num_kv_shared_layers", 0) or 0
    # the configuration says what else layers cache; that of a pair's decoder counts its encoder
    by_config = len(DynamicCache(config=model.config).layers) >= caching
    fresh, seen = partial(DynamicCache, config=model.config if by_config else None), set()
    with ExitStack() as stack:
        for module in model.modules():
            argument = _cache_argument(module)
            if argument:
                hook = _hook(module, argument, read, seen, fresh)
                handle = module.register_forward_pre_hook(hook, with_kwargs=True)
                stack.callback(handle.remove)
        probe(model)
        if not seen:
            raise InputError(f"kvq: no layer of {type(model).__name__} caches keys and values")
        if len(seen) != caching:
            raise InputError(f"kvq: patched {len(seen)} attention sites of {caching} layers")
        yield


def _cache_argument(module: Module) -> str | None:
    """Return the name of the argument by which a module gets the cache that it updates with keys
    and values."""
    forward = inspect.unwrap(type(module).forward)
    if not re.search("Attention|MLA", type(module).__name__):
        return None
    if "update" not in forward.__code__.co_names:
        return None
    parameters = inspect.signature(forward).parameters
    return next((name for name in _ARGUMENTS if name in parameters), None)


def _hook(
    module: Module, argument: str, read: Read, seen: set, fresh: Callable[[], Cache]
) -> Callable:
    """Return the hook that puts a reading cache in front of a module's own."""
    parameters = list(inspect.signature(inspect.unwrap(type(module).forward)).parameters)[1:]
    is_latent = hasattr(module, "kv_lora_rank")

    def hook(module: Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        given = dict(zip(parameters, args, strict=False)) | kwargs
        mask = _mask_of(module, given.get("attention_mask"))

        def read_pair(first: torch.Tensor, second: torch.Tensor) -> Pair:
            if is_latent:
                rotary, latent = read(second, first, mask)
                return latent, rotary
            return read(first, second, mask)

        cache = given.get(argument)
        cache = fresh() if cache is None else cache
        given[argument] = _Reader(cache, read_pair, seen)
        return (), given

    return hook


def _mask_of(module: Module, mask: torch.Tensor | None) -> torch.Tensor | None:
    """Return an attention mask in the form that `reading` gives, None where it has another one."""
    if not isinstance(mask, torch.Tensor) or mask.ndim != 4:
        return None
    return ~mask if type(module).__name__ == "MptAttention" else mask  # which marks what is hidden


class _Reader:
    """A cache that gives what it holds through `read`; all else is the cache's own."""

    def __init__(self, cache: Cache, read: Callable[..., Pair], seen: set):
        self._cache, self._read, self._seen = cache, read, seen

    def update(self, keys, values, layer, *args, **kwargs) -> Pair:
        """Cache keys and values of a layer, and return all that it has cached, read."""
        self._seen.add(layer)
        return self._read(*self._cache.update(keys, values, layer, *args, **kwargs))

    def __getattr__(self, name: str) -> object:
        return getattr(self._cache, name)
