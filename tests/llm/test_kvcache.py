"""What is quantised is what is cached: keys and values by head, or the latent of MLA."""

import pytest
import torch

import mugi
from mugi.errors import InputError
from mugi.llm.fake_quantise import fake_quantise
from mugi.llm.kvcache import reading
from mugi.methods import parse
from tests.llm.families import built, distance, logits

pytestmark = pytest.mark.usefixtures("one_thread")

METHOD = parse("int4:group=4")
TOKENS = torch.randint(3, 60, (2, 12), generator=torch.Generator().manual_seed(1))


def test_the_latent_of_deepseek_is_quantised(monkeypatch):
    """Not the keys and values that each head makes of it, of which the values are narrower."""
    model = built("deepseek_v3")
    native = logits(model, TOKENS)
    with mugi.emulated(model, f"kvq={METHOD}"):
        found = logits(model, TOKENS)
    attention = type(model.model.layers[0].self_attn)
    expand = attention.expand_kv

    def quantised(module, latent, rotary):
        assert latent.shape[-1] == 8 and rotary.shape[-1] == 4
        return expand(module, fake_quantise(latent, METHOD), fake_quantise(rotary, METHOD))

    monkeypatch.setattr(attention, "expand_kv", quantised)
    torch.testing.assert_close(found, logits(model, TOKENS))
    assert distance(found, native) > 0.01


def test_only_the_rotary_key_of_deepseek_is_quantised_by_channel():
    """The latent counts as values: one token's, never a channel's of all tokens."""
    seen = []

    def read(keys, values, mask):
        seen.append((keys.shape[-1], values.shape[-1]))
        return keys, values

    model = built("deepseek_v2")
    native = logits(model, TOKENS)
    with reading(model, read):
        assert torch.equal(logits(model, TOKENS), native)
    assert set(seen) == {(4, 8)}


@pytest.mark.parametrize("family", ["falcon", "bloom", "gpt_neo", "codegen", "mpt", "qwen3_next"])
@torch.inference_mode()
def test_token_by_token_is_at_once(family):
    """Of models without AttentionInterface and hybrids: the newest token is quantised as well."""
    model = built(family)
    with mugi.emulated(model, f"kvq={METHOD}"):
        whole, cache, steps = logits(model, TOKENS), None, []
        for step in range(TOKENS.shape[1]):
            now = TOKENS[:, step : step + 1]
            output = model(now, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            steps.append(output.logits)
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("family", ["llama", "falcon", "mpt", "bloom"])
@torch.inference_mode()
def test_padding_enters_no_group_of_a_channel(family):
    """Masks are of every form: boolean, numbers to be added, marks of what is hidden."""
    model = built(family)
    padded = torch.cat([torch.zeros(1, 4, dtype=torch.long), TOKENS[:1]], 1)
    mask = (torch.arange(16) >= 4).long()[None]
    with mugi.emulated(model, "kvq=int4:group=-1,scheme=asymmetric,axis=channel"):
        alone = logits(model, TOKENS[:1])
        # keys are rotated by their positions before they are quantised
        place = (
            {} if family in ("bloom", "mpt") else {"position_ids": mask.cumsum(1).sub(1).clip(0)}
        )
        together = model(padded, attention_mask=mask, use_cache=False, **place).logits[:, 4:]
    assert distance(together, alone) < 1e-3


def test_keys_of_an_earlier_layer_are_quantised_once():
    """The last layers of Gemma 3n read the cache of earlier ones."""
    model, layers = built("gemma3n_text"), []
    with reading(model, lambda keys, values, mask: (layers.append(0), (keys, values))[1]):
        layers.clear()
        logits(model, TOKENS)
    assert len(layers) == 2


def test_a_layer_without_cache_is_noticed():
    model = built("llama")
    model.config.num_hidden_layers = 3
    line = "kvq: patched 2 attention sites of 3 layers"
    with pytest.raises(InputError, match=line), mugi.emulated(model, f"kvq={METHOD}"):
        pass
