"""What the keys of config.json say of layers: which see how much, and which have experts.

The rules are those of the families' classes in transformers 5.23, by layers counted from 0.
"""

from collections import Counter
from collections.abc import Mapping

from mugi.errors import InputError, Mistake
from mugi.hardware.families import Family, Keys

# What layer_types may say, in today's words and in older ones.
SEES = {
    "full_attention": "all",
    "attention": "all",
    "sliding_attention": "window",
    "chunked_attention": "chunk",
}


def decoder(keys: Keys, family: Family, content: Mapping) -> dict:
    """Return a decoder's dimensions as a model's YAML has them.

    Raises InputError, with the common key, for what cannot be costed or cannot be.
    """
    if keys.word_embed_proj_dim not in (None, keys.hidden_size):
        what = "embeddings of another width than the layers are not modelled"
        raise InputError(Mistake(what, "word_embed_proj_dim"))
    for key in ("add_cross_attention", "use_bidirectional_attention"):
        if getattr(keys, key):
            raise InputError(Mistake("only decoders that generate are modelled", key))
    mixture, ffn_dim = experts(keys, family)
    sizes = {"dim": keys.hidden_size, "layers": keys.num_hidden_layers}
    sizes |= _heads(keys, family, content)
    extras = {
        "ffn_dim": ffn_dim,
        "windows": windows(keys, family),
        "experts": mixture,
        "tied_output": bool(keys.tie_word_embeddings),
    }
    sizes |= {key: value for key, value in extras.items() if value}
    sizes |= {} if family.gated else {"gated": False}
    return sizes | {"vocabulary": keys.vocab_size}


def _heads(keys: Keys, family: Family, content: Mapping) -> dict:
    """Return numbers and sizes of heads, and the latent if there is one."""
    heads = keys.num_attention_heads
    if keys.kv_lora_rank:
        latent = {"kv_rank": keys.kv_lora_rank, "rope_dim": keys.qk_rope_head_dim}
        latent |= {"query_rank": keys.q_lora_rank} if keys.q_lora_rank else {}
        head_dim = keys.qk_nope_head_dim + keys.qk_rope_head_dim
        sizes = {"heads": heads, "kv_heads": heads, "head_dim": head_dim}
        value_dim = keys.v_head_dim or keys.hidden_size // heads
        return sizes | {"value_dim": value_dim, "latent": latent}
    kv_heads = keys.num_key_value_heads or heads
    if "multi_query" in family.reads and not keys.new_decoder_architecture:
        kv_heads = 1 if keys.multi_query else heads
    if heads % kv_heads:
        what = f"{kv_heads} does not divide the {heads} heads"
        raise InputError(Mistake(what, "num_key_value_heads"))
    own = keys.head_dim if "head_dim" in family.reads else content.get("head_dim")
    if keys.hidden_size % heads and not keys.head_dim:
        what = f"{keys.hidden_size} does not divide by {heads} heads"
        raise InputError(Mistake(what, "hidden_size"))
    head_dim = keys.head_dim or keys.hidden_size // heads
    if own and own != head_dim:
        what = f"{own} is not {head_dim}, hidden_size / num_attention_heads, as in this family"
        raise InputError(Mistake(what, "head_dim"))
    return {"heads": heads, "kv_heads": kv_heads, "head_dim": head_dim}


def windows(keys: Keys, family: Family) -> list[dict]:
    """Return the windows of a decoder's layers, as a model's YAML has them.

    Raises InputError for layers that do not attend, and for windows without a size.
    """
    sees = Counter(_sees(keys, family))
    found = []
    if sees["window"]:
        tokens = keys.sliding_window if family.windows != "attention_types" else keys.window_size
        if not tokens:
            raise InputError(
                Mistake("layers have a window, but no size is given", "sliding_window")
            )
        found.append({"layers": sees["window"], "tokens": tokens})
    if sees["chunk"]:
        if not keys.attention_chunk_size:
            what = "layers have chunks, but no size is given"
            raise InputError(Mistake(what, "attention_chunk_size"))
        tokens = keys.attention_chunk_size
        found.append({"layers": sees["chunk"], "tokens": tokens, "chunked": True})
    return found


def _sees(keys: Keys, family: Family) -> list[str]:
    """Return of each layer whether it sees all, a window or a chunk."""
    number = keys.num_hidden_layers
    is_off = "use_sliding_window" in family.reads and not keys.use_sliding_window
    if keys.layer_types is not None:
        sees = _said(keys.layer_types, number)
        return ["all" if is_off and kind == "window" else kind for kind in sees]
    if family.config.startswith("GraniteMoeHybrid"):
        raise InputError(Mistake("without it all layers are of a state space", "layer_types"))
    rope = keys.no_rope_layers or [
        int((i + 1) % (keys.no_rope_layer_interval or 1) != 0) for i in range(number)
    ]
    if family.windows in ("with_rope", "without_rope") and len(rope) != number:
        what = f"has {len(rope)} entries for {number} layers"
        raise InputError(Mistake(what, "no_rope_layers"))
    if family.windows == "with_rope":
        return ["chunk" if has else "all" for has in rope]
    if family.windows == "attention_types":
        return _expanded(keys.attention_types or [[["global", "local"], 12]], number)
    if not keys.sliding_window or is_off:
        return ["all"] * number
    pattern = family.pattern or keys.sliding_window_pattern or 1
    if not isinstance(pattern, int):
        what = f"'{pattern}' is not read; give layer_types"
        raise InputError(Mistake(what, "sliding_window_pattern"))
    first = keys.max_window_layers or 0
    has_window = {
        "": lambda i: False,
        "all": lambda i: True,
        "upper": lambda i: i >= first,
        "alternate": lambda i: i % 2 == 0 and i < first,
        "pattern": lambda i: (i + 1) % pattern != 0,
        "without_rope": lambda i: not rope[i],
    }[family.windows]
    return ["window" if has_window(i) else "all" for i in range(number)]


def _said(layer_types: list[str], number: int) -> list[str]:
    """Return what `layer_types` says; raises InputError for layers that do not attend."""
    if len(layer_types) != number:
        what = f"has {len(layer_types)} entries for {number} layers"
        raise InputError(Mistake(what, "layer_types"))
    others = Counter(kind for kind in layer_types if kind not in SEES)
    if others:
        kinds = ", ".join(f"{count} of {number} are {kind}" for kind, count in others.items())
        what = f"{kinds}; only layers of attention are modelled"
        raise InputError(Mistake(what, "layer_types", tuple(SEES)))
    return [SEES[kind] for kind in layer_types]


def _expanded(attention_types: list[list], number: int) -> list[str]:
    """Return what GPT-Neo's `[[kinds, repeats], …]` says."""
    kinds: list[str] = []
    for entry in attention_types:
        match entry:
            case [list(part), int(repeats)] if 0 < repeats * len(part) <= number:
                kinds += part * repeats
    if len(kinds) != number or not set(map(str, kinds)) <= {"global", "local"}:
        what = f"must be [[kinds, repeats], ...] of global and local, {number} layers in all"
        raise InputError(Mistake(what, "attention_types"))
    return ["window" if kind == "local" else "all" for kind in kinds]


def experts(keys: Keys, family: Family) -> tuple[dict | None, int]:
    """Return the experts as a model's YAML has them, None if there are none, and the FFNs' width.

    Raises InputError if the number of active experts is not said.
    """
    number, width = keys.num_hidden_layers, keys.intermediate_size or 4 * keys.hidden_size
    if family.config.startswith("GraniteMoeHybrid") and not keys.num_experts:
        width = keys.shared_intermediate_size
    if not keys.num_experts:
        return None, width
    if keys.mlp_layer_types is not None and len(keys.mlp_layer_types) != number:
        what = f"has {len(keys.mlp_layer_types)} entries for {number} layers"
        raise InputError(Mistake(what, "mlp_layer_types"))
    dense = _dense_layers(keys, family)
    if dense == number:
        return None, keys.intermediate_size_mlp or width
    if not keys.num_experts_per_tok:
        raise InputError(Mistake("missing", "num_experts_per_tok"))
    if keys.num_experts_per_tok > keys.num_experts:
        what = f"{keys.num_experts_per_tok} of {keys.num_experts} experts"
        raise InputError(Mistake(what, "num_experts_per_tok"))
    mixture = {"number": keys.num_experts, "active": keys.num_experts_per_tok}
    mixture["dim"] = keys.moe_intermediate_size or width
    one = keys.shared_expert_intermediate_size or keys.shared_intermediate_size
    if "intermediate_size_mlp" in family.reads:
        one = width
    if keys.n_shared_experts:
        mixture["shared"] = keys.n_shared_experts
    elif one:
        mixture |= {"shared": 1, "shared_dim": one}
    if dense:
        mixture["dense_layers"] = dense
    return mixture, (keys.intermediate_size_mlp or width) if dense else 0


def _dense_layers(keys: Keys, family: Family) -> int:
    """Return how many layers of a mixture of experts have one FFN instead."""
    layers = range(keys.num_hidden_layers)
    if keys.mlp_layer_types is not None:
        return keys.mlp_layer_types.count("dense")
    if keys.moe_layers is not None:
        return len(set(layers) - set(keys.moe_layers))
    dense, last = set(keys.mlp_only_layers or ()), keys.moe_layer_end_index
    return sum(
        not (
            i >= (keys.first_k_dense_replace or family.first_dense)
            and i % (keys.moe_layer_freq or 1) == 0
            and i not in dense
            and (i + 1) % (keys.decoder_sparse_step or 1) == 0
            and (i + 1) % (keys.interleave_moe_layer_step or 1) == 0
            and (i + 1) % (keys.moe_layer_interval or 1) == 0
            and i >= (keys.moe_layer_start_index or 0)
            and (last in (None, -1) or i <= last)
        )
        for i in layers
    )
