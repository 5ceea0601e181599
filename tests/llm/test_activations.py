"""Where activations are: in feed-forward layers, however a model computes them."""

import pytest
import torch

import mugi
from mugi.errors import InputError
from mugi.llm.activations import activation_layers
from mugi.methods import parse
from tests.llm.families import built, distance, logits
from tests.llm.test_attention import activation_by_hand

pytestmark = pytest.mark.usefixtures("one_thread")

SLIDING = parse("vlp:lut=12,window=4,max_exp=3,group=5")
TOKENS = torch.randint(3, 60, (1, 10), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "family, function, sites",
    [
        ("opt", "relu", [1, 1]),
        ("nemotron", "relu2", [1, 1]),
        ("bloom", "gelu_tanh", [1, 1]),
        ("gpt_oss", "quick_gelu", [1, 1]),
        ("deepseek_v3", "silu", [1, 2]),  # dense; experts and a shared one
        ("lfm2", "silu", [1, 1, 1]),
        ("lfm2_moe", "silu", [1, 1, 1]),
        ("qwen3_next", "silu", [2, 2, 2, 2]),  # not that of linear attention
        ("bamba", "silu", [1, 1, 1]),  # not that of the state space
        ("zamba2", "gelu", [0, 1, 0, 1]),  # feed-forward in the hybrid layers only
        ("nemotron_h", "relu2", [0, 0, 2]),
        ("gemma3", "gelu_tanh", [1, 1]),  # not those of the vision tower
    ],
)
def test_sites(family, function, sites):
    model = built(family)
    found, layers = activation_layers(model)
    assert found == function
    assert [len(layer) for layer in layers] == sites
    paths = {part: path for path, part in model.named_modules()}
    for site in (site for layer in layers for site in layer):
        assert not any(word in paths[site.parent] for word in ("mamba", "attn", "conv", "vision"))


def test_the_gate_of_gpt_oss_is_what_its_definition_says(monkeypatch):
    """Clamps of both signs work; the table takes what is behind the clamp."""
    model = built("gpt_oss")
    experts = type(model.model.layers[0].mlp.experts)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.experts.gate_up_proj.mul_(5)
    own, seen = experts._apply_gate, []
    with mugi.emulated(model, f"activation={SLIDING}"):
        found = logits(model, TOKENS)

    def by_hand(module, gate_up):
        seen.append(gate_up.abs().max().item())
        gate, up = gate_up[..., ::2], gate_up[..., 1::2]
        gate = activation_by_hand(gate.clamp(max=7).contiguous(), SLIDING, "quick_gelu")
        return (up.clamp(-7, 7) + 1) * gate

    native = logits(model, TOKENS)
    monkeypatch.setattr(experts, "_apply_gate", by_hand)
    torch.testing.assert_close(found, logits(model, TOKENS))
    assert max(seen) > 7
    assert distance(found, native) > 0.001
    monkeypatch.setattr(experts, "_apply_gate", own)
    assert "_apply_gate" not in vars(model.model.layers[0].mlp.experts)


def test_another_gate_is_refused(monkeypatch):
    model = built("gpt_oss")
    experts = model.model.layers[1].mlp.experts
    experts.alpha = 2.0
    line = r"the gate of GptOssExperts has no tables; allowed: x·sigmoid\(1.702·x\), clamped"
    with pytest.raises(InputError, match=line), mugi.emulated(model, "activation=exact"):
        pass
    experts.alpha = 1.702
    monkeypatch.setattr(type(experts), "_apply_gate", lambda m, x: torch.sigmoid(x[..., ::2]))
    line = "the gate of GptOssExperts is not the clamped SwiGLU of gpt-oss"
    with pytest.raises(InputError, match=line), mugi.emulated(model, "activation=exact"):
        pass


def test_a_method_that_cannot_compute_the_activation_is_refused():
    line = "activation: partial cannot compute relu, the activation of this model"
    with pytest.raises(InputError, match=line), mugi.emulated(built("opt"), "activation=partial"):
        pass


def test_a_feed_forward_layer_without_a_site_is_noticed():
    """In a hybrid too, where some layers have no feed-forward part."""
    model = built("bamba")
    model.model.layers[2].feed_forward.act_fn = torch.nn.Identity()
    line = "patched 2 activation sites of a model with 3 layers"
    with pytest.raises(InputError, match=line), mugi.emulated(model, "activation=exact"):
        pass


@pytest.mark.parametrize("family", ["lfm2_moe", "gpt_oss", "opt"])
def test_blocks_nest(family):
    model = built(family)
    with mugi.emulated(model, "activation=exact"):
        alone = logits(model, TOKENS)
    with mugi.emulated(model, f"activation={SLIDING}"):
        outer = logits(model, TOKENS)
        with mugi.emulated(model, "activation=exact"):
            assert torch.equal(logits(model, TOKENS), alone)
        assert torch.equal(logits(model, TOKENS), outer)
    assert not torch.equal(alone, outer)
