"""Encoders of speech, images and video: what config.json says of them, as stages of a model."""

from collections.abc import Mapping

from mugi.errors import InputError, Mistake
from mugi.hardware.families import Family, Keys

UNNAMED_LABELS = 2  # num_labels of transformers' configurations that name none


def speech(keys: Keys, family: Family, content: Mapping) -> dict:
    """Return an encoder of a spectrogram and a decoder that attends to it (Whisper)."""
    dim, heads = keys.d_model, keys.decoder_attention_heads
    return {
        "dim": dim,
        "layers": keys.decoder_layers,
        "heads": heads,
        "kv_heads": heads,
        "ffn_dim": keys.decoder_ffn_dim,
        "gated": family.gated,
        "vocabulary": keys.vocab_size,
        "tied_output": bool(keys.tie_word_embeddings),
        "cross_attention": True,
        "encoder": [
            {
                "layers": keys.encoder_layers,
                "dim": dim,
                "heads": keys.encoder_attention_heads,
                "ffn_dim": keys.encoder_ffn_dim,
                "tokens": keys.max_source_positions,
            }
        ],
    }


def image(keys: Keys, family: Family, content: Mapping) -> dict:
    """Return one stage over all patches of an image and the class token (ViT, DeiT, DINOv2)."""
    high, wide = _grid(keys.image_size, keys.patch_size)
    return _one_stage(keys, family, content, high * wide + family.extra_tokens)


def video(keys: Keys, family: Family, content: Mapping) -> dict:
    """Return one stage over all tubelets of a clip and the class token (ViViT)."""
    depth, *patch = keys.tubelet_size
    high, wide = _grid(keys.image_size, patch)
    tokens = keys.num_frames // depth * high * wide + family.extra_tokens
    return _one_stage(keys, family, content, tokens)


def windowed_image(keys: Keys, family: Family, content: Mapping) -> dict:
    """Return the stages of an image's patches, each with half as many a side (Swin).

    Raises InputError for a grid of patches that its windows do not divide.
    """
    if len(keys.depths) != len(keys.num_heads):
        what = f"has {len(keys.num_heads)} entries for {len(keys.depths)} of depths"
        raise InputError(Mistake(what, "num_heads"))
    high, wide = _grid(keys.image_size, keys.patch_size)
    stages = []
    for i, (layers, heads) in enumerate(zip(keys.depths, keys.num_heads, strict=True)):
        dim, side = keys.embed_dim * 2**i, min(keys.window_size, high, wide)
        if high % side or wide % side:
            what = f"{side} does not divide the {high}x{wide} patches of stage {i + 1}"
            raise InputError(Mistake(f"{what}; padded windows are not modelled", "window_size"))
        stage = {"layers": layers, "dim": dim, "heads": heads, "ffn_dim": int(dim * keys.mlp_ratio)}
        stage |= {"tokens": high * wide, "window": side * side}
        stages.append(stage | ({"merged_dim": 2 * dim} if i else {}))
        high, wide = (high + 1) // 2, (wide + 1) // 2
    return {"vocabulary": _labels(content), "encoder": stages}


BUILDERS = {
    "speech": speech, "image": image, "video": video, "windowed_image": windowed_image,
}  # fmt: skip


def _one_stage(keys: Keys, family: Family, content: Mapping, tokens: int) -> dict:
    """Return layers of one size over `tokens` positions, with an output of labels."""
    ffn_dim = keys.intermediate_size or int(keys.hidden_size * (keys.mlp_ratio or 4))
    stage = {"layers": keys.num_hidden_layers, "dim": keys.hidden_size}
    stage |= {"heads": keys.num_attention_heads, "ffn_dim": ffn_dim, "tokens": tokens}
    if keys.use_swiglu_ffn:  # as wide as keeps the parameters of two matrices, in eights
        stage |= {"ffn_dim": (int(ffn_dim * 2 / 3) + 7) // 8 * 8, "gated": True}
    return {"vocabulary": _labels(content), "encoder": [stage]}


def _grid(image_size: int | list[int], patch_size: int | list[int]) -> tuple[int, int]:
    """Return how many patches an image has in height and width."""
    sides = image_size if isinstance(image_size, list) else [image_size] * 2
    patch = patch_size if isinstance(patch_size, list) else [patch_size] * 2
    if any(side < step for side, step in zip(sides, patch, strict=True)):
        raise InputError(Mistake(f"{image_size} is less than a patch, {patch_size}", "image_size"))
    return sides[0] // patch[0], sides[1] // patch[1]


def _labels(content: Mapping) -> int:
    """Return how many labels a classifier tells apart; a backbone is costed as one of two."""
    labels, number = content.get("id2label"), content.get("num_labels")
    return len(labels) if labels and isinstance(labels, dict) else number or UNNAMED_LABELS
