"""Weights inside installable packages as transformers models with their tokenizer or processor."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    GenerationConfig,
    GgufConfig,
    PreTrainedModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

from mugi.errors import InputError


def from_gguf(path: Path) -> tuple[PreTrainedModel, object]:
    """Return a causal LM in BF16 and its tokenizer, from a quantised GGUF file."""
    model = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    return model, AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


# --- Whisper from CTranslate2 -------------------------------------------------------------------

_TYPES = ("<f4", "<i1", "<i2", "<i4", "<f2")  # of CTranslate2, by number
_SAME_IN_WHISPER = ("conv1", "conv2", "layer_norm")
_WHISPER_PARTS = {
    "embeddings": ["embed_tokens"],
    "position_encodings": ["embed_positions"],
    "self_attention/layer_norm": ["self_attn_layer_norm"],
    "self_attention/linear_0": [f"self_attn.{part}_proj" for part in "qkv"],
    "self_attention/linear_1": ["self_attn.out_proj"],
    "attention/layer_norm": ["encoder_attn_layer_norm"],
    "attention/linear_0": ["encoder_attn.q_proj"],
    "attention/linear_1": [f"encoder_attn.{part}_proj" for part in "kv"],
    "attention/linear_2": ["encoder_attn.out_proj"],
    "ffn/layer_norm": ["final_layer_norm"],
    "ffn/linear_0": ["fc1"],
    "ffn/linear_1": ["fc2"],
} | {name: [name] for name in _SAME_IN_WHISPER}
_LEAVES = {"gamma": "weight", "beta": "bias", "encodings": "weight"}


def from_ctranslate2(path: Path) -> tuple[PreTrainedModel, object]:
    """Return an English-only Whisper in FP16 and its processor, from CTranslate2's model.bin.

    The tokenizer and the tokens that generation suppresses are in files beside it.
    """
    variables = _ctranslate2_variables(path)
    weights = {}
    for name, value in variables.items():
        match = re.fullmatch(r"(encoder|decoder)/(?:layer_(\d+)/)?(.+)/(\w+)", name)
        if value.ndim == 0 or match is None:
            continue
        side, layer, body, leaf = match.groups()
        modules = _WHISPER_PARTS[body]
        place = f"model.{side}.layers.{layer}" if layer else f"model.{side}"
        for module, own in zip(modules, np.split(value, len(modules)), strict=True):
            weights[f"{place}.{module}.{_LEAVES.get(leaf, leaf)}"] = torch.from_numpy(own)
    weights = {k: v for k, v in weights.items() if not k.endswith("k_proj.bias")}  # all zero
    weights["proj_out.weight"] = weights["model.decoder.embed_tokens.weight"]
    tokenizer = WhisperTokenizer.from_pretrained(path.parent)
    tokens = dict.fromkeys(["bos_token_id", "eos_token_id", "pad_token_id"], tokenizer.eos_token_id)
    tokens["decoder_start_token_id"] = tokenizer.prefix_tokens[0]
    model = WhisperForConditionalGeneration(_whisper_config(variables, weights, tokens))
    model.load_state_dict(weights)
    settings = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    model.generation_config = GenerationConfig(
        **tokens,
        no_timestamps_token_id=tokenizer.prefix_tokens[-1],
        suppress_tokens=settings["suppress_ids"],
        begin_suppress_tokens=settings["suppress_ids_begin"],
        max_length=model.config.max_target_positions,
        is_multilingual=False,
    )
    features = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
    return model.half(), WhisperProcessor(features, tokenizer)


def _whisper_config(
    variables: dict[str, np.ndarray], weights: dict[str, torch.Tensor], tokens: dict[str, int]
) -> WhisperConfig:
    """Return the configuration that the shapes of the weights tell."""
    layers = [name.split(".")[1] for name in weights if name.endswith("fc1.bias")]
    vocabulary, width = weights["model.decoder.embed_tokens.weight"].shape
    hidden = len(weights["model.encoder.layers.0.fc1.bias"])
    return WhisperConfig(
        vocab_size=vocabulary,
        d_model=width,
        num_mel_bins=weights["model.encoder.conv1.weight"].shape[1],
        encoder_layers=layers.count("encoder"),
        decoder_layers=layers.count("decoder"),
        encoder_attention_heads=int(variables["encoder/num_heads"]),
        decoder_attention_heads=int(variables["decoder/num_heads"]),
        encoder_ffn_dim=hidden,
        decoder_ffn_dim=hidden,
        max_source_positions=len(weights["model.encoder.embed_positions.weight"]),
        max_target_positions=len(weights["model.decoder.embed_positions.weight"]),
        **tokens,
        architectures=["WhisperForConditionalGeneration"],
    )


def _ctranslate2_variables(path: Path) -> dict[str, np.ndarray]:
    """Return name -> array: a version, a name, a revision, and then name, shape, type, bytes."""
    with path.open("rb") as file:

        def number(kind: str) -> int:
            return struct.unpack(kind, file.read(struct.calcsize(kind)))[0]

        def text() -> str:
            return file.read(number("<H"))[:-1].decode()

        version, _, _ = number("<I"), text(), number("<I")
        if version != 6:
            raise InputError(f"{path}: CTranslate2 format {version}; allowed: 6")
        variables = {}
        for _ in range(number("<I")):
            name, dimensions = text(), number("<B")
            shape = [number("<I") for _ in range(dimensions)]
            kind, size = _TYPES[number("<B")], number("<I")
            variables[name] = np.frombuffer(file.read(size), kind).reshape(shape).copy()
        return variables


# --- DINOv2 from ONNX ---------------------------------------------------------------------------


def from_onnx(path: Path) -> tuple[PreTrainedModel, object]:
    """Return the DINOv2 backbone of a PyTorch export in FP32 and its image processor.

    The export names all weights but the matrices of linear layers, which their biases tell, and
    the position embeddings, which are split into those of the class token and of the patches.
    """
    try:
        import onnx
        from onnx.numpy_helper import to_array
    except ImportError:
        raise InputError("package onnx is not installed; run `pip install onnx==1.23.2`") from None
    graph = onnx.load(path).graph
    values = {tensor.name: to_array(tensor) for tensor in graph.initializer}
    own = "backbone."
    weights = {k.removeprefix(own): v for k, v in values.items() if k.startswith(own)}
    matrices = {
        node.output[0]: values[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in values
    }
    for node in (node for node in graph.node if node.op_type == "Add"):
        for bias, product in (node.input, node.input[::-1]):
            if bias.startswith(own) and product in matrices:
                name = bias.removeprefix(own).replace(".bias", ".weight")
                weights[name] = matrices[product].T
    width = weights["layernorm.weight"].size
    nameless = {k: v for k, v in values.items() if v.ndim == 3 and k not in weights}
    patches = max(nameless.values(), key=np.size)
    shape = (1, 1, width)
    first = next(v for k, v in nameless.items() if v.shape == shape and not k.startswith(own))
    weights["embeddings.position_embeddings"] = np.concatenate([first, patches], axis=1)
    weights["embeddings.mask_token"] = np.zeros((1, width), dtype=np.float32)
    return _dinov2(weights, patches.shape[1])


def _dinov2(weights: dict[str, np.ndarray], patches: int) -> tuple[PreTrainedModel, object]:
    """Return the model, read as from the hub, so that renamed weights find their place."""
    size = weights["embeddings.patch_embeddings.projection.weight"].shape[-1]
    width = weights["layernorm.weight"].size
    config = Dinov2Config(
        hidden_size=width,
        num_attention_heads=width // 64,
        num_hidden_layers=sum(name.endswith("norm1.weight") for name in weights),
        patch_size=size,
        image_size=size * round(patches**0.5),
        architectures=["Dinov2Model"],
    )
    tensors = {k: torch.tensor(np.ascontiguousarray(value)) for k, value in weights.items()}
    model, report = Dinov2Model.from_pretrained(
        None, config=config, state_dict=tensors, output_loading_info=True
    )
    if wrong := [name for names in report.values() for name in names]:
        raise InputError(f"weights of the packaged DINOv2 do not fit: {wrong[0]}")
    processor = BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        resample=3,  # bicubic
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    return model, processor


FORMATS = {"gguf": from_gguf, "ctranslate2": from_ctranslate2, "onnx": from_onnx}
"""Format of packaged weights -> what reads them."""
