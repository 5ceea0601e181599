"""Tiny configurations of the families that transformers has, and what of them is refused.

Dimensions are odd where a family lets them be. Attention is uneven and every layer matters: weights
are drawn anew in `built`.
"""
# ruff: noqa: C408 (keywords, as the configurations' constructors take them)

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

BASE = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
WIDE = BASE | dict(head_dim=16)
HEAD = BASE | dict(head_dim=8)
GEMMA = WIDE | dict(sliding_window=8, query_pre_attn_scalar=16)
GPT2 = dict(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=1)
FALCON = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
MOE = dict(
    num_experts=4, num_local_experts=4, n_routed_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=16, shared_expert_intermediate_size=16,
)  # fmt: skip
MLA = BASE | MOE | dict(
    kv_lora_rank=8, q_lora_rank=8, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6,
    num_key_value_heads=4, n_shared_experts=1, n_group=1, topk_group=1, first_k_dense_replace=1,
)  # fmt: skip
DELTA = dict(
    num_hidden_layers=4, linear_num_key_heads=2, linear_num_value_heads=2, linear_key_head_dim=8,
    linear_value_head_dim=8,
)  # fmt: skip
MAMBA2 = dict(
    mamba_n_heads=8, mamba_d_head=8, mamba_d_state=8, mamba_n_groups=1, mamba_d_conv=4,
    mamba_expand=2, mamba_chunk_size=8,
)  # fmt: skip
STATE = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2)
CONV = dict(num_hidden_layers=3, layer_types=["conv", "full_attention", "conv"])
VISION = dict(
    hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
    image_size=28, patch_size=14,
)  # fmt: skip
LLAMA4 = HEAD | MOE | dict(
    intermediate_size_mlp=48, num_experts_per_tok=1, attention_chunk_size=16
)  # fmt: skip
T5 = dict(vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)

FAMILIES = {
    "llama": BASE,
    "mistral": BASE | dict(sliding_window=8),
    "qwen2": BASE,
    "qwen3": WIDE,
    "qwen3_moe": WIDE | MOE,
    "qwen3_next": WIDE | MOE | DELTA,
    "gemma": WIDE,
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
    "gemma3": dict(
        text_config=GEMMA, vision_config=VISION, mm_tokens_per_image=4, image_token_index=60,
        boi_token_index=61, eoi_token_index=62,
    ),
    "phi": BASE,
    "phi3": BASE,
    "olmo": BASE,
    "olmo2": BASE,
    "olmoe": BASE | MOE,
    "smollm3": BASE,
    "gpt2": GPT2,
    "gpt_neo": dict(
        vocab_size=64, hidden_size=32, num_layers=2, num_heads=4, window_size=8,
        attention_types=[[["global", "local"], 1]], max_position_embeddings=64,
    ),
    "gpt_neox": BASE,
    "gptj": GPT2 | dict(rotary_dim=4),
    "opt": FALCON | dict(ffn_dim=48, max_position_embeddings=64, word_embed_proj_dim=32),
    "bloom": dict(vocab_size=64, hidden_size=32, n_layer=2, n_head=4),
    "falcon": FALCON | dict(alibi=False),
    "falcon_alibi": FALCON | dict(alibi=True),
    "codegen": GPT2 | dict(rotary_dim=4),
    "mpt": dict(vocab_size=64, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
    "mixtral": BASE | MOE,
    "deepseek_v2": MLA | dict(topk_method="greedy"),
    "deepseek_v3": MLA,
    "gpt_oss": WIDE | MOE | dict(sliding_window=8),
    "llama4_text": LLAMA4,
    "cohere": BASE,
    "cohere2": BASE | dict(sliding_window=8),
    "stablelm": BASE,
    "starcoder2": BASE,
    "granite": BASE,
    "granitemoe": BASE | MOE,
    "granitemoehybrid": BASE | MOE | MAMBA2 | dict(
        shared_intermediate_size=16, layer_types=["mamba", "attention"]
    ),
    "nemotron": BASE,
    "lfm2": BASE | CONV,
    "glm": HEAD,
    "glm4": HEAD,
    "ernie4_5": BASE,
    "ernie4_5_moe": BASE | MOE | dict(
        moe_num_experts=4, moe_k=2, moe_layer_start_index=1, moe_num_shared_experts=1
    ),
    "jamba": BASE | MOE | dict(
        num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2,
        expert_layer_offset=1, mamba_d_state=4, mamba_dt_rank=4, use_mamba_kernels=False,
    ),
    "bamba": BASE | MAMBA2 | dict(num_hidden_layers=3, attn_layer_indices=[1]),
    "zamba2": BASE | dict(
        num_hidden_layers=4, layers_block_type=["mamba", "hybrid", "mamba", "hybrid"],
        mamba_d_state=8, mamba_ngroups=1, n_mamba_heads=8, mamba_headdim=8, num_mem_blocks=1,
        num_key_value_heads=4, adapter_rank=4, chunk_size=8,
    ),
    "recurrent_gemma": HEAD | dict(num_hidden_layers=3, lru_width=32, attention_window_size=8),
    "minimax": HEAD | MOE | dict(
        layer_types=["linear_attention", "full_attention"], block_size=8
    ),
    "helium": HEAD,
    "persimmon": {key: value for key, value in BASE.items() if key != "num_key_value_heads"},
    "xglm": dict(
        vocab_size=64, d_model=32, ffn_dim=48, num_layers=2, attention_heads=4,
        max_position_embeddings=64,
    ),
    "apertus": BASE,
    "mamba": STATE | dict(state_size=4),
    "t5": T5,
    "bart": dict(
        vocab_size=64, d_model=32, encoder_layers=2, decoder_layers=3, encoder_ffn_dim=48,
        encoder_attention_heads=4, decoder_attention_heads=4, decoder_ffn_dim=48, bos_token_id=1,
        max_position_embeddings=64, pad_token_id=0, eos_token_id=2, decoder_start_token_id=1,
        forced_eos_token_id=None,
    ),
}  # fmt: skip
"""Name in the documentation -> what its configuration is made with."""

MORE = {
    "ministral": HEAD | dict(sliding_window=8),
    "ministral3": BASE,
    "qwen2_moe": BASE | MOE,
    "qwen3_5_text": WIDE | DELTA,
    "qwen3_5_moe_text": WIDE | MOE | DELTA,
    "vaultgemma": GEMMA,
    "gemma3n_text": GEMMA | dict(
        num_hidden_layers=4, num_kv_shared_layers=2, laurel_rank=4, hidden_size_per_layer_input=4,
        layer_types=["sliding_attention", "full_attention"] * 2, vocab_size_per_layer_input=64,
        activation_sparsity_pattern=[0.0] * 4,
    ),
    "gemma4_text": GEMMA | dict(
        hidden_size_per_layer_input=4, vocab_size_per_layer_input=64, num_kv_shared_layers=0,
        global_head_dim=16, layer_types=["sliding_attention", "full_attention"],
    ),
    "phimoe": BASE | MOE,
    "olmo3": BASE,
    "flex_olmo": BASE | MOE,
    "olmo_hybrid": BASE | dict(num_hidden_layers=4),
    "gpt2_inverse": GPT2 | dict(
        scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True
    ),
    "gpt_bigcode": GPT2,
    "gpt_neox_japanese": FALCON | dict(max_position_embeddings=64),
    "openai-gpt": GPT2,
    "ctrl": GPT2 | dict(dff=48),
    "biogpt": BASE,
    "falcon_new": FALCON | dict(num_kv_heads=2, new_decoder_architecture=True, alibi=False),
    "llama4": dict(
        text_config=LLAMA4,
        vision_config=VISION | dict(
            intermediate_size=128, vision_output_dim=32, projector_input_dim=32,
            projector_output_dim=32,
        ),
    ),
    "dots1": WIDE | MLA,
    "glm4_moe": WIDE | MOE | dict(n_shared_experts=1, first_k_dense_replace=1),
    "glm4_moe_lite": MLA,
    "youtu": MLA,
    "minicpm3": MLA,
    "kimi_linear": MLA | dict(layer_types=["linear_attention", "full_attention"]),
    "granitemoeshared": BASE | MOE | dict(shared_intermediate_size=16),
    "lfm2_moe": BASE | MOE | CONV | dict(num_dense_layers=1),
    "zamba": BASE | dict(
        num_hidden_layers=6, attn_layer_period=2, attn_layer_offset=1, n_mamba_heads=2,
        mamba_d_state=4, mamba_dt_rank=4, use_mamba_kernels=False, attention_head_dim=16,
        num_key_value_heads=4,
    ),
    "falcon_h1": BASE | MAMBA2 | dict(mamba_d_ssm=64),
    "nemotron_h": WIDE | MOE | dict(
        num_hidden_layers=3, layers_block_type=["mamba", "attention", "moe"], mamba_num_heads=8,
        mamba_head_dim=8, ssm_state_size=8, n_groups=1, chunk_size=8,
        moe_shared_expert_intermediate_size=16,
    ),
    "minimax_m2": HEAD | MOE | dict(rotary_dim=4),
    "modernbert-decoder": BASE,
    "arcee": BASE,
    "seed_oss": HEAD,
    "exaone4": BASE | dict(sliding_window=8),
    "hunyuan_v1_dense": HEAD,
    "hunyuan_v1_moe": HEAD | MOE | dict(moe_topk=[2, 2]),
    "nanochat": BASE,
    "doge": BASE,
    "diffllama": BASE,
    "jetmoe": HEAD | MOE | dict(kv_channels=8),
    "bitnet": BASE,
    "cwm": HEAD,
    "afmoe": WIDE | MOE | dict(sliding_window=8, num_dense_layers=1),
    "moshi": BASE,
    "mamba2": STATE | dict(state_size=8, num_heads=8, head_dim=8, n_groups=1, chunk_size=8),
    "falcon_mamba": STATE | dict(state_size=4),
    "rwkv": STATE | dict(context_length=32),
    "t5_gated": T5 | dict(feed_forward_proj="gated-gelu"),
}  # fmt: skip
"""As `FAMILIES`, of which the slow test makes sure."""

_KINDS = {
    "falcon_alibi": "falcon",
    "falcon_new": "falcon",
    "gpt2_inverse": "gpt2",
    "t5_gated": "t5",
}
_STATE_SPACE = {
    "softmax": "has no softmax in its layers, all of which are linear_attention",
    "activation": "has no feed-forward layers whose activation could be swapped",
    "kvq": "kvq: no layer of",
}
_ENCODER = dict.fromkeys(["woq", "kvq"], "is no decoder-only model")
REFUSED = {
    "apertus": {"activation": "activation 'xielu' of this model has no tables"},
    "mamba": _STATE_SPACE,
    "mamba2": _STATE_SPACE,
    "falcon_mamba": _STATE_SPACE,
    "rwkv": {
        "softmax": "no attention found whose softmax could be swapped",
        "activation": "does not call its activation modules",
        "kvq": "kvq: no layer of",
    },
    "openai-gpt": {"kvq": "kvq: no layer of"},
    **dict.fromkeys(["t5", "t5_gated", "bart"], _ENCODER),
}
"""Family -> operation -> part of the line that says why not."""


def built(family: str, attention: str | None = "eager", dtype=torch.float32):
    """A random model of a family, the same for a family."""
    settings = (FAMILIES | MORE)[family]
    config = AutoConfig.for_model(_KINDS.get(family, family), **settings)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    torch.manual_seed(0)
    model = kind.from_config(config, attn_implementation=attention).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "norm" not in name and "A_log" not in name:
                fan_in = 1 if "embed" in name or "wte" in name else parameter.shape[-1]
                if name.endswith("Attention.q.weight"):  # T5 does not scale its scores
                    fan_in *= config.d_kv
                parameter.normal_(std=1.5 / fan_in**0.5)
            elif name.endswith("sinks"):
                parameter.normal_()
    return model.to(dtype)


@torch.inference_mode()
def logits(model, tokens: torch.Tensor) -> torch.Tensor:
    decoder = {"decoder_input_ids": tokens} if model.config.is_encoder_decoder else {}
    return model(tokens, use_cache=False, **decoder).logits


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean difference in standard deviations of the second."""
    return ((one.float() - other.float()).abs().mean() / other.float().std()).item()
