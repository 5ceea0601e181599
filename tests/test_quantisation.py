"""INT4 weights and KV cache: the numpy reference, its torch twin, and models that use them."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    GPT2Config,
    GPT2LMHeadModel,
    MixtralConfig,
    MixtralForCausalLM,
    ViTConfig,
    ViTModel,
)

from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError
from mugi.int4 import quantise
from mugi.llm.inject import injected
from mugi.llm.quantise import fake_quantise
from mugi.methods import Approximation, parse, parse_operations

SCHEMES = ["symmetric", "asymmetric"]
NUMBERS = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 40)),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False)
    | st.sampled_from([0.0, -0.0, 1e-30, 3.0e38, -3.0e38]),
)
TOKENS = torch.arange(40).reshape(2, 20)


def plain(values: list[float], scheme: str) -> list[float]:
    """One group, number by number."""
    low, high = min(0.0, *values), max(0.0, *values)
    span = max(-low, high) / 7 if scheme == "symmetric" else (high - low) / 15
    scale = float(from_bf16(to_bf16(np.float32(span))))
    if scale == 0:
        return [0.0] * len(values)
    if scheme == "symmetric":
        return [min(7, max(-7, round(value / scale))) * scale for value in values]
    zero = min(15, max(0, round(-low / scale)))
    return [(min(15, max(0, round(value / scale) + zero)) - zero) * scale for value in values]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equals_a_plain_loop(scheme):
    values = np.random.default_rng(0).normal(size=(5, 23)).astype(np.float32)
    found = quantise(values, 8, scheme).values()
    for row, result in zip(values, found, strict=True):
        for start in range(0, 23, 8):
            expected = plain(row[start : start + 8].tolist(), scheme)
            np.testing.assert_array_equal(result[start : start + 8], expected)


def test_by_hand():
    symmetric = quantise(np.array([7.0, -3.4, 0.5, 1.5, 14.0, -14.0]), 4)
    assert symmetric.codes.tolist() == [7, -3, 0, 2, 7, -7]  # ties to even
    assert from_bf16(symmetric.scales).tolist() == [1.0, 2.0]
    asymmetric = quantise(np.array([-5.0, 10.0, 0.4]), 3, "asymmetric")
    assert asymmetric.codes.tolist() == [-5, 10, 0]
    assert from_bf16(asymmetric.scales).tolist() == [1.0]


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.integers(1, 48), st.sampled_from(SCHEMES))
def test_error_range_and_twin(values, group, scheme):
    method = parse(f"int4:group={group},scheme={scheme}")
    result = quantise(values, group, scheme)
    largest = 7 if scheme == "symmetric" else 15
    assert np.abs(result.codes.astype(int)).max() <= largest
    scales = np.repeat(from_bf16(result.scales), group, axis=-1)[..., : values.shape[1]]
    # half a step, and what rounding the scale to BF16 and the zero point cut off
    slack = largest * scales * 2.0**-8 + (0.5 * scales if scheme == "asymmetric" else 0)
    usual = scales > 1e-30
    assert (np.abs(result.values() - values) <= 0.5001 * scales + slack)[usual].all()
    twin = fake_quantise(torch.from_numpy(values), method).numpy()
    np.testing.assert_array_equal(twin, result.values().astype(np.float32))
    halved = fake_quantise(torch.from_numpy(values).bfloat16(), method)
    reference = quantise(from_bf16(to_bf16(values)).astype(np.float32), group, scheme).values()
    np.testing.assert_array_equal(halved.float().numpy(), from_bf16(to_bf16(reference)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_quantised_numbers_stay(scheme):
    once = quantise(np.random.default_rng(1).normal(size=(4, 64)), 16, scheme)
    if scheme == "symmetric":
        again = quantise(once.values(), 16, scheme)
        full = np.abs(once.codes).reshape(4, 4, 16).max(-1) == 7
        assert full.any()
        same = (again.codes == once.codes).reshape(4, 4, 16).all(-1)
        assert same[full].all()
    assert not quantise(np.zeros((2, 20)), 16, scheme).codes.any()


@pytest.mark.parametrize("values", [np.array([1, 2]), np.float32(1), np.array([1.0, np.nan])])
def test_what_cannot_be_quantised(values):
    with pytest.raises(InputError, match=r"^values: .*allowed: "):
        quantise(values, 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("woq=int5:group=2", "unknown method 'int5' (did you mean 'int4'?); one of: int4"),
        ("woq=int4:group=0", "group: must be greater than or equal to 1"),
        (
            "kvq=int4:group=8,scheme=asymetric",
            "scheme: 'asymetric' is not allowed (did you mean 'asymmetric'?); one of: symmetric, asymmetric",
        ),
        ("kvq=vlp:lut=8,max_exp=3", "vlp cannot compute cache; one of: int4"),
        ("softmax=int4:group=8", "int4 cannot compute exp; one of: exact"),
        ("kvp=int4:group=8", "unknown operation 'kvp' (did you mean 'kvq'?)"),
    ],
)
def test_bad_texts(text, line):
    with pytest.raises(InputError) as error:
        parse_operations(text)
    assert line in str(error.value)


@pytest.mark.parametrize("module", ["mugi.int4", "mugi.methods"])
def test_either_module_may_be_imported_first(module):
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


def test_texts_name_themselves():
    text = "softmax=exact;woq=int4:group=64,scheme=asymmetric;kvq=int4:group=32"
    assert str(parse_operations(text)) == text


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


def by_hand(model, method) -> torch.nn.Module:
    """A copy whose weights are replaced by the reference's."""
    other = copy.deepcopy(model)
    for name, value in other.named_parameters():
        if value.ndim == 2 and (".layers." in name or ".h." in name):
            rows = value.data.T if ".h." in name else value.data
            new = torch.from_numpy(
                quantise(rows.float().numpy(), method.group, method.scheme).values()
            )
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
    with injected(model, Approximation(woq=method)):
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
        key, value = (
            torch.from_numpy(quantise(part.numpy(), method.group, method.scheme).values()).float()
            for part in (key, value)
        )
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
    with injected(tiny_llama, Approximation(kvq=method)):
        found = logits(tiny_llama)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert (found - native).abs().mean() > 0.01 * native.std()
    assert same(before, state(tiny_llama))


@torch.inference_mode()
def test_reading_the_cache_token_by_token_is_reading_it_at_once(tiny_llama):
    with injected(tiny_llama, parse_operations("kvq=int4:group=8")):
        whole, cache, steps = logits(tiny_llama), None, []
        for step in range(TOKENS.shape[1]):
            output = tiny_llama(TOKENS[:, step : step + 1], past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            steps.append(output.logits)
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=1e-3, atol=1e-3)


def test_everything_at_once(tiny_llama):
    both = "woq=int4:group=16;kvq=int4:group=8"
    tables = "softmax=vlp:lut=8,max_exp=3;activation=vlp:lut=12,max_exp=3"
    before, found = state(tiny_llama), []
    for text in ["native", both, tables, f"{both};{tables}"]:
        with injected(tiny_llama, parse_operations(text)):
            found.append(logits(tiny_llama))
    assert len({result.numpy().tobytes() for result in found}) == 4
    assert same(before, state(tiny_llama))
    other = by_hand(tiny_llama, parse("int4:group=16"))
    with injected(other, parse_operations(f"kvq=int4:group=8;{tables}")):
        torch.testing.assert_close(logits(other), found[3])


def test_an_exception_restores_everything(tiny_llama):
    before = state(tiny_llama)
    with (
        pytest.raises(KeyError),
        injected(tiny_llama, parse_operations("woq=int4:group=16;kvq=int4:group=8")),
    ):
        raise KeyError
    assert same(before, state(tiny_llama))


def test_models_that_do_not_fit(tiny_llama):
    with pytest.raises(InputError, match="ViTModel is no decoder-only model"):
        config = ViTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            image_size=8, patch_size=4,
        )  # fmt: skip
        with injected(ViTModel(config), parse_operations("woq=int4:group=8")):
            pass
    with pytest.raises(InputError, match="are not linear layers, for example"):
        config = MixtralConfig(
            vocab_size=20, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, num_local_experts=2,
        )  # fmt: skip
        with injected(MixtralForCausalLM(config), parse_operations("woq=int4:group=8")):
            pass
    layers = [parse_operations("woq=int4:group=8"), Approximation(), Approximation()]
    with pytest.raises(InputError, match="give every layer the same"), injected(tiny_llama, layers):
        pass
