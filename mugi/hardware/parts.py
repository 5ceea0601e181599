"""A language model as a list of parts: layers of attention of a kind, of FFN of a kind, the output.

Prefill takes the prompt, and an encoder's positions, through all parts; then decode takes one token
after the other through those of the decoder.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mugi.hardware.model import Model

PLAIN = ("attention", "ffn", "output")  # the parts of the paper's models
Sizes = Mapping[str, np.ndarray]


class Part(NamedTuple):
    """Layers of one kind, and the numbers that say how large they are."""

    kind: str
    numbers: dict[str, int]


def parts(model: Model) -> list[Part]:
    """Return the parts of a model in the order in which tokens pass them, the output last."""
    listed = []
    for stage in model.encoder:
        size = {"dim": stage.dim, "layers": stage.layers, "tokens": stage.tokens}
        heads = {"heads": stage.heads, "kv_heads": stage.kv_heads or stage.heads}
        head = dict.fromkeys(("key_dim", "value_dim"), stage.head_dim or stage.dim // stage.heads)
        if stage.merged_dim:
            listed.append(Part("merge", size | {"merged_dim": stage.merged_dim}))
        listed.append(Part("attention", size | heads | head | {"window": stage.window}))
        ffn = {"ffn_dim": stage.ffn_dim, "matrices": 1 + stage.gated}
        listed.append(Part("ffn", size | ffn))
    if model.layers:
        listed += [*_attention_parts(model), *_ffn_parts(model)]
    last = model.dim if model.layers else model.encoder[-1].dim
    output = {"dim": last, "vocabulary": model.vocabulary, "encodes": int(not model.layers)}
    return [*listed, Part("output", output)]


def _attention_parts(model: Model) -> list[Part]:
    """Return the decoder's attention: full, of each window, latent, and to the encoder."""
    head = {"heads": model.heads, "key_dim": model.key_dim, "value_dim": model.values_dim}
    size = {"dim": model.dim, "tokens": 0} | head
    if model.latent:
        ranks = model.latent.model_dump()
        return [Part("latent", size | ranks | {"layers": model.layers, "kv_heads": model.heads})]
    full = model.layers - sum(window.layers for window in model.windows)
    size["kv_heads"] = model.kv_heads
    listed = [Part("attention", size | {"layers": full, "window": 0})] if full else []
    for window in model.windows:
        seen = {"layers": window.layers, "window": window.tokens}
        listed.append(Part("attention", size | seen))
    if model.cross_attention:
        source = {"source_tokens": model.encoder[-1].tokens, "source_dim": model.encoder[-1].dim}
        listed.append(Part("cross", size | source | {"layers": model.layers}))
    return listed


def _ffn_parts(model: Model) -> list[Part]:
    """Return the decoder's FFNs: dense, and routed and shared experts."""
    size = {"dim": model.dim, "tokens": 0, "matrices": 1 + model.gated}
    experts = model.experts
    dense = experts.dense_layers if experts else model.layers
    listed = [Part("ffn", size | {"layers": dense, "ffn_dim": model.ffn_dim})] if dense else []
    if experts and dense < model.layers:
        size["layers"] = model.layers - dense
        routed = {"ffn_dim": experts.dim, "number": experts.number, "active": experts.active}
        listed.append(Part("experts", size | routed))
        if experts.shared:
            listed.append(Part("ffn", size | {"ffn_dim": experts.shared_width}))
    return listed


def is_plain(model: Model) -> bool:
    """Return whether a model has the parts of the paper's, so that they differ in size only."""
    if model.encoder or model.windows or model.key_dim != model.values_dim:
        return False
    return tuple(part.kind for part in parts(model)) == PLAIN


def sizes(
    models: Sequence[Model], index: np.ndarray, kv_heads: np.ndarray, batch: np.ndarray,
    prompt: np.ndarray,
) -> list[tuple[str, Sizes]]:  # fmt: skip
    """Return kind and sizes of each part of models that have the same parts, one value a setup.

    `index` picks each setup's model, `prompt` is the length of its prompt; `kv_heads` are those of
    the decoder's attention. Keys: those of the part, batch, prompt, rows (sequences times positions
    that prefill takes through the part), heads that share a key and value head (sharing).
    """
    listed = []
    for alike in zip(*map(parts, models), strict=True):
        numbers = {
            key: np.array([float(part.numbers[key]) for part in alike])[index]
            for key in alike[0].numbers
        }
        size = numbers | {"batch": batch, "prompt": prompt}
        own = size.get("tokens", np.zeros(1)).any()  # of an encoder
        if "kv_heads" in size and not own and alike[0].kind == "attention":
            size["kv_heads"] = kv_heads
        if "kv_heads" in size:
            size["sharing"] = size["heads"] / size["kv_heads"]
        size["positions"] = size["tokens"] if own else prompt
        listed.append((alike[0].kind, size))
    return listed


def decodes(size: Sizes) -> bool:
    """Return whether a part is of the decoder, and not of an encoder."""
    return not size.get("tokens", np.zeros(1)).any()


def cached_sizes(kind: str, size: Sizes) -> Sizes | None:
    """Return the sizes that decode attends with, or None for a part that keeps no positions.

    The heads of latent attention share the latents, which are keys and values.
    """
    if kind == "latent":
        one, rank = np.ones_like(size["heads"]), size["kv_rank"]
        head = {"key_dim": rank + size["rope_dim"], "value_dim": rank}
        return {**size, **head, "kv_heads": one, "sharing": size["heads"]}
    return size if kind == "attention" and decodes(size) else None


def kv_cache_values(
    parts: Sequence[tuple[str, Sizes]], setup: np.ndarray, seq_len: np.ndarray
) -> np.ndarray:
    """Return the values that attention keeps of all sequences of runs at their last position."""
    values = np.zeros(len(setup))
    for kind, size in parts:
        one = size["batch"] * size.get("layers", 0)
        if kind == "cross":
            head = size["heads"] * (size["key_dim"] + size["value_dim"])
            values += (one * head * size["source_tokens"])[setup]
        elif kind == "latent":
            values += (one * (size["kv_rank"] + size["rope_dim"]))[setup] * seq_len
        elif kind == "attention" and decodes(size):
            head = size["kv_heads"] * (size["key_dim"] + size["value_dim"])
            window = np.where(size["window"] > 0, size["window"], np.inf)[setup]
            values += (one * head)[setup] * np.minimum(seq_len, window)
    return values
