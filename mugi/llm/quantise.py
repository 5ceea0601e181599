"""Quantised weights and KV cache in a model: scoped, counted and undone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from accelerate.hooks import ModelHook, SequentialHook
from transformers import PreTrainedModel

from mugi.llm.fake_quantise import fake_quantise, fake_quantise_cache
from mugi.llm.kvcache import reading
from mugi.llm.matrices import Matrix, decoder_of, matrices_of
from mugi.methods import Quantiser


@contextmanager
def quantised(
    model: PreTrainedModel, weights: Quantiser | None = None, cache: Quantiser | None = None
) -> Iterator[None]:
    """Run `model` with quantised weights and a quantised KV cache inside the `with` block.

    Weights: those of every linear layer and expert of the decoder blocks, groups along the inputs,
    never the embeddings, the head and the routers of experts. Cache: keys (after the rotary
    embedding) and values of every token and head, groups along the head dimension (`axis=channel`:
    those of keys along the tokens), or what is cached in their place (`mugi.llm.kvcache`); every
    read is quantised, also that of the newest token. Both are restored bit for bit. Raises
    InputError for a model without such weights or cache, or if the number of patched sites does
    not fit its layers.
    """
    with ExitStack() as stack:
        if weights:
            stack.enter_context(_weights(model, weights))
        if cache:
            stack.enter_context(_cache(model, cache))
        yield


@contextmanager
def _weights(model: PreTrainedModel, method: Quantiser) -> Iterator[None]:
    matrices = matrices_of(model)
    kept = [(matrix.parameter, matrix.parameter.data) for matrix in matrices]
    kept = [(parameter, data) for parameter, data in kept if not data.is_meta]
    hooked = {matrix.module: matrix.module._hf_hook for matrix in matrices
              if matrix.parameter.is_meta}  # fmt: skip
    try:
        for matrix in matrices:
            if matrix.module not in hooked:
                _quantise_weight(matrix, method)
        for module, hook in hooked.items():
            own = [matrix for matrix in matrices if matrix.module is module]
            module._hf_hook = SequentialHook(hook, _AfterLoading(own, method))
        yield
    finally:
        for parameter, data in kept:
            parameter.data = data
        for module, hook in hooked.items():
            module._hf_hook = hook


@torch.no_grad()
def _quantise_weight(matrix: Matrix, method: Quantiser) -> None:
    weight = matrix.parameter
    if matrix.inputs_first:
        weight.data = fake_quantise(weight.mT, method).mT
    else:
        weight.data = fake_quantise(weight, method)


class _AfterLoading(ModelHook):
    """Quantises weights that accelerate loads for each use, because no GPU has room for them."""

    def __init__(self, matrices: list[Matrix], method: Quantiser):
        self.matrices, self.method = matrices, method

    def pre_forward(self, module: torch.nn.Module, *args, **kwargs) -> tuple:
        for matrix in self.matrices:
            _quantise_weight(matrix, self.method)
        return args, kwargs


def _cache(model: PreTrainedModel, method: Quantiser):
    """Return the context in which every read of the KV cache is quantised."""
    return reading(decoder_of(model), lambda *read: fake_quantise_cache(*read, method))
