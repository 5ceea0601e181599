"""A model whose layers are spread by accelerate: approximated as if it were in one place.

There is one device here, so that weights on disk stand for those that another GPU has: accelerate
brings them to each layer as it would bring a layer's inputs to its GPU.
"""

import copy

import pandas as pd
import pytest
import torch
from accelerate import dispatch_model

from mugi.llm import record
from mugi.llm.emulate import Heads, TableActivation, TableAttention
from mugi.llm.inject import emulated
from mugi.llm.layers import layered
from mugi.methods import parse

TOKENS = torch.arange(40).view(2, 20) * 7 % 257
TABLES = "softmax=vlp:lut=12,max_exp=3,group=8;activation=vlp:lut=10,max_exp=1"
INT4 = "woq=int4:group=16;kvq=int4:group=8"


@pytest.fixture
def spread(tiny_llama, tmp_path):
    """The tiny Llama with its second layer and its head on disk."""
    places = dict.fromkeys(("model.embed_tokens", "model.norm", "model.rotary_emb"), "cpu")
    places |= {f"model.layers.{n}": "disk" if n == 1 else "cpu" for n in range(3)}
    model = copy.deepcopy(tiny_llama)
    return dispatch_model(model, places | {"lm_head": "disk"}, offload_dir=str(tmp_path))


@torch.inference_mode()
def logits(model, text: str) -> torch.Tensor:
    with emulated(model, text):
        return model(TOKENS, use_cache=False).logits


@pytest.mark.parametrize("text", ["native", TABLES, INT4, f"{TABLES};{INT4}"])
def test_spread_layers_compute_the_same(tiny_llama, spread, text):
    assert spread.model.layers[1].mlp.up_proj.weight.is_meta
    before = logits(spread, "native")
    assert torch.equal(logits(spread, text), logits(tiny_llama, text))
    assert torch.equal(logits(spread, "native"), before)
    assert torch.equal(logits(spread, text), before) == (text == "native")


def test_spread_layers_are_profiled_and_tuned_the_same(tiny_llama, spread):
    counts, logits = [], []
    for model in (tiny_llama, spread):
        counts.append(record.profile(model, TOKENS.flatten(), [10]))
        with layered(model) as layers:
            layers.assignment[2] = parse("vlp:lut=3,max_exp=0")
            hidden = layers.advance(model.get_input_embeddings()(TOKENS), 0, 2)
            logits.append(layers.logits(hidden, 2))
    pd.testing.assert_frame_equal(*counts)
    assert torch.equal(*logits)


@torch.inference_mode()
def test_tables_are_where_their_inputs_are():
    """A tensor without storage stands for one of another device."""
    cpu, there = torch.device("cpu"), torch.device("meta")
    method = "vlp:lut=12,max_exp=3,group=8"
    activation = TableActivation(parse(method, "silu"), "silu", cpu)
    attention = TableAttention(parse(method, "exp"), cpu)
    inputs = torch.randn(2, 4, 9, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    heads = Heads(inputs, inputs, inputs)
    calls = {
        "activation": lambda part: activation(part.query),
        "attention": lambda part: attention(part, None, 0.25, True),
        "softmax": lambda part: attention.softmax(part.query),
    }
    for name, call in calls.items():
        here = call(heads).clone()
        assert call(Heads(*(part.to(there) for part in heads[:3]))).device == there, name
        assert torch.equal(call(heads), here), name
