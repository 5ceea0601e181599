"""Tiny random models of every architecture family of the paper, and its relatives: built from their
configurations, so that nothing is downloaded."""

import torch
import transformers

DECODER = {
    "vocab_size": 61, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 64, "initializer_range": 0.3, "bos_token_id": 0, "eos_token_id": 0,
    "pad_token_id": None,
}  # fmt: skip
ENCODER = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "initializer_range": 0.3, "image_size": 24, "patch_size": 4, "num_labels": 3,
}  # fmt: skip
WHISPER = {
    "vocab_size": 61, "d_model": 32, "encoder_layers": 2, "decoder_layers": 3,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48, "num_mel_bins": 8, "max_source_positions": 20,
    "max_target_positions": 24, "init_std": 0.3, "bos_token_id": 0, "eos_token_id": 0,
    "pad_token_id": 0, "decoder_start_token_id": 1,
}  # fmt: skip
SWIN = {
    "image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4],
    "window_size": 4, "num_labels": 3, "initializer_range": 0.1,
}  # fmt: skip
GPT2 = {
    "n_layer": 2, "n_embd": 32, "n_head": 4, "n_positions": 64, "vocab_size": 61,
    "initializer_range": 0.3, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
FAMILIES = {
    "Llama": ("LlamaForCausalLM", DECODER),
    "Mistral": ("MistralForCausalLM", DECODER | {"sliding_window": 8}),
    "Qwen2": ("Qwen2ForCausalLM", DECODER),
    "Mixtral": ("MixtralForCausalLM", DECODER | {"num_local_experts": 4}),
    "Gemma": ("GemmaForCausalLM", DECODER | {"hidden_act": "gelu_pytorch_tanh"}),
    "Gemma2": ("Gemma2ForCausalLM", DECODER | {"attn_logit_softcapping": 5.0}),
    "GPT2": ("GPT2LMHeadModel", GPT2),
    "GPTJ": ("GPTJForCausalLM", GPT2 | {"rotary_dim": 4}),
    "Bert": ("BertForMaskedLM", DECODER),
    "Whisper": ("WhisperForConditionalGeneration", WHISPER),
    "ViT": ("ViTForImageClassification", ENCODER),
    "Dinov2": ("Dinov2Model", ENCODER | {"mlp_ratio": 2}),
    "Vivit": (
        "VivitForVideoClassification", ENCODER | {"num_frames": 4, "tubelet_size": [2, 8, 8]}
    ),
    "Swinv2": ("Swinv2ForImageClassification", SWIN),
}  # fmt: skip
LAYERS = {"Whisper": 5, "Swinv2": 4}
FUNCTIONAL = {"Swinv2", "GPTJ"}


def built(family: str, dtype=torch.float32, **changes):
    """A random model in which attention is uneven and every layer matters."""
    name, settings = FAMILIES[family]
    kind = getattr(transformers, name)
    torch.manual_seed(0)
    model = kind(kind.config_class(**settings | changes)).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "norm" not in key and "lambda" not in key and weight.ndim > 1:
                weight.mul_(2)
    return model.to(dtype)


def inputs_of(model) -> dict:
    generator = torch.Generator().manual_seed(1)
    config = model.config
    if model.main_input_name == "pixel_values":
        frames = [config.num_frames] if hasattr(config, "num_frames") else []
        shape = 2, *frames, 3, config.image_size, config.image_size
        return {"pixel_values": torch.randn(shape, generator=generator).to(model.dtype)}
    tokens = torch.randint(1, config.vocab_size, (2, 14), generator=generator)
    if model.main_input_name == "input_features":
        shape = 2, config.num_mel_bins, 2 * config.max_source_positions
        sound = torch.randn(shape, generator=generator).to(model.dtype)
        return {"input_features": sound, "decoder_input_ids": tokens}
    return {"input_ids": tokens}
