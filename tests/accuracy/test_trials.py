"""Runs from any layer on, and scores of assignments against their definitions."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from mugi.accuracy.predictions import Head
from mugi.accuracy.trials import Text
from mugi.accuracy.tune import candidates
from mugi.errors import InputError
from mugi.llm.layers import EXACT, layered
from tests.accuracy.layer_by_layer import (
    DEFAULT,
    KL_CONTEXT,
    METHODS,
    WINDOWS,
    by_hand,
    whole_logits,
)

# --- running from a layer on ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_run_from_any_layer_on_is_the_whole_run(tiny_llama, dtype):
    model = tiny_llama.to(dtype)
    assignment = [METHODS[0], METHODS[2], METHODS[3]]
    expected = whole_logits(model, assignment, WINDOWS[0])
    with layered(model) as layers:
        layers.assignment[:] = assignment
        hidden = model.get_input_embeddings()(WINDOWS[:1])
        for start in range(4):
            front = layers.advance(hidden, 0, start)
            for middle in range(start, 4):
                behind = layers.advance(front, start, middle)
                assert torch.equal(layers.logits(behind, middle), expected)


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


def test_a_model_that_is_no_list_of_layers_is_refused():
    config = GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=50, bos_token_id=0)
    with (
        pytest.raises(InputError, match="gpt2: only decoders with a list of layers are tuned"),
        layered(GPT2LMHeadModel(config)),
    ):
        pass


# --- scores ---------------------------------------------------------------------------------------


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


@pytest.mark.slow
def test_the_embedded_model_runs_from_any_layer_on(smollm2):
    """Over more than one tile of queries, with sliding windows."""
    from mugi.llm.load import load
    from mugi.llm.settings import ModelSettings

    model, _ = load(ModelSettings(str(smollm2)))
    window = torch.arange(300) * 97 % 40000
    methods = candidates("vlp:lut=12", [2, 3], [-7])
    assignment = [methods[layer % 3] for layer in range(30)]
    expected = whole_logits(model, assignment, window)
    with layered(model) as layers:
        layers.assignment[:] = assignment
        hidden = model.get_input_embeddings()(window[None])
        for layer in (1, 15, 29):
            behind = layers.advance(hidden, 0, layer)
            assert torch.equal(layers.logits(behind, layer), expected)
