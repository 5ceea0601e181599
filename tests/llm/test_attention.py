"""Every architecture family of the paper, and its relatives, under approximations."""

import numpy as np
import pytest
import torch
import transformers
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface

from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError
from mugi.llm.activations import activation_layers
from mugi.llm.blocks import layers_of
from mugi.llm.emulate import TableActivation
from mugi.llm.inject import emulated
from mugi.methods import Approximation, parse
from mugi.methods.tables import look_up
from tests.llm.tiny_models import FAMILIES, LAYERS, built, inputs_of

pytestmark = pytest.mark.usefixtures("one_thread")

EXACT = parse("exact")
COARSE = parse("vlp:lut=3,max_exp=0,mantissa=1")
SLIDING = parse("vlp:lut=12,window=4,max_exp=3,group=5")


@torch.inference_mode()
def output(model) -> torch.Tensor:
    found = model(**inputs_of(model))
    return found.logits if "logits" in found else found.last_hidden_state


def state(model) -> tuple:
    """All that an injection touches."""
    modules = dict(model.named_modules())
    own = {name: vars(module).get("forward") for name, module in modules.items()}
    interfaces = AttentionInterface._global_mapping, AttentionMaskInterface._global_mapping
    attention = model.config._attn_implementation
    return attention, modules, own, functional.softmax, *map(set, interfaces)


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return ((one.float() - other.float()).abs().mean() / other.float().std()).item()


@pytest.mark.parametrize("family", FAMILIES)
def test_swapped_inside_and_untouched_outside(family):
    model = built(family)
    before, native = state(model), output(model)
    with emulated(model, Approximation()):
        assert torch.equal(output(model), native)
    for operation in ("softmax", "activation"):
        with emulated(model, Approximation(**{operation: EXACT})):
            exact = output(model)
        with emulated(model, Approximation(**{operation: COARSE})):
            coarse = output(model)
        # the position bias of Swin lifts its scores to 8 and more, where BF16 is coarse
        error, limit = distance(exact, native), 0.15 if family == "Swinv2" else 0.05
        assert 0 < error < limit, operation
        assert distance(coarse, native) > max(0.005, 1.3 * error), operation
    with (
        pytest.raises(ZeroDivisionError),
        emulated(model, Approximation(EXACT, EXACT)),
    ):
        1 / 0  # noqa: B018
    assert state(model) == before
    assert torch.equal(output(model), native)


@pytest.mark.parametrize("family", FAMILIES)
def test_close_to_native_in_bfloat16(family):
    model = built(family, torch.bfloat16)
    native = output(model)
    with emulated(model, Approximation(EXACT, EXACT)):
        assert distance(output(model), native) < 0.1
    assert torch.equal(output(model), native)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_has_its_own_method(family):
    """Sites are counted, and the first, last and all layers each matter."""
    model = built(family)
    layers = LAYERS.get(family, 2)
    assert layers_of(model).count == layers
    assert [len(sites) for sites in activation_layers(model)[1]] == [1] * layers
    fine, coarse = Approximation(EXACT, EXACT), Approximation(COARSE, COARSE)
    found = []
    for which in ({0}, {layers - 1}, set(range(layers)), set()):
        with emulated(model, [coarse if n in which else fine for n in range(layers)]):
            found.append(output(model))
            tables = [m for m in model.modules() if isinstance(m, TableActivation)]
            assert len(tables) == (2 if 0 < len(which) < layers else 1)
    with emulated(model, fine):
        assert torch.equal(output(model), found.pop())
    with emulated(model, coarse):
        assert torch.equal(output(model), found[-1])
    for index, one in enumerate(found):
        assert all(not torch.equal(one, other) for other in found[:index])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_layers_without_a_method_keep_their_own(family, attention):
    """An approximated last layer leaves what comes before it as it was."""
    model = built(family)
    if attention == "sdpa" and not model._supports_sdpa:
        pytest.skip("this family has no sdpa attention")
    model.set_attn_implementation(attention)
    hidden = "decoder_hidden_states" if family == "Whisper" else "hidden_states"
    asked = inputs_of(model) | {"output_hidden_states": True}
    with torch.inference_mode():
        native = model(**asked)
        layers = LAYERS.get(family, 2)
        with emulated(model, [Approximation()] * (layers - 1) + [Approximation(COARSE)]):
            swapped = model(**asked)
    assert torch.equal(swapped[hidden][-2], native[hidden][-2]) or family == "Swinv2"  # stages
    assert torch.equal(swapped[hidden][1], native[hidden][1])
    assert not torch.equal(swapped[0], native[0])


@pytest.mark.parametrize("family", ["GPTJ", "Swinv2"])
def test_blocks_nest_in_models_without_interface(family):
    model = built(family)
    with emulated(model, Approximation(COARSE)):
        outer = output(model)
        with emulated(model, Approximation(EXACT)):
            inner = output(model)
        assert torch.equal(output(model), outer)
    with emulated(model, Approximation(EXACT)):
        assert torch.equal(output(model), inner)
    assert not torch.equal(inner, outer)


# --- against a direct evaluation -----------------------------------------------------------------


def softmax_by_hand(scores: torch.Tensor, method) -> torch.Tensor:
    """The definition in numpy, head by head: scores below the row maximum, tables, division."""
    stack, heads = method.stack("exp"), []
    values = from_bf16(to_bf16(scores.flatten(0, 1).numpy()))
    for head in values:
        seen = head > -1e30
        largest = np.where(seen, head, -np.inf).max(axis=1, keepdims=True)
        codes = to_bf16(np.where(seen, head - largest, 0))
        exp = np.where(seen, from_bf16(look_up(stack, codes, seen)), 0)
        total = from_bf16(to_bf16(exp.sum(axis=1, keepdims=True)))
        heads.append(from_bf16(to_bf16(exp / total)))
    return torch.from_numpy(np.stack(heads)).view(scores.shape).to(scores.dtype)


def activation_by_hand(inputs: torch.Tensor, method, function: str) -> torch.Tensor:
    stack = method.stack(function)
    codes = to_bf16(inputs.numpy()).reshape(-1, inputs.shape[-1])
    found = from_bf16(look_up(stack, codes.T).T)
    return torch.from_numpy(found).view(inputs.shape).to(inputs.dtype)


def test_whisper_is_what_its_definition_says(monkeypatch):
    """Through the interface: encoder, decoder and cross-attention and GELU, by layers."""
    model = built("Whisper", torch.float64)
    model.set_attn_implementation("eager")
    decoder = model.model.decoder.layers
    crossing = {layer.encoder_attn: number for number, layer in enumerate(decoder)}
    encoding = [layer.self_attn for layer in [*model.model.encoder.layers, *decoder]]
    layers = [Approximation(SLIDING, SLIDING), *[Approximation(COARSE, COARSE, SLIDING)] * 2]
    layers += [Approximation(SLIDING, EXACT, COARSE), Approximation(EXACT, SLIDING)]

    def eager(module, query, key, value, mask, scaling, **others):
        if module in crossing:
            method = layers[2 + crossing[module]].cross_softmax
        else:
            method = layers[encoding.index(module)].softmax
        scores = query @ key.transpose(2, 3) * scaling
        scores = scores if mask is None else scores + mask
        weights = softmax_by_hand(scores, method) if method else torch.softmax(scores, -1)
        return (weights @ value).transpose(1, 2), None

    with emulated(model, layers):
        found = output(model)
    monkeypatch.setattr(
        transformers.models.whisper.modeling_whisper, "eager_attention_forward", eager
    )
    for block, layer in zip([*model.model.encoder.layers, *decoder], layers, strict=True):
        method = layer.activation
        monkeypatch.setattr(
            block.activation_fn, "act", lambda x, m=method: activation_by_hand(x, m, "gelu")
        )
    torch.testing.assert_close(found, output(model), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family, function", [("Swinv2", "gelu"), ("GPTJ", "gelu_tanh")])
def test_models_without_interface_are_what_their_definition_says(family, function, monkeypatch):
    """Position bias, shift mask and causal mask are in the scores before the tables."""
    model = built(family, torch.float64)
    with emulated(model, Approximation(SLIDING, SLIDING)):
        found = output(model)
    monkeypatch.setattr(functional, "softmax", lambda x, **others: softmax_by_hand(x, SLIDING))
    for (site,) in activation_layers(model)[1]:
        hand = torch.nn.Module()
        hand.forward = lambda x: activation_by_hand(x, SLIDING, function)
        setattr(site.parent, site.name, hand)
    torch.testing.assert_close(found, output(model), rtol=1e-9, atol=1e-9)


def test_softcap_is_applied_to_scores(monkeypatch):
    """Gemma 2 keeps scores within ±cap before the softmax."""
    model = built("Gemma2", torch.float64, attn_logit_softcapping=2.0)
    model.set_attn_implementation("eager")

    def eager(module, query, key, value, mask, scaling, softcap, **others):
        key, value = (part.repeat_interleave(2, 1) for part in (key, value))
        scores = torch.tanh(query @ key.transpose(2, 3) * scaling / softcap) * softcap + mask
        return (softmax_by_hand(scores, SLIDING) @ value).transpose(1, 2), None

    with emulated(model, Approximation(SLIDING)):
        found = output(model)
    monkeypatch.setattr(
        transformers.models.gemma2.modeling_gemma2, "eager_attention_forward", eager
    )
    torch.testing.assert_close(found, output(model), rtol=1e-9, atol=1e-9)


# --- what cannot be done is said in one line ------------------------------------------------------


@torch.inference_mode()
def test_cross_attention_has_a_switch_of_its_own():
    model = built("Whisper")
    native = output(model)
    with emulated(model, Approximation(COARSE)):
        alone = output(model)
    with emulated(model, Approximation(COARSE, cross_softmax=COARSE)):
        both = output(model)
    with emulated(model, Approximation(cross_softmax=COARSE)):
        cross = output(model)
    assert min(map(distance, (alone, both, cross), (native, alone, native))) > 0.005
    line = "cross_softmax: LlamaForCausalLM has no cross-attention"
    with (
        pytest.raises(InputError, match=line),
        emulated(built("Llama"), Approximation(cross_softmax=EXACT)),
    ):
        pass


def refused(model, approximation: Approximation) -> str:
    before = state(model)
    with pytest.raises(InputError) as caught, emulated(model, approximation):
        pass
    assert state(model) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_without_the_operation_is_refused():
    mamba = transformers.MambaForCausalLM(
        transformers.MambaConfig(vocab_size=61, hidden_size=16, num_hidden_layers=2, state_size=4)
    )
    line = "MambaForCausalLM has no softmax in its layers, all of which are linear_attention"
    assert refused(mamba, Approximation(EXACT)) == line
    assert "activation 'mish'" in refused(
        built("ViT", hidden_act="mish"), Approximation(None, EXACT)
    )


@pytest.mark.parametrize("family", ["Llama", "Swinv2"])
def test_a_missing_attention_is_noticed(family):
    model = built(family)
    if family == "Llama":
        model.config.num_hidden_layers = 3
    else:
        model.config.depths = [2, 3]
    found, layers = LAYERS.get(family, 2), LAYERS.get(family, 2) + 1
    line = f"patched {found} attention sites of a model with {layers} layers"
    assert refused(model, Approximation(EXACT)) == line


def test_the_activation_is_the_one_that_runs():
    """DINOv2 giant names GELU in its configuration and uses SiLU."""
    assert activation_layers(built("Dinov2"))[0] == "gelu"
    assert activation_layers(built("Dinov2", use_swiglu_ffn=True))[0] == "silu"
    mixed = built("Llama")
    mixed.model.layers[0].mlp.act_fn = torch.nn.GELU(approximate="tanh")
    line = "layers of this model have gelu_tanh and silu together"
    assert refused(mixed, Approximation(None, EXACT)) == line


def test_activations_that_the_model_does_not_call_are_noticed(monkeypatch):
    """As a fused kernel would not."""
    model = built("ViT")
    for layer in model.vit.layers:
        monkeypatch.setattr(
            layer.mlp,
            "forward",
            lambda x, fc1=layer.mlp.fc1, fc2=layer.mlp.fc2: fc2(functional.gelu(fc1(x))),
        )
    line = "ViTForImageClassification does not call its activation modules"
    assert refused(model, Approximation(None, EXACT)) == line
    assert refused(model, Approximation(EXACT, EXACT)) == line


@torch.inference_mode()
def test_a_mask_of_numbers_is_added_to_the_scores():
    """Its lowest numbers hide keys as a boolean mask does; what else it holds are ALiBi's."""
    model = built("Llama")
    seen = torch.ones(2, 1, 14, 14, dtype=torch.bool).tril()
    lowest = torch.zeros(2, 1, 14, 14).masked_fill(~seen, torch.finfo(torch.float32).min)
    slopes = 0.3 * (torch.arange(14)[None] - torch.arange(14)[:, None])
    inputs = inputs_of(model)
    with emulated(model, Approximation(SLIDING)):
        by_numbers = model(**inputs, attention_mask=lowest).logits
        assert torch.equal(by_numbers, model(**inputs, attention_mask=seen).logits)
    native = model(**inputs, attention_mask=lowest + slopes).logits
    with emulated(model, Approximation(EXACT)):
        exact = model(**inputs, attention_mask=lowest + slopes).logits
    assert 0 < distance(exact, native) < 0.05 < distance(by_numbers, native)


def test_a_configuration_that_does_not_say_its_layers_is_refused():
    model = built("Llama")
    model.config = transformers.PreTrainedConfig()
    line = "the configuration of this  model has no num_hidden_layers"
    with pytest.raises(InputError, match=line):
        layers_of(model)
