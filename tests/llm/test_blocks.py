"""What a configuration says of a model's layers."""

import pytest
import torch
import transformers

import mugi
from mugi.errors import InputError
from mugi.llm.blocks import Layers, language_model, layers_of
from tests.llm.families import FAMILIES, built, distance, logits


@pytest.mark.parametrize(
    "family, layers",
    [
        ("llama", Layers(2, (0, 1), 0)),
        ("gpt2", Layers(2, (0, 1), 0)),  # n_layer
        ("xglm", Layers(2, (0, 1), 0)),  # num_layers
        ("gemma2", Layers(2, (0, 1), 0)),  # windows attend
        ("llama4_text", Layers(2, (0, 1), 0)),  # chunks attend
        ("qwen3_next", Layers(4, (3,), 0)),
        ("lfm2", Layers(3, (1,), 0)),
        ("granitemoehybrid", Layers(2, (1,), 0)),
        ("jamba", Layers(4, (1, 3), 0)),
        ("zamba2", Layers(4, (1, 3), 0)),
        ("recurrent_gemma", Layers(3, (2,), 0)),
        ("minimax", Layers(2, (1,), 0)),
        ("falcon_h1", Layers(2, (0, 1), 0)),  # beside a state space in every layer
        ("nemotron_h", Layers(3, (1,), 0)),
        ("mamba", Layers(2, (), 0)),
        ("bart", Layers(5, (0, 1, 2, 3, 4), 3)),
        ("t5", Layers(4, (0, 1, 2, 3), 2)),
    ],
)
def test_layers(family, layers):
    assert layers_of(built(family)) == layers


def test_the_decoder_of_a_pair_alone_has_the_decoders_layers():
    """Its `num_hidden_layers` is the encoder's."""
    config = transformers.BartConfig(**FAMILIES["bart"])
    torch.manual_seed(0)
    model = transformers.BartForCausalLM(config).eval()
    assert model.config.num_hidden_layers == 2
    assert layers_of(model) == Layers(3, (0, 1, 2), 0)
    tokens = torch.arange(3, 13)[None]
    native = logits(model, tokens)
    with mugi.emulated(model, "softmax=exact;activation=exact;kvq=int4:group=4"):
        assert 0 < distance(logits(model, tokens), native) < 0.2


def test_the_language_model_of_a_multi_modal_one():
    model = built("gemma3")
    assert language_model(model) is model.model.language_model
    text = built("gemma3_text")
    assert language_model(text) is text


def test_a_language_model_that_is_not_there_is_said():
    model = built("llama")
    model.config.text_config = transformers.LlamaConfig()
    line = "no language model found in LlamaForCausalLM"
    with pytest.raises(InputError, match=line), mugi.emulated(model, "softmax=exact"):
        pass
