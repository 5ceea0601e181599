"""Matrix products of a prefill are those that torch counts in the real model, for every family.

Small copies with odd dimensions run on the CPU; a prompt fits their windows, for transformers masks
what a window does not see instead of leaving it out, as the cost model does.
"""

import json
import re

import pandas as pd
import pytest
from transformers.utils import logging

from mugi.hardware import evaluate
from mugi.hardware.model import load_model
from tests.hardware.small_models import SMALL, built, small_config

BATCH, PROMPT = 3, 5
# Products that the cost model leaves out, by the names of modules.
LEFT_OUT = re.compile(
    r"rotary|rope|conv|patch_embed|shared_expert_gate|continuous_position_bias|position"
)
RUN = {"design": "mugi", "array_height": 64, "batch_size": BATCH, "preset": "corrected"}


def products(model, inputs: dict) -> int:
    """Return the multiplications of a forward pass, counted where they happen."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**inputs)
    counts = counter.get_flop_counts()
    flops = sum(counts["Global"].values())
    # A module's products are counted for every module around it too: the innermost is taken.
    names = [name for name in counts if LEFT_OUT.search(name.rpartition(".")[2])]
    return (flops - sum(sum(counts[name].values()) for name in names)) // 2


def inputs_of(config) -> dict:
    """Return a batch that a small copy takes."""
    import torch

    side = getattr(config, "image_size", 0)
    if config.model_type == "whisper":
        length = 2 * config.max_source_positions
        tokens = torch.randint(3, config.vocab_size, (BATCH, PROMPT))
        features = torch.randn(BATCH, config.num_mel_bins, length)
        return {"input_features": features, "decoder_input_ids": tokens}
    if config.model_type == "vivit":
        return {"pixel_values": torch.randn(BATCH, config.num_frames, 3, side, side)}
    if side:
        return {"pixel_values": torch.randn(BATCH, 3, side, side)}
    return {"input_ids": torch.randint(3, config.vocab_size, (BATCH, PROMPT)), "use_cache": False}


@pytest.mark.parametrize("name", SMALL)
def test_small_copies(name, tmp_path, one_thread):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    logging.set_verbosity_error()
    config = small_config(name)
    config._experts_implementation = "eager"
    path = tmp_path / "config.json"
    if name == "llama4_text":  # whose class multiplies tokens with all experts, most by zero
        config.num_experts_per_tok = config.num_local_experts
    config.to_json_file(path)
    run = RUN | {"model": str(path), "assumption.lm_head_prefill": "all_positions"}
    if load_model(str(path)).layers:
        run |= {"prompt_len": PROMPT, "output_len": 0}
    result = evaluate(pd.DataFrame([run])).iloc[0]
    expected = products(built(config).eval(), inputs_of(config))
    if config.model_type == "dinov2":  # the half of its head that reads the mean of all patches
        expected -= BATCH * config.num_labels * config.hidden_size
    assert result["macs"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "falcon, new", "gemma2", "gpt_oss"])
def test_tokens_after_a_prompt(name, tmp_path, one_thread):
    """Each further token attends to all before it and itself; a window sees no more than it."""
    torch = pytest.importorskip("torch")
    logging.set_verbosity_error()
    config = small_config(name)
    config._experts_implementation = "eager"
    path = tmp_path / "config.json"
    config.to_json_file(path)
    run = RUN | {"model": str(path), "prompt_len": PROMPT}
    macs = evaluate(pd.DataFrame([run | {"output_len": n} for n in range(5)]))["macs"]
    model = built(config).eval()
    cache = model(**inputs_of(config) | {"use_cache": True}).past_key_values
    for added in macs.diff()[1:]:
        inputs = {"input_ids": torch.randint(3, config.vocab_size, (BATCH, 1))}
        inputs |= {"past_key_values": cache, "use_cache": True}
        assert added == products(model, inputs)


@pytest.mark.parametrize(
    ("config", "published"),  # billions; of Swin Transformer's repository and of timm
    [
        ({"model_type": "swin", "window_size": 7, "image_size": 224}, 4.5),
        ({"model_type": "swinv2", "window_size": 8, "image_size": 256}, 5.9),
        ({"model_type": "vit", "patch_size": 16, "image_size": 224}, 17.6),
    ],
)
def test_published(config, published, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config | {"num_labels": 1000}))
    run = RUN | {"batch_size": 1, "model": str(path)}
    assert evaluate(pd.DataFrame([run])).iloc[0]["macs"] / 1e9 == pytest.approx(published, rel=0.01)
