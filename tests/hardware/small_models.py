"""Small copies of families of models, with odd dimensions: configurations of transformers.

Every size differs from the family's default and from every other size, so that a mix-up shows.
"""

PLAIN = {
    "vocab_size": 131,
    "hidden_size": 36,
    "num_hidden_layers": 5,
    "num_attention_heads": 6,
    "intermediate_size": 53,
}
GROUPED = PLAIN | {"num_key_value_heads": 3}
SIZED = GROUPED | {"head_dim": 10}
OLD = {"vocab_size": 131, "n_embd": 36, "n_layer": 5, "n_head": 6}
MIXED = SIZED | {"num_experts_per_tok": 3, "num_local_experts": 7}
SHARING = {"n_routed_experts": 7, "n_shared_experts": 2, "moe_intermediate_size": 22}
DEEPSEEK = PLAIN | SHARING | {
    "num_key_value_heads": 6, "num_experts_per_tok": 3, "first_k_dense_replace": 2,
    "kv_lora_rank": 18, "q_lora_rank": 26, "qk_nope_head_dim": 12, "qk_rope_head_dim": 4,
    "v_head_dim": 14, "n_group": 1, "topk_group": 1,
}  # fmt: skip
VIT = {
    "hidden_size": 36, "num_hidden_layers": 5, "num_attention_heads": 6, "intermediate_size": 53,
    "image_size": 40, "patch_size": 8, "num_labels": 11,
}  # fmt: skip
SWIN = {
    "embed_dim": 12, "depths": [1, 3, 2], "num_heads": [2, 3, 4], "window_size": 3,
    "image_size": 48, "patch_size": 4, "mlp_ratio": 3.0, "num_labels": 11,
}  # fmt: skip
HALF = {"layer_types": ["sliding_attention", "full_attention"] * 2 + ["full_attention"]}
FALCON = {k: v for k, v in PLAIN.items() if k != "intermediate_size"} | {"ffn_hidden_size": 53}

# name: (model_type, what is set)
SMALL = {
    "llama": ("llama", SIZED),
    "llama, all heads": ("llama", PLAIN),
    "llama, tied": ("llama", GROUPED | {"tie_word_embeddings": True}),
    "mistral": ("mistral", SIZED | {"sliding_window": 7}),
    "ministral": ("ministral", SIZED | {"sliding_window": 7}),
    "ministral3": ("ministral3", SIZED),
    "qwen2": ("qwen2", GROUPED | {"use_sliding_window": True, "max_window_layers": 2}),
    "qwen3": ("qwen3", SIZED),
    "gemma": ("gemma", SIZED),
    "gemma2": ("gemma2", SIZED | {"sliding_window": 7}),
    "gemma3_text": ("gemma3_text", SIZED | {"sliding_window": 7}),
    "vaultgemma": ("vaultgemma", SIZED),
    "phi": ("phi", GROUPED | {"hidden_size": 48}),
    "phi3": ("phi3", GROUPED),
    "phimoe": ("phimoe", MIXED | {"num_experts_per_tok": 2}),
    "olmo": ("olmo", GROUPED),
    "olmo2": ("olmo2", GROUPED),
    "olmo3": ("olmo3", GROUPED),
    "olmoe": ("olmoe", GROUPED | {"num_experts": 7, "num_experts_per_tok": 3}),
    "flex_olmo": ("flex_olmo", GROUPED | {"num_experts": 7, "num_experts_per_tok": 3}),
    "smollm3": ("smollm3", GROUPED | {"use_sliding_window": True, "sliding_window": 7}),
    "arcee": ("arcee", SIZED),
    "apertus": ("apertus", GROUPED),
    "gpt2": ("gpt2", OLD),
    "gpt2, own width": ("gpt2", OLD | {"n_inner": 53, "tie_word_embeddings": False}),
    "gpt_neo": (
        "gpt_neo",
        {"vocab_size": 131, "hidden_size": 36, "num_layers": 4, "num_heads": 6, "window_size": 7}
        | {"attention_types": [[["global", "local"], 2]]},
    ),
    "gpt_neox": ("gpt_neox", PLAIN),
    "gptj": ("gptj", OLD | {"rotary_dim": 4}),
    "codegen": ("codegen", OLD | {"n_head": 4, "rotary_dim": 4}),
    "gpt_bigcode": ("gpt_bigcode", OLD),
    "gpt_bigcode, all heads": ("gpt_bigcode", OLD | {"multi_query": False}),
    "opt": (
        "opt",
        {k: v for k, v in PLAIN.items() if k != "intermediate_size"} | {"ffn_dim": 53},
    ),
    "bloom": ("bloom", {"vocab_size": 131, "hidden_size": 36, "n_layer": 5, "n_head": 6}),
    "mpt": ("mpt", {"vocab_size": 131, "d_model": 36, "n_layers": 5, "n_heads": 6}),
    "falcon": ("falcon", FALCON),
    "falcon, all heads": ("falcon", FALCON | {"multi_query": False, "alibi": True}),
    "falcon, new": ("falcon", FALCON | {"new_decoder_architecture": True, "num_kv_heads": 3}),
    "biogpt": ("biogpt", PLAIN),
    "xglm": (
        "xglm",
        {"vocab_size": 131, "d_model": 36, "num_layers": 5, "attention_heads": 6, "ffn_dim": 53},
    ),
    "persimmon": ("persimmon", PLAIN | {"hidden_size": 48}),
    "nemotron": ("nemotron", SIZED),
    "starcoder2": ("starcoder2", GROUPED),
    "stablelm": ("stablelm", GROUPED | {"hidden_size": 48}),
    "cohere": ("cohere", GROUPED),
    "cohere2": ("cohere2", GROUPED | {"sliding_window": 7}),
    "granite": ("granite", GROUPED),
    "granitemoe": ("granitemoe", GROUPED | {"num_local_experts": 7, "num_experts_per_tok": 3}),
    "granitemoeshared": (
        "granitemoeshared",
        GROUPED | {"num_local_experts": 7, "num_experts_per_tok": 3}
        | {"shared_intermediate_size": 22},
    ),
    "granitemoehybrid": (
        "granitemoehybrid",
        GROUPED | {"num_local_experts": 7, "num_experts_per_tok": 3}
        | {"shared_intermediate_size": 22, "layer_types": ["attention"] * 5}
        | {"mamba_n_heads": 4, "mamba_d_head": 18},
    ),
    "granitemoehybrid, dense": (
        "granitemoehybrid",
        GROUPED | {"num_local_experts": 0, "num_experts_per_tok": 0}
        | {"shared_intermediate_size": 22, "layer_types": ["attention"] * 5}
        | {"mamba_n_heads": 4, "mamba_d_head": 18},
    ),
    "nanochat": ("nanochat", GROUPED),
    "jais2": ("jais2", SIZED),
    "exaone_moe": (
        "exaone_moe",
        GROUPED
        | {"num_experts": 7, "num_experts_per_tok": 3, "moe_intermediate_size": 22}
        | {"num_shared_experts": 2, "first_k_dense_replace": 2, "sliding_window": 7},
    ),
    "minicpm3": ("minicpm3", {k: v for k, v in DEEPSEEK.items() if k not in SHARING}),
    "glm": ("glm", SIZED),
    "glm4": ("glm4", SIZED),
    "glm4_moe": (
        "glm4_moe",
        SIZED | SHARING | {"num_experts_per_tok": 3, "first_k_dense_replace": 2},
    ),
    "glm4_moe_lite": (
        "glm4_moe_lite",
        {k: v for k, v in DEEPSEEK.items() if k != "first_k_dense_replace"},
    ),
    "exaone4": ("exaone4", GROUPED | {"sliding_window": 7}),
    "ernie4_5": ("ernie4_5", SIZED),
    "ernie4_5_moe": (
        "ernie4_5_moe",
        GROUPED | {"moe_num_experts": 7, "moe_k": 3, "moe_num_shared_experts": 2}
        | {"moe_intermediate_size": 22, "moe_layer_start_index": 1, "moe_layer_interval": 2},
    ),
    "helium": ("helium", GROUPED | {"head_dim": 6}),
    "seed_oss": ("seed_oss", SIZED),
    "bitnet": ("bitnet", GROUPED),
    "minimax_m2": ("minimax_m2", MIXED),
    "dots1": (
        "dots1",
        SIZED | SHARING | {"num_experts_per_tok": 3, "first_k_dense_replace": 2},
    ),
    "hunyuan_v1_dense": ("hunyuan_v1_dense", SIZED),
    "mixtral": ("mixtral", MIXED),
    "qwen2_moe": (
        "qwen2_moe",
        GROUPED | {"num_experts": 7, "num_experts_per_tok": 3, "moe_intermediate_size": 22}
        | {"shared_expert_intermediate_size": 31, "decoder_sparse_step": 2},
    ),
    "qwen3_moe": (
        "qwen3_moe",
        SIZED | {"num_experts": 7, "num_experts_per_tok": 3, "moe_intermediate_size": 22}
        | {"mlp_only_layers": [0, 3]},
    ),
    "deepseek_v2": ("deepseek_v2", DEEPSEEK | {"hidden_size": 48}),
    "deepseek_v2, lite": ("deepseek_v2", DEEPSEEK | {"q_lora_rank": None}),
    "deepseek_v3": ("deepseek_v3", DEEPSEEK),
    "youtu": ("youtu", {k: v for k, v in DEEPSEEK.items() if k not in SHARING}),
    "gpt_oss": ("gpt_oss", MIXED | {"sliding_window": 7}),
    "llama4_text": (
        "llama4_text",
        MIXED | {"intermediate_size_mlp": 41, "interleave_moe_layer_step": 2}
        | {"attention_chunk_size": 7, "num_experts_per_tok": 1},
    ),
    "whisper": (
        "whisper",
        {"vocab_size": 131, "d_model": 36, "encoder_layers": 3, "encoder_attention_heads": 6}
        | {"encoder_ffn_dim": 53, "decoder_layers": 2, "decoder_attention_heads": 4}
        | {"decoder_ffn_dim": 41, "max_source_positions": 50, "decoder_start_token_id": 1},
    ),
    "vit": ("vit", VIT),
    "deit": ("deit", VIT),
    "dinov2": ("dinov2", {k: v for k, v in VIT.items() if k != "intermediate_size"}),
    "dinov2, gated": (
        "dinov2",
        {k: v for k, v in VIT.items() if k != "intermediate_size"} | {"use_swiglu_ffn": True},
    ),
    "vivit": ("vivit", {k: v for k, v in VIT.items() if k != "patch_size"}
        | {"num_frames": 6, "tubelet_size": [2, 8, 8]}),
    "swin": ("swin", SWIN),
    "swinv2": ("swinv2", SWIN),
}  # fmt: skip

# name: (model_type, what its text_config sets)
COMPOSITE = {
    "gemma3": ("gemma3", SMALL["gemma3_text"][1]),
    "llama4": ("llama4", SMALL["llama4_text"][1]),
    "llava": ("llava", GROUPED | {"model_type": "llama"}),
    "mistral3": ("mistral3", SIZED | {"model_type": "mistral"}),
    "internvl": ("internvl", GROUPED | {"model_type": "qwen2"}),
    "smolvlm": ("smolvlm", GROUPED | {"model_type": "llama"}),
    "qwen2_vl": ("qwen2_vl", GROUPED),
    "qwen2_5_vl": ("qwen2_5_vl", GROUPED),
    "qwen3_vl": ("qwen3_vl", SIZED),
    "qwen3_vl_moe": ("qwen3_vl_moe", SMALL["qwen3_moe"][1]),
}


def small_config(name: str):
    """Return the configuration of a small copy."""
    from transformers import CONFIG_MAPPING

    if name in COMPOSITE:
        model_type, changes = COMPOSITE[name]
        return CONFIG_MAPPING[model_type](text_config=changes)
    model_type, changes = SMALL[name]
    defaults = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if "vocab_size" not in changes:
        defaults = {}
    return CONFIG_MAPPING[model_type](**defaults | changes)


def built(config):
    """Return the model of a configuration, on whatever device is the default."""
    import transformers

    kinds = {
        "deit": transformers.DeiTForImageClassification,
        "whisper": transformers.AutoModelForSpeechSeq2Seq,
        "vivit": transformers.AutoModelForVideoClassification,
    }
    images = {"vit", "dinov2", "swin", "swinv2"}
    if config.model_type in COMPOSITE:
        return transformers.AutoModelForImageTextToText.from_config(config)
    kind = kinds.get(config.model_type, transformers.AutoModelForCausalLM)
    if config.model_type in images:
        kind = transformers.AutoModelForImageClassification
    if config.model_type == "deit":  # which the Auto class takes for one with a teacher
        return kind._from_config(config, attn_implementation="eager")
    return kind.from_config(config, attn_implementation="eager")
