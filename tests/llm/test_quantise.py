"""Quantised weights and KV cache in models: what is quantised, scoped and undone."""

import copy

import numpy as np
import pytest
import torch
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTModel,
)

from mugi.errors import InputError
from mugi.int4 import quantise
from mugi.llm.fake_quantise import fake_quantise
from mugi.llm.inject import emulated
from mugi.methods import Approximation, parse

TOKENS = torch.arange(40).reshape(2, 20)


@torch.inference_mode()
def logits(model, **kwargs) -> torch.Tensor:
    return model(TOKENS, **kwargs).logits


def state(model) -> tuple:
    """All that quantising touches, every weight bit for bit."""
    weights = {name: value.view(torch.uint8).clone() for name, value in model.state_dict().items()}
    pointers = [value.data_ptr() for value in model.state_dict().values()]
    interfaces = AttentionInterface._global_mapping, AttentionMaskInterface._global_mapping
    return weights, pointers, model.config._attn_implementation, *map(set, interfaces)


def same(before: tuple, after: tuple) -> bool:
    equal = (torch.equal(before[0][name], after[0][name]) for name in before[0])
    return all(equal) and before[1:] == after[1:]


def reference(values: torch.Tensor, method) -> np.ndarray:
    """Return what the numpy reference makes of values."""
    return quantise(values.numpy(), method.group, method.scheme).values()


def by_hand(model, method) -> torch.nn.Module:
    """A copy whose weights are replaced by the reference's."""
    other = copy.deepcopy(model)
    for name, value in other.named_parameters():
        if value.ndim == 2 and (".layers." in name or ".h." in name):
            rows = value.data.T if ".h." in name else value.data
            new = torch.from_numpy(reference(rows.float(), method))
            value.data = (new.T if ".h." in name else new).to(value.dtype).contiguous()
    return other


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=2, n_embd=32, n_head=4, n_positions=64, vocab_size=50, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0, attn_implementation="eager",
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_weights(tiny_llama, kind, dtype):
    model = (tiny_llama if kind == "llama" else gpt2()).to(dtype)
    method = parse("int4:group=24")
    before, native, expected = state(model), logits(model), logits(by_hand(model, method))
    with emulated(model, Approximation(woq=method)):
        found = logits(model)
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, native)
    assert same(before, state(model))
    assert torch.equal(logits(model), native)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_cache_is_quantised_after_the_rotary_embedding(tiny_llama, attention):
    tiny_llama.set_attn_implementation(attention)
    method = parse("int4:group=8")
    before, native = state(tiny_llama), logits(tiny_llama)
    seen = []
    plain_attention = AttentionInterface()["sdpa"]

    def recorded(module, query, key, value, *args, **kwargs):
        key, value = (torch.from_numpy(reference(part, method)).float() for part in (key, value))
        seen.append(module)
        return plain_attention(module, query, key, value, *args, **kwargs)

    AttentionInterface.register("recorded", recorded)
    AttentionMaskInterface.register("recorded", AttentionMaskInterface()["sdpa"])
    tiny_llama.set_attn_implementation("recorded")
    expected = logits(tiny_llama)
    tiny_llama.set_attn_implementation(attention)
    for interface in (AttentionInterface, AttentionMaskInterface):
        interface._global_mapping.pop("recorded")
    assert len(seen) == 3
    with emulated(tiny_llama, Approximation(kvq=method)):
        found = logits(tiny_llama)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert (found - native).abs().mean() > 0.01 * native.std()
    assert same(before, state(tiny_llama))


@torch.inference_mode()
def test_reading_the_cache_token_by_token_is_reading_it_at_once(tiny_llama):
    with emulated(tiny_llama, "kvq=int4:group=8"):
        whole, cache, steps = logits(tiny_llama), None, []
        for step in range(TOKENS.shape[1]):
            output = tiny_llama(TOKENS[:, step : step + 1], past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            steps.append(output.logits)
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("text", ["int8:group=-1", "int8:group=7,scheme=asymmetric", "mxfp4"])
def test_other_formats(tiny_llama, text):
    """Weights are those of the format, and INT8 is closer to the model than INT4."""
    model, other = tiny_llama, copy.deepcopy(tiny_llama)
    for name, value in other.named_parameters():
        if value.ndim == 2 and ".layers." in name:
            value.data = fake_quantise(value.data, parse(text))
    before, native = state(model), logits(model)
    coarse, found = [], []
    for woq, kvq in [("int4:group=-1", "int4:group=-1"), (text, text)]:
        with emulated(model, f"woq={woq}"):
            coarse.append(logits(model))
        with emulated(model, f"kvq={kvq}"):
            found.append(logits(model))
    torch.testing.assert_close(coarse[1], logits(other))
    for int4, own in (coarse, found):
        assert not torch.equal(own, native)
        if "int8" in text:
            assert (own - native).abs().mean() < 0.2 * (int4 - native).abs().mean()
    assert same(before, state(model))


def divergence(model, text: str, native: torch.Tensor) -> float:
    """Mean KL divergence from `native` in nats."""
    with emulated(model, text):
        found = logits(model).double().log_softmax(-1)
    native = native.double().log_softmax(-1)
    return float((native.exp() * (native - found)).sum(-1).mean())


def test_an_offset_of_all_keys_does_no_harm_by_channel():
    """A constant added to every key leaves softmax as it is; GPT-2's keys have a bias."""
    model = gpt2()
    before = logits(model)
    plain = {text: divergence(model, f"kvq={text}", before) for text in OFFSETS}
    with torch.no_grad():
        for block in model.transformer.h:
            block.attn.c_attn.bias[32:64] += 600
    native = logits(model)
    torch.testing.assert_close(native, before, rtol=1e-2, atol=1e-2)
    for text, without in plain.items():
        found = divergence(model, f"kvq={text}", native)
        if "channel" in text:
            assert found == pytest.approx(without, rel=0.2)
        else:
            assert found > 5 * without


OFFSETS = [
    "int4:group=8",
    "int4:group=8,scheme=asymmetric",
    "int4:group=8,axis=channel",
    "int4:group=-1,scheme=asymmetric,axis=channel",
    "int8:group=-1,axis=channel",
    "mxfp4",
]


@torch.inference_mode()
def test_padding_and_batches_change_no_result_by_channel(tiny_llama):
    text = "kvq=int4:group=4,axis=channel"
    padded = torch.cat([torch.zeros(1, 5, dtype=torch.long), TOKENS[:1, :15]], 1)
    batch = torch.cat([TOKENS[1:], padded])
    attention_mask = torch.ones_like(batch)
    attention_mask[1, :5] = 0
    with emulated(tiny_llama, text):
        positions = (attention_mask.cumsum(-1) - 1).clamp(min=0)
        found = tiny_llama(batch, attention_mask, position_ids=positions).logits
        alone = tiny_llama(TOKENS[1:]).logits, tiny_llama(TOKENS[:1, :15]).logits
    torch.testing.assert_close(found[:1], alone[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[1:, 5:], alone[1], rtol=1e-3, atol=1e-3)


def test_everything_at_once(tiny_llama):
    both = "woq=int4:group=16;kvq=int4:group=8"
    tables = "softmax=vlp:lut=8,max_exp=3;activation=vlp:lut=12,max_exp=3"
    before, found = state(tiny_llama), []
    for text in ["native", both, tables, f"{both};{tables}"]:
        with emulated(tiny_llama, text):
            found.append(logits(tiny_llama))
    assert len({result.numpy().tobytes() for result in found}) == 4
    assert same(before, state(tiny_llama))
    other = by_hand(tiny_llama, parse("int4:group=16"))
    with emulated(other, f"kvq=int4:group=8;{tables}"):
        torch.testing.assert_close(logits(other), found[3])


def test_an_exception_restores_everything(tiny_llama):
    before = state(tiny_llama)
    with (
        pytest.raises(KeyError),
        emulated(tiny_llama, "woq=int4:group=16;kvq=int4:group=8"),
    ):
        raise KeyError
    assert same(before, state(tiny_llama))


def test_models_that_do_not_fit(tiny_llama):
    with pytest.raises(InputError, match="ViTModel is no decoder-only model"):
        config = ViTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            image_size=8, patch_size=4,
        )  # fmt: skip
        with emulated(ViTModel(config), "woq=int4:group=8"):
            pass
    layers = ["woq=int4:group=8", "native", "native"]
    with pytest.raises(InputError, match="give every layer the same"), emulated(tiny_llama, layers):
        pass


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn, None])
def test_codes_are_not_rounded_once_more(tiny_llama, dtype):
    layer = tiny_llama.model.layers[1].mlp.up_proj
    if dtype:  # as bitsandbytes and FP8 layers hold their weights
        layer.weight = torch.nn.Parameter(layer.weight.data.to(dtype), requires_grad=False)
    else:  # as those of GPTQ do
        layer.register_buffer("qweight", torch.zeros(4, 48, dtype=torch.int32))
    line = "woq: 1 layers of this model are stored quantised, for example 1.mlp.up_proj; allowed"
    with pytest.raises(InputError, match=line), emulated(tiny_llama, "woq=int4:group=-1"):
        pass
