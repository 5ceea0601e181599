"""Attention with more than queries, keys and values, by its definition: sinks, latents, biases."""

import copy
import itertools

import pytest
import torch
import transformers

import mugi
from mugi.errors import InputError
from mugi.llm.attention import attending
from mugi.methods import Approximation, parse
from tests.llm.families import built, distance, logits
from tests.llm.test_attention import softmax_by_hand

pytestmark = pytest.mark.usefixtures("one_thread")

SLIDING = parse("vlp:lut=12,window=4,max_exp=3,group=5")
STRIDED = parse("vlp:lut=12,window=4,max_exp=3,group=5,grouping=strided,zeros=count")
COARSE = parse("vlp:lut=3,max_exp=0,mantissa=1")
TOKENS = torch.randint(3, 60, (1, 14), generator=torch.Generator().manual_seed(1))


def eager_by_hand(method):
    """An eager attention whose softmax is the method's; a sink is a last column of the scores."""

    def eager(module, query, key, value, mask, scaling=None, **others):
        shared = query.shape[1] // key.shape[1]
        key, value = (part.repeat_interleave(shared, 1) for part in (key, value))
        scores = query @ key.transpose(2, 3) * scaling
        if others.get("position_bias") is not None:
            scores = scores + others["position_bias"]
        scores = scores if mask is None else scores + mask
        if others.get("s_aux") is not None:
            sinks = others["s_aux"].view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
            scores = torch.cat([scores, sinks], 3)
        weights = softmax_by_hand(scores, method)[..., : key.shape[2]]
        return (weights @ value).transpose(1, 2), None

    return eager


@pytest.mark.parametrize("method", [SLIDING, COARSE])
@pytest.mark.parametrize("family", ["gpt_oss", "deepseek_v3", "qwen3_next", "gemma3", "t5"])
def test_attention_is_what_its_definition_says(family, method, monkeypatch):
    model = built(family)
    native = logits(model, TOKENS)
    with mugi.emulated(model, Approximation(method)):
        found = logits(model, TOKENS)
    module = getattr(transformers.models, family)
    module = getattr(module, f"modeling_{family}")
    hand = eager_by_hand(method)
    own = module.eager_attention_forward

    def eager(module, *arguments, **others):
        # the vision tower's attention and that of a decoder to its encoder are left alone
        crosses = getattr(module, "is_decoder", False) and not module.is_causal
        return (own if crosses else hand)(module, *arguments, **others)

    monkeypatch.setattr(module, "eager_attention_forward", eager)
    expected = logits(model, TOKENS)
    # a sum of another order may round to another BF16 number
    assert distance(found, expected) < 0.01 < 4 * distance(found, native)


@pytest.mark.parametrize("method", [SLIDING, STRIDED])
def test_a_sink_far_below_changes_nothing_and_far_above_takes_all(method):
    model = built("gpt_oss")
    sinks = [layer.self_attn.sinks for layer in model.model.layers]
    found = []
    with torch.no_grad(), mugi.emulated(model, Approximation(method)):
        for value in (-1e4, -2e4, 0.0, 1e4):
            for sink in sinks:
                sink.fill_(value)
            found.append(logits(model, TOKENS))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    torch.testing.assert_close(found[3], logits(model, TOKENS))


@pytest.mark.parametrize("family", ["gpt_oss", "deepseek_v3", "gemma3", "qwen3_next"])
@torch.inference_mode()
def test_decoding_with_a_cache_is_the_whole_text(family):
    """Without a sliding window of the method no group matters."""
    model = built(family)
    with mugi.emulated(model, "softmax=vlp:lut=8,max_exp=3;activation=vlp:lut=8,max_exp=3"):
        whole = logits(model, TOKENS)
        start = model(TOKENS[:, :9], use_cache=True)
        rest = model(TOKENS[:, 9:], past_key_values=start.past_key_values, use_cache=True)
    torch.testing.assert_close(
        torch.cat([start.logits, rest.logits], 1), whole, rtol=0.02, atol=0.02
    )


def test_only_layers_that_attend_are_counted_and_numbered():
    """A sequence gives every layer an approximation; those without attention have no softmax."""
    model, seen = built("jamba"), []
    with attending(model, lambda layer, *_: seen.append(layer)):
        seen.clear()
        logits(model, TOKENS)
    assert seen == [1, 3]
    native, coarse = Approximation(), Approximation(COARSE)
    found = []
    for which in ({0, 2}, {1}, {3}, {1, 3}):
        with mugi.emulated(model, [coarse if n in which else native for n in range(4)]):
            found.append(logits(model, TOKENS))
    assert torch.equal(found[0], logits(model, TOKENS))
    assert all(not torch.equal(one, other) for one, other in itertools.pairwise(found))
    with mugi.emulated(model, Approximation(COARSE)):
        assert torch.equal(logits(model, TOKENS), found[3])


@torch.inference_mode()
def test_the_vision_tower_keeps_its_own():
    model = built("gemma3")
    image = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    tokens = torch.cat([torch.tensor([[61, 60, 60, 60, 60, 62]]), TOKENS], 1)
    inputs = {"input_ids": tokens, "pixel_values": image, "token_type_ids": (tokens == 60).long()}
    tower = model.model.vision_tower
    native, seen = model(**inputs, use_cache=False).logits, tower(image).last_hidden_state
    for text in ("softmax=exact;activation=exact", f"softmax={COARSE};activation={COARSE}"):
        with mugi.emulated(model, text):
            found = model(**inputs, use_cache=False).logits
            assert torch.equal(tower(image).last_hidden_state, seen)
        gap = distance(found, native)
        assert 0 < gap < 0.02 if "exact" in text else gap > 0.02
    assert torch.equal(model(**inputs, use_cache=False).logits, native)


def test_attention_that_is_more_than_a_softmax_is_refused(monkeypatch):
    """As of a family that adds something to its scores of which nothing is known here."""
    module = transformers.models.llama.modeling_llama
    own = module.eager_attention_forward

    def shifted(layer, query, key, value, mask, **others):
        return own(layer, query, key * torch.linspace(0.5, 1, key.shape[-1]), value, mask, **others)

    monkeypatch.setattr(module, "eager_attention_forward", shifted)
    line = "attention of LlamaAttention is more than a softmax of scaled scores"
    with pytest.raises(InputError, match=line), mugi.emulated(built("llama"), "softmax=exact"):
        pass


@pytest.mark.parametrize("family", ["falcon", "falcon_alibi"])
def test_a_module_that_calls_torchs_attention(family):
    """Falcon has sdpa and no AttentionInterface; ALiBi is in its mask."""
    eager, sdpa = built(family), built(family, attention="sdpa")
    assert sdpa.config._attn_implementation == "sdpa"
    native = logits(sdpa, TOKENS)
    own = distance(logits(eager, TOKENS), native)  # 0.03 with ALiBi, which sdpa scales in BF16
    for method in (SLIDING, COARSE):
        found = []
        for model in (eager, sdpa):
            with mugi.emulated(model, Approximation(method)):
                found.append(logits(model, TOKENS))
        assert distance(*found) < own + 0.02
        assert distance(found[1], native) > 0.02


def test_scores_that_a_model_divides_after_masking_stay_masked():
    """CodeGen: a masked score is the lowest number over the root of the head size."""
    model = built("codegen")
    longer = torch.cat([TOKENS, TOKENS.flip(1)], 1)
    with mugi.emulated(model, f"softmax={COARSE},overflow=saturate"):
        alone, together = logits(model, TOKENS), logits(model, longer)
    torch.testing.assert_close(together[:, :14], alone, rtol=1e-3, atol=1e-3)


def test_copies_of_a_model_are_looked_at_anew():
    model = built("gpt_oss")
    with mugi.emulated(model, "softmax=exact"):
        expected = logits(model, TOKENS)
    other = copy.deepcopy(model)
    with mugi.emulated(other, "softmax=exact"):
        assert torch.equal(logits(other, TOKENS), expected)
