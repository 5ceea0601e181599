"""The tiny model: the same bits everywhere, and text runs on it."""

import hashlib

import torch

from mugi.llm import texts
from mugi.llm.tiny import tiny_model


def test_the_weights_are_the_same_bits_everywhere():
    model, _ = tiny_model()
    digest = hashlib.sha256()
    for _, weight in sorted(model.named_parameters()):
        digest.update(weight.detach().numpy().tobytes())
    assert digest.hexdigest()[:12] == "a4323dd6cc9b"


def test_any_text_runs(one_thread):
    model, tokenizer = tiny_model()
    text = texts.prose_documents()[0] + " é ∑"
    tokens = tokenizer(text)["input_ids"]
    assert tokenizer.decode(tokens) == text
    with torch.inference_mode():
        assert model(torch.tensor([tokens])).logits.isfinite().all()
