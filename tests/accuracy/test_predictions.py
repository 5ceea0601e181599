"""Predictions and their metrics against a plain loop: windows, heads, references, batches."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, PhiConfig, PhiForCausalLM

from mugi.accuracy import predictions, windows
from mugi.accuracy.metrics import METRICS
from mugi.errors import InputError
from mugi.llm.inject import emulated
from mugi.methods import parse_operations
from mugi.methods.references import exact_of, references_of
from tests.accuracy.approximations import COARSE, EXACT, NATIVE, SLIDING
from tests.llm.families import built

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = torch.arange(300) * 37 % 257


def scored_by_hand(model, tokens: list[int], window: int, stride: int, count: int):
    """Context, float64 log-probabilities and target of each scored token, in a plain loop."""
    scored, first_unseen = [], 1  # the first token of the text has no context
    for start in range(0, count * stride, stride):
        first_unseen = max(first_unseen, start + 1)
        with torch.no_grad():
            logits = model(torch.tensor([tokens[start : start + window]])).logits[0].double()
        for place in range(first_unseen, start + window):
            logs = torch.log_softmax(logits[place - start - 1], 0)
            scored.append((place - start, logs, tokens[place]))
        first_unseen = start + window
    return scored


def windows_by_hand(window: int, stride: int, count: int) -> list[windows.Window]:
    """Windows of a text whose documents have 7 tokens."""
    tokens = windows.sliding(TOKENS, window, stride, count)
    owners = np.arange(300) // 7
    return [
        windows.Window(
            row, max(1, window - stride) if i else 1, owners[i * stride : i * stride + window]
        )
        for i, row in enumerate(tokens)
    ]


def scored(model, cut, approximations, kl_context=1, batch_size=1) -> dict:
    """Approximation -> sums of each document of each window."""
    rows: dict = {own: [] for own in approximations}
    wanted = {own: {} for own in approximations}
    for own, _, sums in predictions.score_windows(model, cut, wanted, kl_context, batch_size):
        rows[own] += sums
    return rows


def totals(rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(rows).groupby(["metric", "reference"])[["total", "weight"]].sum()


@pytest.mark.parametrize(
    "window, stride, count, kl_context",
    [(8, 8, 3, 1), (8, 3, 4, 5), (8, 1, 3, 7), (3, 1, 5, 1), (9, 9, 1, 4)],
)
def test_windows_and_strides_against_a_plain_loop(tiny_llama, window, stride, count, kl_context):
    found = scored(tiny_llama, windows_by_hand(window, stride, count), [NATIVE, COARSE], kl_context)
    runs = {}
    for own in (NATIVE, COARSE, exact_of(COARSE)):
        with emulated(tiny_llama, own):
            runs[own] = scored_by_hand(tiny_llama, TOKENS.tolist(), window, stride, count)
    for own in (NATIVE, COARSE):
        sums = totals(found[own])
        assert sums.loc[("token_perplexity", ""), "weight"] == len(runs[own])
        nll = -sum(float(logs[token]) for _, logs, token in runs[own])
        for metric in ("token_perplexity", "log_loss_nats"):
            assert sums.loc[(metric, ""), "total"] == pytest.approx(nll, rel=1e-5)
        for name, reference in references_of(own).items():
            pairs = [
                (context, there, here)
                for (context, there, _), (_, here, _) in zip(
                    runs[reference], runs[own], strict=True
                )
            ]
            divergences = [
                float((there.exp() * (there - here)).sum())
                for context, there, here in pairs
                if context >= kl_context
            ]
            kl = sums.loc[("kl_divergence_nats", name)]
            assert kl["weight"] == len(divergences)
            assert kl["total"] == pytest.approx(sum(divergences), abs=1e-4)
            agreed = sum(int(there.argmax() == here.argmax()) for _, there, here in pairs)
            assert sums.loc[("top1_agreement", name), "total"] == agreed
    assert kl["total"] > 0.001


def test_every_token_but_the_first_is_scored_once_for_its_document(tiny_llama):
    rows = pd.DataFrame(scored(tiny_llama, windows_by_hand(10, 4, 6), [NATIVE])[NATIVE])
    rows = rows[rows["metric"] == "token_perplexity"]
    assert rows.groupby("document")["weight"].sum().to_dict() == {0: 6, 1: 7, 2: 7, 3: 7, 4: 2}


def test_native_agrees_with_itself(tiny_llama):
    cut = windows_by_hand(16, 16, 4)
    alone = scored(tiny_llama, cut, [NATIVE])[NATIVE]
    sums = totals(alone)
    assert sums.loc[("kl_divergence_nats", "native"), "total"] == 0
    assert sums.loc[("top1_agreement", "native")].tolist() == [60, 60]
    assert scored(tiny_llama, cut, [COARSE, NATIVE])[NATIVE] == alone


def test_batches_and_chunks_change_no_digit_on_a_cpu(tiny_llama, monkeypatch):
    cut = windows_by_hand(16, 16, 5)
    whole = scored(tiny_llama, cut, [SLIDING])
    for batch_size in (2, 5, "auto"):
        assert scored(tiny_llama, cut, [SLIDING], batch_size=batch_size) == whole
    monkeypatch.setattr(predictions, "_HELD_BYTES", 1)
    assert scored(tiny_llama, cut, [SLIDING]) == whole


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_on_a_gpu_change_log_losses_by_less_than_a_1e5th(tiny_llama):
    """A GPU adds up in another order for another batch: 1e-5 nats a token is what float32 has."""
    cut = windows_by_hand(16, 16, 5)
    model = tiny_llama.to("cuda")
    alone, batch = (totals(scored(model, cut, [SLIDING], 1, size)[SLIDING]) for size in (1, "auto"))
    for metric in ("log_loss_nats", "kl_divergence_nats"):
        means = [table["total"][metric] / table["weight"][metric] for table in (alone, batch)]
        np.testing.assert_allclose(*means, atol=1e-5)


def test_what_is_finished_is_not_run_again(tiny_llama):
    cut = windows_by_hand(16, 16, 3)
    wanted = {COARSE: {"1": None}, NATIVE: {"0": None, "2": None}}
    computed = [
        (own, part) for own, part, _ in predictions.score_windows(tiny_llama, cut, wanted, 1)
    ]
    assert computed == [(COARSE, "0"), (COARSE, "2"), (NATIVE, "1")]


# --- heads --------------------------------------------------------------------------------------


def head_with_bias():
    """Phi's head has a bias."""
    sizes = {"vocab_size": 257, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    model = PhiForCausalLM(PhiConfig(**sizes, num_attention_heads=2, initializer_range=0.5))
    torch.nn.init.normal_(model.lm_head.bias)
    return model


def capped_head():
    """Gemma 2 caps its logits."""
    sizes = {"vocab_size": 257, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
    config = Gemma2Config(**sizes, **heads, final_logit_softcapping=3.0, initializer_range=0.5)
    return Gemma2ForCausalLM(config)


@pytest.mark.parametrize(
    "build, linear", [(None, True), (head_with_bias, True), (capped_head, False)]
)
def test_divergence_by_hidden_states_is_that_of_all_logits(tiny_llama, build, linear):
    torch.manual_seed(1)
    model = (build() if build else tiny_llama).eval()
    head = predictions.Head(model)
    assert (head.linear is not None) == linear
    seen = {}
    for own in (EXACT, COARSE):
        with emulated(model, own), torch.inference_mode():
            features = head.features(TOKENS[None, :40])[0, :-1]
            targets = TOKENS[1:40]
            predicted = predictions.predictions_of(features, targets, head.linear, own == EXACT)
            logits = model(TOKENS[None, :40]).logits[0, :-1].double()
        seen[own] = predicted, torch.log_softmax(logits, -1)
    (reference, there), (here, logs) = seen[EXACT], seen[COARSE]
    kl = METRICS["kl_divergence_nats"].function(here, reference).double()
    expected = (there.exp() * (there - logs)).sum(-1)
    assert expected.mean() > 1e-4
    # float32 sums over a vocabulary: 1e-5 nats a token, 1e-6 in the mean
    torch.testing.assert_close(kl, expected, rtol=0, atol=1e-5)
    assert kl.mean().item() == pytest.approx(expected.mean().item(), abs=1e-6)
    own = -logs.gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(here.log_loss.double(), own, rtol=0, atol=1e-5)
    assert torch.equal(here.best, logs.argmax(-1))


def test_rounded_logits_are_taken_as_they_are(tiny_llama):
    head = predictions.Head(tiny_llama.bfloat16())
    assert head.linear is None
    with torch.inference_mode():
        assert torch.equal(head.features(TOKENS[None, :9]), tiny_llama(TOKENS[None, :9]).logits)


# --- memory and batches -------------------------------------------------------------------------


def test_out_of_memory_halves_an_automatic_batch():
    sizes = []

    def run(batch):
        sizes.append(len(batch))
        if len(batch) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return batch

    done = predictions.in_batches(range(50), [9] * 50, "auto", torch.device("cuda"), run)
    assert [item for batch, _ in done for item in batch] == list(range(50))
    assert sizes == [50, 25, 12, 12, 12, 12, 2]


def test_on_a_cpu_items_run_alone():
    done = predictions.in_batches(range(3), [9] * 3, 64, torch.device("cpu"), list)
    assert [result for _, result in done] == [[0], [1], [2]]


@pytest.mark.parametrize(
    "size, device, line",
    [
        ("8", "cuda", "8 sequences of 9 tokens; try batch size 4"),
        ("1", "cpu", "1 sequences of 9 tokens; try a smaller window"),
    ],
)
def test_out_of_memory_names_the_batch_size_to_try(size, device, line):
    def run(batch):
        raise RuntimeError("not enough memory: you tried to allocate 9 bytes.")

    with pytest.raises(InputError, match=line):
        list(predictions.in_batches(range(50), [9] * 50, size, torch.device(device), run))


def test_references_replace_the_same_operations():
    assert references_of(NATIVE) == {"native": NATIVE}
    assert references_of(parse_operations("woq=int4:group=64")) == {"native": NATIVE}
    both = parse_operations("softmax=vlp:lut=8,max_exp=3;activation=partial;kvq=int4:group=64")
    exact = parse_operations("softmax=exact;activation=exact;kvq=int4:group=64")
    quantised = parse_operations("kvq=int4:group=64")
    assert references_of(both) == {"native": NATIVE, "exact": exact, "quantised": quantised}
    assert references_of(SLIDING) == {"native": NATIVE, "exact": EXACT}
    assert references_of(exact) == references_of(both)


@torch.inference_mode()
def test_the_head_of_a_multi_modal_model():
    """Its vocabulary is that of the language model's configuration."""
    model, tokens = built("gemma3"), torch.arange(3, 11)[None]
    head = predictions.Head(model)
    features = head.features(tokens)
    found = head.linear(features) if head.linear else features
    torch.testing.assert_close(found, model(tokens, use_cache=False).logits)
