"""Scores of assignments against their definitions; what tuning leaves behind."""

import pytest
import torch

from mugi.accuracy.predictions import Head
from mugi.accuracy.trials import Text
from mugi.llm.layers import EXACT, layered
from tests.accuracy.layer_by_layer import (
    DEFAULT,
    KL_CONTEXT,
    METHODS,
    WINDOWS,
    by_hand,
)


def test_tuning_leaves_no_trace(tiny_llama):
    with torch.inference_mode():
        native = tiny_llama(WINDOWS).logits
    before = tiny_llama.config._attn_implementation, list(tiny_llama.model.layers)
    head = Head(tiny_llama)
    with pytest.raises(ZeroDivisionError), layered(tiny_llama) as layers:
        Text(layers, head, WINDOWS, KL_CONTEXT).score([DEFAULT] * 3)
        1 / 0  # noqa: B018
    assert (tiny_llama.config._attn_implementation, list(tiny_llama.model.layers)) == before
    with torch.inference_mode():
        assert torch.equal(tiny_llama(WINDOWS).logits, native)


def test_scores_are_their_definitions_whatever_is_kept(tiny_llama):
    assignments = [[a, b, DEFAULT] for a in METHODS[:3] for b in METHODS[1:]]
    expected = [by_hand(tiny_llama, assignment) for assignment in assignments]
    head = Head(tiny_llama)
    with layered(tiny_llama) as layers:
        text = Text(layers, head, WINDOWS, KL_CONTEXT)
        for number, (assignment, by_definition) in enumerate(
            zip(assignments, expected, strict=True)
        ):
            text.keep(assignment[: number % 4])
            found = text.score(assignment)
            assert found["tokens"] == 2 * 19
            for name, value in by_definition.items():
                assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
        exact = text.score([EXACT] * 3)
    assert exact["kl_divergence_nats"] == pytest.approx(0, abs=1e-6)
    assert exact["nll_minus_exact_nats"] == exact["standard_error_nats"] == 0
    assert exact["top1_agreement"] == 1
