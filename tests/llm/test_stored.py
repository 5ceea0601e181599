"""Weights that are stored quantised: what is loaded is what the format says, or one line."""

import json
import logging

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers

from mugi.bf16 import from_bf16
from mugi.errors import InputError
from mugi.int4 import quantise
from mugi.llm import stored
from mugi.llm.checkpoint import model_digest
from mugi.llm.inject import emulated
from mugi.llm.load import load
from mugi.llm.settings import ModelSettings

IDS = torch.arange(12)[None]
GROUP = 16


def configured(folder, **quantisation):
    """Write a quantisation into the config.json of a checkpoint; return the settings to load it."""
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | {"quantization_config": quantisation}
    path.write_text(json.dumps(settings))
    return ModelSettings(str(folder))


def refusal(settings: ModelSettings) -> str:
    """The one line that says why a model is not loaded."""
    with pytest.raises(InputError) as error:
        load(settings)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"cannot load model '{settings.source}': ")
    return line


# --- packages that are not there ------------------------------------------------------------------


@pytest.mark.parametrize(
    "quantisation, line",
    [
        ({"quant_method": "gptq", "bits": 4}, "the packages optimum and gptqmodel: pip install op"),
        ({"quant_method": "awq", "bits": 4}, "by awq, which needs the package gptqmodel: pip ins"),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            "package bitsandbytes: pip ins",
        ),
        ({"load_in_8bit": True}, "by bitsandbytes, which needs the package bitsandbytes"),
        ({"quant_method": "compressed-tensors"}, "needs the package compressed-tensors: pip inst"),
        ({"quant_method": "gtpq"}, "unknown quant_method 'gtpq' (did you mean 'gptq'?); one of:"),
        ({"bits": 4}, "unknown quant_method ''"),
        ({"quant_method": ["fp8"]}, "quantization_config.quant_method must be a name, not ['fp8']"),
        ({"quant_method": "fp8", "config_groups": [1]}, "config_groups must map names to groups"),
    ],
)
def test_a_missing_package_or_an_unknown_format_is_one_line(
    checkpoint, monkeypatch, quantisation, line
):
    monkeypatch.setattr(stored.importlib.util, "find_spec", lambda name: None)
    assert line in refusal(configured(checkpoint, **quantisation))


def test_what_a_package_says_is_one_line(checkpoint):
    line = refusal(configured(checkpoint, quant_method="auto-round", bits=4))
    assert "auto-round" in line and "pip install" in line


# --- formats that transformers dequantises --------------------------------------------------------


def packed(folder) -> dict[str, torch.Tensor]:
    """Store the linear layers of the blocks as compressed-tensors does (`pack-quantized`): INT4
    codes plus 8, eight in 32 bits from the lowest on, and scales. Return the quantised weights."""
    weights, plain = load_file(folder / "model.safetensors"), {}
    for name in [name for name in weights if "_proj" in name]:
        codes, scales, _ = result = quantise(weights.pop(name).float().numpy(), GROUP)
        plain[name] = torch.from_numpy(result.values()).float()
        nibbles = (codes.astype(np.int64) + 8).reshape(len(codes), -1, 8)
        words = (nibbles << 4 * np.arange(8)).sum(-1).astype(np.uint32).view(np.int32)
        weights |= {
            f"{name}_packed": torch.from_numpy(words),
            f"{name}_scale": torch.from_numpy(from_bf16(scales)).float(),
            f"{name}_shape": torch.tensor(codes.shape),
        }
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return plain


def compressed(folder, **more) -> ModelSettings:
    weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group"}
    group = {"targets": ["Linear"], "weights": weights | {"group_size": GROUP}} | more
    return configured(
        folder,
        quant_method="compressed-tensors",
        format="pack-quantized",
        quantization_status="compressed",
        ignore=["lm_head"],
        config_groups={"group_0": group},
    )


@torch.inference_mode()
def test_compressed_tensors(checkpoint):
    pytest.importorskip("compressed_tensors")
    expected = packed(checkpoint)
    model, _ = load(compressed(checkpoint))
    found = model.state_dict()
    assert len(expected) == 21
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, msg=name)
    native = model(IDS).logits
    with emulated(model, f"woq=int4:group={GROUP}"):  # what is on its grid stays there
        torch.testing.assert_close(model(IDS).logits, native, rtol=0.2, atol=0.2)
    with emulated(model, "woq=int4:group=-1;kvq=mxfp4"):
        assert (model(IDS).logits - native).abs().mean() > 0.01


def test_quantised_activations_are_said(checkpoint, caplog):
    pytest.importorskip("compressed_tensors")
    packed(checkpoint)
    activations = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token"}
    with caplog.at_level(logging.WARNING):
        load(compressed(checkpoint, input_activations=activations | {"dynamic": True}))
    assert "quantises its activations or its cache, too; here they are not" in caplog.text


def test_several_formats_in_one_model_are_one_line(checkpoint, monkeypatch):
    monkeypatch.setattr(stored.importlib.util, "find_spec", lambda name: "there")
    settings = compressed(checkpoint)
    path = checkpoint / "config.json"
    config = json.loads(path.read_text())
    groups = config["quantization_config"]["config_groups"]
    groups["group_1"] = {"targets": ["re:.*down_proj"], "weights": {"num_bits": 8, "type": "int"}}
    path.write_text(json.dumps(config))
    assert "in several formats; allowed: one" in refusal(settings)


def test_fp8_in_blocks(checkpoint):
    weights, expected = load_file(checkpoint / "model.safetensors"), {}
    for name in [name for name in weights if "_proj" in name]:
        scale = weights[name].abs().max() / 448
        codes = (weights[name] / scale).to(torch.float8_e4m3fn)
        weights[name], weights[f"{name}_scale_inv"] = codes, scale.reshape(1, 1)
        expected[name] = codes.float() * scale
    save_file(weights, checkpoint / "model.safetensors", {"format": "pt"})
    forgotten = ModelSettings(str(checkpoint))  # codes would be taken for weights
    assert "21 of its weights have no place in the model" in refusal(forgotten)
    settings = configured(checkpoint, quant_method="fp8", weight_block_size=[128, 128])
    found = load(settings)[0].state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)


# --- GGUF -----------------------------------------------------------------------------------------


def write_gguf(path, model) -> None:
    """Write a Llama that reads bytes as llama.cpp does: float32, queries and keys reordered."""
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*sorted(pre_tokenizers.ByteLevel.alphabet())[:-1], "ab", "<end>"])
    writer.add_token_types([1] * 256 + [3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(256)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, value in model.state_dict().items():
        heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads}
        if which := next((h for h in heads if f"{h}_proj" in name), None):
            halves = value.reshape(heads[which], 2, -1, value.shape[1])
            value = halves.transpose(1, 2).reshape(value.shape)
        own = names.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(own, value.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.inference_mode()
def test_a_gguf_file_is_loaded(tiny_llama, tmp_path):
    folder = tmp_path / "gguf"
    folder.mkdir()
    write_gguf(folder / "tiny.gguf", tiny_llama)
    settings = ModelSettings(str(folder / "tiny.gguf"))
    settings.check()
    assert settings.is_local
    assert model_digest(settings.source) == model_digest(str(folder))
    for source in (folder / "tiny.gguf", folder):  # a folder that holds nothing else, too
        model, tokenizer = load(ModelSettings(str(source)))
        torch.testing.assert_close(model(IDS).logits, tiny_llama(IDS).logits, rtol=1e-4, atol=1e-4)
        assert model.dtype == torch.float32
        assert tokenizer("abb", add_special_tokens=False)["input_ids"] == [255, 65]
        with emulated(model, "woq=int4:group=-1;softmax=exact"):
            assert model(IDS).logits.isfinite().all()


def test_gguf_files_that_cannot_be_loaded_are_one_line(tmp_path, monkeypatch):
    (tmp_path / "a.gguf").write_bytes(b"GGUF0000")
    assert "a damaged file: " in refusal(ModelSettings(str(tmp_path / "a.gguf")))
    (tmp_path / "b.gguf").write_bytes(b"GGUF0000")
    assert "it has 2 GGUF files; name one: " in refusal(ModelSettings(str(tmp_path)))
    monkeypatch.chdir(tmp_path.parent)
    for name in (tmp_path / "c.gguf", f"{tmp_path.name}/c.gguf"):  # not taken for a hub id
        with pytest.raises(InputError, match=r"no model '.*c.gguf' \(did you mean '[ab].gguf'"):
            ModelSettings(str(name)).check()
