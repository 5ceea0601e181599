"""Swapping operations of real model classes: it matters inside the block, and leaves no trace."""

import copy

import pytest
import torch
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    GPT2Config,
    GPT2LMHeadModel,
)

import mugi
from mugi.errors import InputError
from mugi.llm.emulate import TableActivation
from mugi.llm.inject import emulated
from mugi.methods import Approximation, parse

EXACT = parse("exact")
COARSE = parse("vlp:lut=3,max_exp=0,mantissa=1")
TOKENS = torch.arange(40).reshape(2, 20)


@torch.inference_mode()
def logits(model, tokens=TOKENS, **kwargs) -> torch.Tensor:
    return model(tokens, **kwargs).logits


def state(model) -> tuple:
    """All that an injection touches."""
    modules = dict(model.named_modules())
    interfaces = AttentionInterface._global_mapping, AttentionMaskInterface._global_mapping
    return model.config._attn_implementation, modules, *map(set, interfaces)


def gpt2(activation: str) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=2, n_embd=32, n_head=4, n_positions=64, vocab_size=50, initializer_range=0.3,
        activation_function=activation, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("operation", ["softmax", "activation"])
def test_the_operation_is_swapped_and_put_back(tiny_llama, operation, dtype, attention):
    model = tiny_llama.to(dtype)
    model.set_attn_implementation(attention)
    before, native = state(model), logits(model)
    with emulated(model, Approximation(**{operation: EXACT})):
        exact = logits(model)
    with emulated(model, Approximation(**{operation: COARSE})):
        coarse = logits(model)
    assert state(model) == before
    assert torch.equal(logits(model), native)
    exact_error = (exact - native).abs().mean()  # 0 where the model itself rounds to BF16
    coarse_error = (coarse - native).abs().mean()
    assert exact_error < 0.05 * native.std()
    assert coarse_error > max(2 * exact_error, 0.05 * native.std())
    assert dtype == torch.bfloat16 or exact_error > 0


def test_both_operations_and_neither(tiny_llama):
    native = logits(tiny_llama)
    with emulated(tiny_llama, Approximation(softmax=COARSE)):
        softmax = logits(tiny_llama)
    with emulated(tiny_llama, Approximation(softmax=COARSE, activation=COARSE)):
        both = logits(tiny_llama)
    with emulated(tiny_llama, Approximation()):
        assert torch.equal(logits(tiny_llama), native)
    assert not torch.equal(softmax, both)


def test_every_layer_is_swapped(tiny_llama):
    with emulated(tiny_llama, Approximation(activation=EXACT)):
        swapped = [name for name, part in tiny_llama.named_modules(remove_duplicate=False)
                   if isinstance(part, TableActivation)]  # fmt: skip
    assert swapped == [f"model.layers.{layer}.mlp.act_fn" for layer in range(3)]


def test_each_layer_has_its_own_method(tiny_llama):
    """All the same is one for all; a change in the last layer matters, and to the others not."""
    fine, coarse = (Approximation(method, method) for method in (EXACT, COARSE))
    with emulated(tiny_llama, coarse):
        one = logits(tiny_llama)
    seen = {}
    for layers in (
        [coarse] * 3,
        [coarse, coarse, fine],
        [coarse, coarse, coarse._replace(activation=None)],
    ):
        with emulated(tiny_llama, layers):
            states = tiny_llama(TOKENS, output_hidden_states=True)
        seen[len(seen)] = states.hidden_states[2], states.logits
    assert torch.equal(seen[0][1], one)
    for middle, last in (seen[1], seen[2]):
        assert torch.equal(middle, seen[0][0])
        assert not torch.equal(last, one)
    with (
        pytest.raises(InputError, match="2 approximations for a model with 3 layers"),
        emulated(tiny_llama, [fine, fine]),
    ):
        pass


@pytest.mark.parametrize("operation", ["softmax", "activation"])
def test_an_error_inside_the_block_leaves_no_trace(tiny_llama, operation):
    before, native = state(tiny_llama), logits(tiny_llama)
    with (
        pytest.raises(ZeroDivisionError),
        emulated(tiny_llama, Approximation(**{operation: COARSE})),
    ):
        1 / 0  # noqa: B018
    assert state(tiny_llama) == before
    assert torch.equal(logits(tiny_llama), native)


def test_blocks_nest(tiny_llama):
    before, native = state(tiny_llama), logits(tiny_llama)
    with emulated(tiny_llama, Approximation(softmax=COARSE)):
        outer = logits(tiny_llama)
        with emulated(tiny_llama, Approximation(softmax=EXACT, activation=EXACT)):
            inner = logits(tiny_llama)
        assert torch.equal(logits(tiny_llama), outer)
        with emulated(tiny_llama, Approximation(activation=EXACT)):
            assert not torch.equal(logits(tiny_llama), outer)
    with emulated(tiny_llama, Approximation(softmax=EXACT, activation=EXACT)):
        assert torch.equal(logits(tiny_llama), inner)
    assert state(tiny_llama) == before
    assert torch.equal(logits(tiny_llama), native)


def test_two_models_do_not_mix(tiny_llama):
    other = copy.deepcopy(tiny_llama)
    with emulated(tiny_llama, Approximation(softmax=COARSE)):
        expected = logits(tiny_llama)
        native = logits(other)
        with emulated(other, Approximation(softmax=EXACT)):
            assert torch.equal(logits(tiny_llama), expected)
        assert torch.equal(logits(other), native)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_batch_equals_each_sequence_alone(tiny_llama, side):
    """The model's products are rounded by shape; the tables must add no more than that."""
    method = parse("vlp:lut=12,window=2,max_exp=3,group=4")
    lengths, longest = [9, 6], 9
    real = [torch.arange(length) + 1 for length in lengths]
    pads = [torch.zeros(longest - length, dtype=torch.long) for length in lengths]
    pairs = zip(real, pads, strict=True) if side == "right" else zip(pads, real, strict=True)
    tokens = torch.stack([torch.cat(pair) for pair in pairs])
    mask = (tokens > 0).long()
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    with emulated(tiny_llama, Approximation(softmax=method)):
        together = logits(tiny_llama, tokens, attention_mask=mask, position_ids=positions)
        for row, seen, part in zip(together, mask, real, strict=True):
            alone = logits(tiny_llama, part[None])[0]
            torch.testing.assert_close(row[seen.bool()], alone, rtol=1e-3, atol=1e-3)


def test_decoding_with_a_cache_equals_the_whole_text(tiny_llama):
    """Without a sliding window no group matters, so a cached step sees the same softmax."""
    text = torch.arange(12)[None]
    method = parse("vlp:lut=8,max_exp=3")
    with emulated(tiny_llama, Approximation(softmax=method, activation=EXACT)), torch.no_grad():
        whole = logits(tiny_llama, text)
        start = tiny_llama(text[:, :8], use_cache=True)
        several = tiny_llama(text[:, 8:11], past_key_values=start.past_key_values, use_cache=True)
        one = tiny_llama(text[:, 11:], past_key_values=several.past_key_values, use_cache=True)
    parts = torch.cat([start.logits, several.logits, one.logits], dim=1)
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_gpt2_softmax_and_gelu(activation):
    model = gpt2(activation)
    before, native = state(model), logits(model)
    with emulated(model, Approximation(softmax=EXACT, activation=EXACT)):
        swapped = logits(model)
    assert 0 < (swapped - native).abs().mean() < 0.05 * native.std()
    assert state(model) == before
    assert torch.equal(logits(model), native)


@pytest.mark.parametrize("softmax", [None, EXACT])
def test_an_activation_without_tables_is_refused(softmax):
    model = gpt2("mish")
    before = state(model)
    line = "activation 'mish' of this model has no tables; allowed: .*silu"
    with (
        pytest.raises(InputError, match=line),
        emulated(model, Approximation(softmax=softmax, activation=EXACT)),
    ):
        pass
    assert state(model) == before


def test_a_missing_site_is_noticed(tiny_llama):
    tiny_llama.model.layers[1].mlp.act_fn = torch.nn.Identity()
    before = state(tiny_llama)
    with (
        pytest.raises(InputError, match="patched 2 activation sites of a model with 3 layers"),
        emulated(tiny_llama, Approximation(softmax=EXACT, activation=EXACT)),
    ):
        pass
    assert state(tiny_llama) == before


def test_generation_works_inside_the_block(tiny_llama):
    """`generate` runs without inference mode."""
    with emulated(tiny_llama, Approximation(parse("vlp:lut=8,max_exp=3"), EXACT)):
        found = tiny_llama.generate(TOKENS[:1], max_new_tokens=4, min_new_tokens=4, do_sample=False)
        text = TOKENS[:1]
        for _ in range(4):
            text = torch.cat([text, logits(tiny_llama, text)[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(found, text)


# --- as a notebook uses it ------------------------------------------------------------------------


def test_a_text_is_the_approximation_that_it_names(tiny_llama):
    text = f"softmax={COARSE};activation={EXACT}"
    with mugi.emulated(tiny_llama, text) as model:
        assert model is tiny_llama
        found = logits(model)
    with emulated(tiny_llama, Approximation(softmax=COARSE, activation=EXACT)):
        assert torch.equal(logits(tiny_llama), found)
    with emulated(tiny_llama, [text, "native", text]):
        assert not torch.equal(logits(tiny_llama), found)


@pytest.mark.parametrize(
    "text, line",
    [
        ("softmax=vpl:lut=8,max_exp=3", "unknown method 'vpl' (did you mean 'vlp'?)"),
        ("softmaxes=exact", "unknown operation 'softmaxes' (did you mean 'softmax'?)"),
        ("softmax=vlp:lut=8", "max_exp"),
        ("kvq=exact", "exact cannot compute cache; one of: int4"),
    ],
)
def test_a_text_that_names_none_leaves_no_trace(tiny_llama, text, line):
    before = state(tiny_llama)
    with pytest.raises(InputError) as error, emulated(tiny_llama, text):
        pass
    assert line in str(error.value)
    assert state(tiny_llama) == before


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("text", ["native", f"activation={EXACT}", "woq=int4:group=16"])
def test_without_softmax_the_model_keeps_its_own_attention(tiny_llama, text, attention):
    tiny_llama.set_attn_implementation(attention)
    with emulated(tiny_llama, text):
        assert tiny_llama.config._attn_implementation == attention


def test_tables_take_and_give_bf16_in_a_float32_model(tiny_llama):
    """As the hardware does; what stands between them is float32."""
    seen = []
    with emulated(tiny_llama, f"activation={COARSE}"), torch.inference_mode():
        table = tiny_llama.model.layers[0].mlp.act_fn
        table.register_forward_hook(lambda _, inputs, outputs: seen.append((*inputs, outputs)))
        logits(tiny_llama)
        inputs, outputs = seen[-1]
        assert inputs.dtype == outputs.dtype == torch.float32
        assert not torch.equal(inputs, inputs.bfloat16().float())
        assert torch.equal(outputs, outputs.bfloat16().float())
        assert torch.equal(outputs, table.forward(inputs.bfloat16()).float())
