"""Quantised weights and KV cache in a model: scoped, counted and undone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from accelerate.hooks import ModelHook, SequentialHook
from transformers import AttentionMaskInterface, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from mugi.errors import InputError
from mugi.llm.attention import attention_by, own_attention, probe
from mugi.llm.fake_quantise import fake_quantise, fake_quantise_cache
from mugi.methods import Quantiser


@contextmanager
def quantised(
    model: PreTrainedModel, weights: Quantiser | None = None, cache: Quantiser | None = None
) -> Iterator[None]:
    """Run `model` with quantised weights and a quantised KV cache inside the `with` block.

    Weights: those of every linear layer of the decoder blocks, groups along its inputs, never the
    embeddings and the head. Cache: keys (after the rotary embedding) and values of every token and
    head, groups along the head dimension (`axis=channel`: those of keys along the tokens); every
    read of a key or value is quantised, also that of the newest token. Both are restored bit for
    bit. Raises InputError for a model without such weights or cache, or if the number of patched
    sites does not fit its layers.
    """
    with ExitStack() as stack:
        if weights:
            stack.enter_context(_weights(model, weights))
        if cache:
            stack.enter_context(_cache(model, cache))
        yield


@contextmanager
def _weights(model: PreTrainedModel, method: Quantiser) -> Iterator[None]:
    linears = _linear_layers(model)
    kept = [(linear, linear.weight.data) for linear in linears if not linear.weight.is_meta]
    hooks = [(linear, linear._hf_hook) for linear in linears if linear.weight.is_meta]
    try:
        for linear, _ in kept:
            _quantise_weight(linear, method)
        for linear, hook in hooks:
            linear._hf_hook = SequentialHook(hook, _AfterLoading(method))
        yield
    finally:
        for linear, weight in kept:
            linear.weight.data = weight
        for linear, hook in hooks:
            linear._hf_hook = hook


@torch.no_grad()
def _quantise_weight(linear: torch.nn.Module, method: Quantiser) -> None:
    turned = isinstance(linear, Conv1D)
    new = fake_quantise(linear.weight.T if turned else linear.weight, method)
    linear.weight.data = new.T if turned else new


class _AfterLoading(ModelHook):
    """Quantises a weight that accelerate loads for each use, because no GPU has room for it."""

    def __init__(self, method: Quantiser):
        self.method = method

    def pre_forward(self, module: torch.nn.Module, *args, **kwargs) -> tuple:
        _quantise_weight(module, self.method)
        return args, kwargs


def _linear_layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """Return the linear layers of the decoder blocks, which hold all their matrices."""
    blocks = blocks_of(model)
    linears = [part for part in blocks.modules() if isinstance(part, torch.nn.Linear | Conv1D)]
    covered = {id(linear.weight) for linear in linears}
    parameters = blocks.named_parameters()
    others = [name for name, p in parameters if p.ndim > 1 and id(p) not in covered]
    if others:
        raise InputError(
            f"woq: {len(others)} matrices of this model's blocks are not linear layers, for "
            f"example {others[0]}; allowed: models whose blocks hold linear layers only"
        )
    if not linears or len(linears) % len(blocks):
        raise InputError(f"woq: {len(linears)} linear layers in {len(blocks)} blocks")
    return linears


def blocks_of(model: PreTrainedModel) -> torch.nn.ModuleList:
    """Return the blocks of a decoder-only model; InputError for other models."""
    layers = _decoder_layers(model)
    for child in model.base_model.children():
        if isinstance(child, torch.nn.ModuleList) and len(child) == layers:
            return child
    raise InputError(f"woq: no list of {layers} blocks in {type(model).__name__}")


def _decoder_layers(model: PreTrainedModel) -> int:
    """Return how many blocks a decoder-only model has."""
    if not model.can_generate() or model.config.is_encoder_decoder:
        raise InputError(
            f"woq and kvq: {type(model).__name__} is no decoder-only model; "
            "allowed: causal language models"
        )
    return model.config.num_hidden_layers


@contextmanager
def _cache(model: PreTrainedModel, method: Quantiser) -> Iterator[None]:
    layers, sites = _decoder_layers(model), set()
    before = model.config._attn_implementation

    def function(module, query, key, value, attention_mask, **kwargs):
        sites.add(module)
        key, value = fake_quantise_cache(key, value, attention_mask, method)
        return own_attention(module, before)(module, query, key, value, attention_mask, **kwargs)

    with attention_by(model, function, AttentionMaskInterface()[before]):
        probe(model)
        if len(sites) != layers:
            raise InputError(f"kvq: patched {len(sites)} attention sites of {layers} layers")
        yield
