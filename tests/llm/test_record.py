"""Counting the inputs of softmax and activation by BF16 code, against a plain loop."""

import numpy as np
import pandas as pd
import pytest
import torch

from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError
from mugi.llm import record
from mugi.llm.activations import activation_layers
from mugi.llm.attention import attending
from mugi.llm.emulate import TableAttention
from mugi.methods import parse
from tests.llm.families import built

TOKENS = torch.arange(48) * 37 % 257
MASKED = 0xFF80


def scores_by_hand(model, window: torch.Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return each layer's raw scores (heads, queries, keys), -inf where masked, and its activation
    inputs (tokens, channels), as BF16 codes, by one product for all queries."""
    scores, inputs = [], []
    exact = TableAttention(parse("exact"), model.device)

    def attend(layer, heads, mask, scaling, causal):
        shared = heads.query.shape[1] // heads.key.shape[1]
        key = heads.key.repeat_interleave(shared, 1)
        product = (heads.query @ key.transpose(2, 3) * scaling)[0].numpy()
        later = np.triu(np.ones(product.shape[1:], dtype=bool), 1)
        scores.append(to_bf16(np.where(later, -np.inf, product)))
        return exact(heads, mask, scaling, causal)

    hooks = [
        site.own.register_forward_pre_hook(lambda _, x: inputs.append(to_bf16(x[0][0].numpy())))
        for (site,) in activation_layers(model)[1]
    ]
    with attending(model, attend), torch.inference_mode():
        scores.clear(), inputs.clear()
        model(window[None])
    for hook in hooks:
        hook.remove()
    return scores, inputs


def counts(table: pd.DataFrame, operation: str, layer: int, seq_len: int) -> np.ndarray:
    """Return the counts of all codes of an operation, a layer and a length."""
    place = (table["operation"], table["layer"], table["seq_len"])
    chosen = table[(place[0] == operation) & (place[1] == layer) & (place[2] == seq_len)]
    by_code = np.zeros(1 << 16, dtype=np.int64)
    by_code[chosen["code"]] = chosen["count"]
    return by_code


def by_hand(codes: np.ndarray) -> np.ndarray:
    return np.bincount(codes.ravel(), minlength=1 << 16)


def nearly(found: np.ndarray, expected: np.ndarray) -> None:
    """The same number of inputs; a product in another order may round to the next code."""
    assert found.sum() == expected.sum()
    assert np.abs(found - expected).sum() <= 0.01 * expected.sum()


def test_counts_are_those_of_scores_below_their_maximum(tiny_llama):
    table = record.profile(tiny_llama, TOKENS, [16, 48])
    for length in (16, 48):
        windows = [scores_by_hand(tiny_llama, part) for part in TOKENS.unfold(0, length, length)]
        for layer in range(3):
            raw = np.stack([from_bf16(scores[layer]) for scores, _ in windows])
            below = to_bf16(raw - raw.max(-1, keepdims=True))
            found = counts(table, "softmax", layer, length)
            nearly(found, by_hand(below[below != MASKED]))
            assert found.sum() == len(windows) * 4 * length * (length + 1) / 2
            assert found[0] >= len(windows) * 4 * length  # every row's maximum
            assert found[0x8000] == found[MASKED] == 0
            inputs = np.stack([inputs[layer] for _, inputs in windows])
            nearly(counts(table, "activation", layer, length), by_hand(inputs))
    assert set(table["function"]) == {"exp", "silu"}
    assert (table["recipe"] == "lut").all() and (table["layers"] == 3).all()
    assert (table["count"] > 0).all()


def test_the_published_recipe_takes_raw_scores_of_three_keys(tiny_llama):
    table = record.profile_as_published(tiny_llama, TOKENS, 48)
    scores, inputs = scores_by_hand(tiny_llama, TOKENS)
    assert set(table["seq_len"]) == {12, 24, 48}
    for place in (11, 23, 47):
        for layer in range(3):
            found = counts(table, "softmax", layer, place + 1)
            nearly(found, by_hand(scores[layer][:, :, place]))
            assert found[MASKED] == 4 * place
            found = counts(table, "activation", layer, place + 1)
            nearly(found, by_hand(inputs[layer][place]))


def test_keys_after_a_tile_are_masked_in_the_published_recipe(tiny_llama):
    tokens = torch.arange(2 * 256) % 257
    tiny_llama.config.max_position_embeddings = 512
    found = counts(record.profile_as_published(tiny_llama, tokens, 512), "softmax", 0, 512)
    assert found.sum() == 4 * 512
    assert found[MASKED] == 4 * 511


def test_samples_hold_whole_rows_and_groups(tiny_llama):
    arrays = record.samples(tiny_llama, TOKENS)
    table = record.profile(tiny_llama, TOKENS, [48])
    assert list(arrays) == [
        f"{name}_layer0{n}" for name in ("activation", "softmax") for n in range(3)
    ]
    for layer in range(3):
        rows = arrays[f"softmax_layer0{layer}"]
        assert rows.shape == (2, 48, 48) and rows.dtype == np.uint16
        seen = np.tril(np.ones((48, 48), dtype=bool))
        assert ((rows == MASKED) == ~seen).all()
        assert (rows[:, seen] == 0).sum() >= 2 * 48
        assert (counts(table, "softmax", layer, 48)[rows[:, seen]] > 0).all()
        channels = arrays[f"activation_layer0{layer}"]
        assert channels.shape == (32, 48) and channels.dtype == np.uint16
        assert (counts(table, "activation", layer, 48)[channels] > 0).all()


def test_profiling_leaves_no_trace(tiny_llama):
    def state():
        return tiny_llama.config._attn_implementation, [
            len(module._forward_pre_hooks) for module in tiny_llama.modules()
        ]

    with torch.inference_mode():
        before, native = state(), tiny_llama(TOKENS[None]).logits
        record.profile(tiny_llama, TOKENS, [48])
        assert state() == before
        assert torch.equal(tiny_llama(TOKENS[None]).logits, native)


def test_experts_and_sinks_are_counted():
    """A sink is one more score a row; each of two experts a token sees its own inputs."""
    model = built("gpt_oss")
    tokens = TOKENS % 60 + 3
    table = record.profile(model, tokens, [48])
    counted = table.groupby(["operation", "layer"])["count"].sum()
    window = model.config.sliding_window
    seen = {0: window * (window + 1) // 2 + (48 - window) * window, 1: 48 * 49 // 2}
    for layer in (0, 1):
        assert counted["softmax", layer] == 4 * (seen[layer] + 48)
        assert counted["activation", layer] == 48 * 2 * model.config.intermediate_size
    arrays = record.samples(model, tokens)
    assert arrays["softmax_layer00"].shape == (2, 48, 49)
    with pytest.raises(InputError, match="are not told apart where experts take them"):
        record.profile_as_published(model, tokens, 48)


def test_layers_without_attention_count_no_scores():
    model = built("qwen3_next")
    table = record.profile(model, TOKENS % 60 + 3, [48])
    assert set(table["layer"][table["operation"] == "softmax"]) == {3}
    assert set(table["layer"][table["operation"] == "activation"]) == {0, 1, 2, 3}
