"""Runs of a decoder from any layer on are whole runs, with a softmax of its own in each layer."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from mugi.errors import InputError
from mugi.llm.inject import emulated
from mugi.llm.layers import layered
from mugi.llm.load import load
from mugi.llm.settings import ModelSettings
from mugi.methods import Approximation, parse
from tests.llm.families import built

METHODS = [
    parse(f"vlp:lut=3,mantissa=1,group=4,{anchor}")
    for anchor in ("max_exp=0", "max_exp=2", "max_exp=3", "min_exp=-4")
]
WINDOW = torch.arange(20) * 37 % 257


def whole_logits(model, assignment, window) -> torch.Tensor:
    """Logits of one window by an ordinary run with an approximation a layer."""
    layers = [Approximation(softmax=method) for method in assignment]
    with emulated(model, layers), torch.inference_mode():
        return model(window[None], use_cache=False).logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_run_from_any_layer_on_is_the_whole_run(tiny_llama, dtype):
    model = tiny_llama.to(dtype)
    assignment = [METHODS[0], METHODS[2], METHODS[3]]
    expected = whole_logits(model, assignment, WINDOW)
    with layered(model) as layers:
        layers.assignment[:] = assignment
        hidden = model.get_input_embeddings()(WINDOW[None])
        for start in range(4):
            front = layers.advance(hidden, 0, start)
            for middle in range(start, 4):
                behind = layers.advance(front, start, middle)
                assert torch.equal(layers.logits(behind, middle), expected)


def test_a_model_that_is_no_list_of_layers_is_refused():
    config = GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=50, bos_token_id=0)
    with (
        pytest.raises(InputError, match="gpt2: only decoders with a list of layers are tuned"),
        layered(GPT2LMHeadModel(config)),
    ):
        pass


@pytest.mark.slow
def test_the_embedded_model_runs_from_any_layer_on(smollm2):
    """Over more than one tile of queries, with sliding windows."""
    model, _ = load(ModelSettings(str(smollm2)))
    window = torch.arange(300) * 97 % 40000
    methods = [parse(f"vlp:lut=12,{anchor}") for anchor in ("max_exp=2", "max_exp=3", "min_exp=-7")]
    assignment = [methods[layer % 3] for layer in range(30)]
    expected = whole_logits(model, assignment, window)
    with layered(model) as layers:
        layers.assignment[:] = assignment
        hidden = model.get_input_embeddings()(window[None])
        for layer in (1, 15, 29):
            behind = layers.advance(hidden, 0, layer)
            assert torch.equal(layers.logits(behind, layer), expected)


def test_layers_behind_a_cut_keep_their_kind_of_attention():
    """Gemma 2 picks a layer's mask by the place of the layer; windows must not move."""
    model = built("gemma2").eval()
    window = WINDOW.clone() % 60 + 3
    assignment = [METHODS[0], METHODS[2]]
    expected = whole_logits(model, assignment, window)
    kinds = list(model.config.layer_types)
    assert kinds == ["sliding_attention", "full_attention"] and len(window) > 8
    with layered(model) as layers:
        layers.assignment[:] = assignment
        hidden = model.get_input_embeddings()(window[None])
        front = layers.advance(hidden, 0, 1)
        assert torch.equal(layers.logits(front, 1), expected)
    assert model.config.layer_types == kinds
