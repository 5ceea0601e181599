"""A checkpoint that is no whole model is refused: transformers would fill in random numbers."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from mugi.errors import InputError
from mugi.llm.load import load
from mugi.llm.settings import ModelSettings


def line_of(folder) -> str:
    with pytest.raises(InputError) as error:
        load(ModelSettings(str(folder)))
    (line,) = str(error.value).splitlines()
    return line


def weights_changed(folder, change) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, {"format": "pt"})


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"num_hidden_layers": 4}, "9 of its weights are not in the checkpoint, for example model"),
        ({"num_hidden_layers": 2}, "9 of its weights have no place in the model that config.json"),
        ({"intermediate_size": 40}, "9 of its weights have another shape than config.json says"),
        (
            {"architectures": None},
            'names no class; add "architectures": ["LlamaForCausalLM"] to it',
        ),
        ({"num_attention_heads": 7}, "not a multiple of the number of attention heads (7)"),
        ({"hidden_act": "sillu"}, "transformers does not know 'sillu'"),
        ({"model_type": "llamma"}, "has model type `llamma` but Transformers does not recognize"),
        ({"hidden_size": "many"}, "Field 'hidden_size' expected int, got str"),
    ],
)
def test_a_configuration_that_does_not_fit(checkpoint, changes, line):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert line in line_of(checkpoint)


def test_a_missing_and_a_left_out_weight(checkpoint):
    name = "model.layers.1.self_attn.q_proj"
    kept = load_file(checkpoint / "model.safetensors")[f"{name}.weight"]
    weights_changed(checkpoint, lambda weights: weights.pop(f"{name}.weight"))
    assert f"1 of its weights are not in the checkpoint, for example {name}.w" in line_of(
        checkpoint
    )
    both = {f"{name}.weight": kept, f"{name}.bias": torch.ones(32)}
    weights_changed(checkpoint, lambda weights: weights.update(both))
    assert (
        f"have no place in the model that config.json describes, for example {name}.b"
        in line_of(checkpoint)
    )


def test_weights_of_something_else_may_be_left_out(checkpoint):
    weights_changed(checkpoint, lambda weights: weights.update({"vision.proj": torch.ones(2, 2)}))
    load(ModelSettings(str(checkpoint)))


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_folder_without_tokenizer(checkpoint, tmp_path, family):
    """GPT-2 would get a tokenizer without words."""
    folder = checkpoint
    for path in folder.glob("tokenizer*"):
        path.unlink()
    if family == "gpt2":
        folder = tmp_path / "gpt2"
        config = GPT2Config(
            vocab_size=50, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
        )
        GPT2LMHeadModel(config).save_pretrained(folder)
    assert "it has no tokenizer (tokenizer.json, or the files" in line_of(folder)
    (folder / "tokenizer.model").write_bytes(b"\n\n")
    if family == "llama":
        assert "its tokenizer is tokenizer.model, which needs the package sen" in line_of(folder)


def test_an_adapter(checkpoint):
    (checkpoint / "adapter_config.json").write_text("{}")
    assert "it is an adapter of another model (LoRA); merge it" in line_of(checkpoint)
