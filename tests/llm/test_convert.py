"""Packaged weights become the models they are: a CTranslate2 file written here, and the packages
where they are installed (optional)."""

import importlib.util
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import WhisperTokenizer

from mugi.errors import InputError
from mugi.llm import convert
from mugi.llm.embedded import EMBEDDED

pytestmark = pytest.mark.usefixtures("one_thread")


def ctranslate2_file(path: Path, variables: dict[str, np.ndarray], version: int = 6) -> None:
    """Write variables in CTranslate2's format; names end with a zero byte."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    kinds = {"<f2": 4, "|i1": 1}
    with path.open("wb") as file:
        file.write(struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<I", 3))
        file.write(struct.pack("<I", len(variables)))
        for name, value in variables.items():
            file.write(text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape))
            file.write(struct.pack("<BI", kinds[value.dtype.str], value.nbytes) + value.tobytes())
        file.write(struct.pack("<I", 0))


@pytest.fixture
def packaged(tmp_path):
    """Random weights as the package holds them: queries, keys and values in one matrix."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["endoftext", "startoftranscript", "en", "translate", "transcribe", "notimestamps"]
    texts = [*alphabet, *(f"<|{name}|>" for name in names)]
    vocabulary = {text: number for number, text in enumerate(texts)}
    WhisperTokenizer(vocab=vocabulary, merges=[]).save_pretrained(tmp_path)
    settings = {"suppress_ids": [3], "suppress_ids_begin": [220, 256]}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    random = np.random.default_rng(0)

    def dense(name: str, *shape: int) -> dict[str, np.ndarray]:
        bias = random.standard_normal(shape[0])
        if name.endswith("self_attention/linear_0"):
            bias[8:16] = 0  # keys have none
        if name.endswith("/attention/linear_1"):
            bias[:8] = 0
        weight = random.standard_normal(shape).astype("<f2")
        return {f"{name}/weight": weight, f"{name}/bias": bias.astype("<f2")}

    def norm(name: str) -> dict[str, np.ndarray]:
        names = ("gamma", "beta")
        return {f"{name}/{leaf}": random.standard_normal(8).astype("<f2") for leaf in names}

    variables = {f"{side}/num_heads": np.array(2, dtype="i1") for side in ("encoder", "decoder")}
    variables |= dense("encoder/conv1", 8, 5, 3) | dense("encoder/conv2", 8, 8, 3)
    embeddings = {"decoder/embeddings/weight": 262, "encoder/position_encodings/encodings": 10}
    embeddings["decoder/position_encodings/encodings"] = 12
    for name, rows in embeddings.items():
        variables[name] = random.standard_normal((rows, 8)).astype("<f2")
    for side, layers in (("encoder", 1), ("decoder", 2)):
        variables |= norm(f"{side}/layer_norm")
        for layer in (f"{side}/layer_{number}" for number in range(layers)):
            variables |= norm(f"{layer}/self_attention/layer_norm") | norm(
                f"{layer}/ffn/layer_norm"
            )
            variables |= dense(f"{layer}/self_attention/linear_0", 24, 8)
            variables |= dense(f"{layer}/self_attention/linear_1", 8, 8)
            variables |= dense(f"{layer}/ffn/linear_0", 12, 8) | dense(
                f"{layer}/ffn/linear_1", 8, 12
            )
            if side == "decoder":
                variables |= norm(f"{layer}/attention/layer_norm")
                variables |= dense(f"{layer}/attention/linear_0", 8, 8)
                variables |= dense(f"{layer}/attention/linear_1", 16, 8)
                variables |= dense(f"{layer}/attention/linear_2", 8, 8)
    return tmp_path / "model.bin", variables


def test_a_ctranslate2_file_becomes_whisper(packaged):
    path, variables = packaged
    ctranslate2_file(path, variables)
    model, processor = convert.from_ctranslate2(path)
    config = model.config
    assert (config.encoder_layers, config.decoder_layers, config.decoder_ffn_dim) == (1, 2, 12)
    assert (config.num_mel_bins, config.max_source_positions, config.vocab_size) == (5, 10, 262)
    assert model.generation_config.begin_suppress_tokens == [220, 256]
    assert processor.tokenizer.prefix_tokens == [257, 261]
    found = {name: value.numpy() for name, value in model.state_dict().items()}
    second = "decoder/layer_1"
    fused = variables[f"{second}/self_attention/linear_0/weight"]
    both = variables[f"{second}/attention/linear_1/weight"]
    own = "model.decoder.layers.1"
    for name, expected in {
        f"{own}.self_attn.q_proj.weight": fused[:8],
        f"{own}.self_attn.k_proj.weight": fused[8:16],
        f"{own}.self_attn.v_proj.weight": fused[16:],
        f"{own}.encoder_attn.k_proj.weight": both[:8],
        f"{own}.encoder_attn.v_proj.weight": both[8:],
        f"{own}.encoder_attn.q_proj.bias": variables[f"{second}/attention/linear_0/bias"],
        f"{own}.final_layer_norm.weight": variables[f"{second}/ffn/layer_norm/gamma"],
        f"{own}.fc2.bias": variables[f"{second}/ffn/linear_1/bias"],
        "proj_out.weight": variables["decoder/embeddings/weight"],
        "model.encoder.embed_positions.weight": variables["encoder/position_encodings/encodings"],
        "model.encoder.conv2.weight": variables["encoder/conv2/weight"],
    }.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


def test_another_format_is_one_line(packaged):
    path, variables = packaged
    ctranslate2_file(path, variables, version=7)
    with pytest.raises(InputError, match="CTranslate2 format 7; allowed: 6"):
        convert.from_ctranslate2(path)


def packaged_file(name: str) -> Path:
    spec = importlib.util.find_spec(EMBEDDED[name].package)
    if spec is None:
        pytest.skip(f"{EMBEDDED[name].requirement} is not installed")
    return Path(spec.origin).parent / EMBEDDED[name].file


@pytest.mark.slow
@torch.inference_mode()
def test_the_packaged_whisper_predicts_english():
    """Even without any sound."""
    model, processor = convert.from_ctranslate2(packaged_file("whisper_tiny_en"))
    model = model.float().eval()
    tokens = processor.tokenizer(" Thank you very", add_special_tokens=True).input_ids[:-1]
    sound = torch.zeros(1, 80, 3000)
    logits = model(sound, decoder_input_ids=torch.tensor([tokens])).logits[0, -1]
    assert processor.tokenizer.decode(logits.argmax()) == " much"


@pytest.mark.slow
@torch.inference_mode()
def test_the_packaged_dinov2_is_what_the_package_runs():
    path = packaged_file("dinov2_vit_s")
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    model, _ = convert.from_onnx(path)
    graph = onnx.load(path)
    last = next(n for n in graph.graph.node if "backbone.layernorm.bias" in n.input).output[0]
    kind = onnx.TensorProto.FLOAT
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, kind, None))
    session = runtime.InferenceSession(graph.SerializeToString())
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    expected = session.run([last], {"input_image": image})[0]
    found = model.eval()(torch.from_numpy(image)).last_hidden_state
    np.testing.assert_allclose(found, expected, atol=1e-4)
