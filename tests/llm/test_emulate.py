"""Softmax and activations in torch against the numpy reference, bit for bit."""

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from mugi.bf16 import from_bf16, to_bf16
from mugi.llm.emulate import Heads, TableActivation, TableAttention
from mugi.methods import parse
from mugi.methods.tables import TableStack, look_up

CPU = torch.device("cpu")
SMALLEST_NORMAL = 2.0**-126  # subnormal results depend on the processor's BF16 instructions
METHODS = [
    "exact",
    "exact:normalize=reciprocal",
    "vlp:lut=8,max_exp=3",
    "vlp:lut=4,max_exp=-1,overflow=saturate,underflow=zero",
    "vlp:lut=12,window=4,max_exp=4,group=3",
    "vlp:lut=12,window=4,max_exp=4,group=3,zeros=count,underflow=keep",
    "vlp:lut=12,window=4,min_exp=-6,group=3",
    "vlp:lut=12,window=4,min_exp=-6,group=4,zeros=count,normalize=reciprocal",
    "vlp:lut=9,max_exp=2",
    "vlp:lut=6,max_exp=3,adapt=8,leak=3,group=3",
    "vlp:lut=8,window=4,max_exp=3,adapt=5,leak=1,group=4,zeros=count",
]


@functools.cache
def attention_by(text: str) -> TableAttention:
    return TableAttention(parse(text), CPU)


@functools.cache
def activation_by(text: str, function: str) -> TableActivation:
    return TableActivation(parse(text), function, CPU)


@functools.cache
def reference(text: str, function: str) -> TableStack:
    return parse(text).stack(function)


def codes_of(values: torch.Tensor) -> np.ndarray:
    return values.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(np.uint16)


def heads_with(scores: torch.Tensor, kv_heads: int = 1) -> Heads:
    """Heads whose scores are `scores` and whose output is the probabilities: keys and values are
    unit vectors."""
    batch, _, _, keys = scores.shape
    unit = torch.eye(keys, dtype=scores.dtype).expand(batch, kv_heads, keys, keys)
    return Heads(scores, unit, unit)


def probabilities(text, scores, mask=None, causal=False, kv_heads=1) -> torch.Tensor:
    """Probabilities of one attention call, (batch, heads, queries, keys)."""
    heads = heads_with(scores, kv_heads)
    return attention_by(text)(heads, mask, 1.0, causal).transpose(1, 2)


def exponentials(stack, differences: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Codes of exp from the numpy reference; differences and seen are (heads, queries, keys).

    Tiles count from the first key that any query sees, which has the index of its query."""
    result = np.zeros(differences.shape, dtype=np.uint16)
    heads, queries, keys = differences.shape
    if stack.grouping == "strided":
        shape = (heads * queries, keys)
        every = look_up(stack, differences.reshape(shape), seen.reshape(shape))
        return np.where(seen, every.reshape(differences.shape), 0)
    some = np.flatnonzero(seen.any(axis=(0, 1)))
    if len(some):
        first = max(some[0] - (keys - queries), 0)
        for head in range(heads):
            result[head, first:] = look_up(stack, differences[head, first:], seen[head, first:])
    return np.where(seen, result, 0)


def check(text: str, scores: torch.Tensor, seen: np.ndarray, found: torch.Tensor) -> None:
    """Compare probabilities with the definition, row by row.

    The sum of a row is rounded to BF16 from FP32: where that is a near tie, both are right."""
    stack, reciprocal = reference(text, "exp"), parse(text).normalize == "reciprocal"
    assert found.dtype == scores.dtype
    values = from_bf16(codes_of(scores))
    largest = np.where(seen, values, -np.inf).max(axis=-1, keepdims=True)
    differences = to_bf16(np.where(seen, values - np.where(seen, largest, 0), 0))
    if stack.grouping == "strided":
        flat = differences.reshape(1, -1, values.shape[-1])
        exp = exponentials(stack, flat, seen.reshape(flat.shape)).reshape(values.shape)
    else:
        pairs = zip(differences, seen, strict=True)
        exp = np.stack([exponentials(stack, one, visible) for one, visible in pairs])
    exp = from_bf16(exp)
    found = found.double().numpy()
    for place in itertools.product(*map(range, values.shape[:-1])):
        total = math.fsum(exp[place])
        if math.isnan(total):
            assert np.isnan(found[place]).all()
            continue
        if not seen[place].any():
            assert not found[place].any()
            continue
        near = {float(from_bf16(to_bf16(total * (1 + error)))) for error in (-(2**-18), 2**-18)}
        allowed = []
        for rounded in near:
            if reciprocal:
                row = from_bf16(to_bf16(exp[place] * from_bf16(to_bf16(1 / rounded))))
            else:
                row = from_bf16(to_bf16(exp[place] / rounded))
            row = torch.from_numpy(np.where(row < SMALLEST_NORMAL, 0, row))
            allowed.append(row.to(scores.dtype).tolist())
        row = np.where(found[place] < SMALLEST_NORMAL, 0, found[place])
        assert row.tolist() in allowed, (text, place)


def random_scores(seed, *shape, scale=3.0, dtype=torch.bfloat16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=generator) * scale).to(dtype)


@pytest.mark.parametrize("text", METHODS)
@pytest.mark.parametrize("scale", [1e-3, 0.3, 4.0, 200.0])
def test_probabilities_without_a_mask(text, scale):
    scores = random_scores(0, 2, 3, 7, 11, scale=scale)
    scores[0, 0, 0, :] = scores[0, 0, 0, 0]  # all equal
    check(text, scores, np.ones(scores.shape, dtype=bool), probabilities(text, scores))


@pytest.mark.parametrize("text", METHODS)
@pytest.mark.parametrize("queries, keys", [(9, 9), (4, 9), (1, 9), (1, 1)])
def test_causal_probabilities(text, queries, keys):
    scores = random_scores(1, 2, 2, queries, keys)
    causal = np.tril(np.ones((queries, keys), dtype=bool), keys - queries)
    found = probabilities(text, scores, causal=True)
    check(text, scores, np.broadcast_to(causal, scores.shape), found)


@pytest.mark.parametrize("text", METHODS)
@pytest.mark.parametrize("mask_heads", [1, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_any_mask_and_input_type(text, mask_heads, dtype):
    """Inputs are rounded to BF16 first; masked keys get 0, a row without keys all zeros."""
    scores = random_scores(2, 3, 4, 8, 8, dtype=dtype)
    seen = random_scores(3, 3, mask_heads, 8, 8) > -1
    seen[:, :, 0, 0] = seen[:, :, 7, 7] = True  # no padding at the ends
    seen[1, :, 3] = False
    found = probabilities(text, scores, seen, kv_heads=2)
    check(text, scores, seen.expand(scores.shape).numpy(), found)
    assert not found[~seen.expand(scores.shape)].any()


@pytest.mark.parametrize("text", METHODS)
def test_grouped_query_attention_is_attention_with_repeated_keys_and_values(text):
    query = random_scores(4, 2, 6, 6, 8)
    key, value = random_scores(5, 2, 2, 6, 8), random_scores(6, 2, 2, 6, 8).sign()
    attention = attention_by(text)
    shared = attention(Heads(query, key, value), None, 0.25, True)
    repeated = (part.repeat_interleave(3, 1) for part in (key, value))
    expected = attention(Heads(query, *repeated), None, 0.25, True)
    torch.testing.assert_close(shared, expected, rtol=2**-7, atol=2**-7)


def test_scores_are_scaled_products():
    query, key = random_scores(7, 1, 1, 4, 16), random_scores(8, 1, 1, 5, 16)
    unit = torch.eye(5, 16, dtype=torch.bfloat16)[None, None]
    attention = attention_by("exact")
    found = attention(Heads(query, key, unit), None, 0.125, False)[0, :, 0, :5]
    scores = (query @ key.transpose(2, 3)) * 0.125
    expected = torch.softmax(scores.float(), -1)[0, 0]
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=1e-4)


def padded(scores: torch.Tensor, left: int, right: int):
    """Scores of one sequence within a longer one, garbage in the padding, and its causal mask."""
    heads, tokens, _ = scores.shape
    length = left + tokens + right
    real = slice(left, left + tokens)
    whole = random_scores(99, heads, length, length, scale=50.0)
    whole[:, real, real] = scores
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    seen[:, :left] = seen[:, left + tokens :] = False
    return whole, seen[None]


@pytest.mark.parametrize("text", [text for text in METHODS if "group" in text or "lut=9" in text])
def test_padding_batch_size_and_order_change_no_bit(text):
    lengths = [10, 7, 4]
    longest = max(lengths)
    sequences = [random_scores(10 + n, 2, n, n) for n in lengths]
    alone = [probabilities(text, scores[None], causal=True)[0] for scores in sequences]

    def check_batch(order, lefts):
        parts = [
            padded(sequences[i], left, longest - lengths[i] - left)
            for i, left in zip(order, lefts, strict=True)
        ]
        scores, seen = (torch.stack(column) for column in zip(*parts, strict=True))
        found = probabilities(text, scores, seen)
        for row, i, left in zip(found, order, lefts, strict=True):
            real = slice(left, left + lengths[i])
            assert torch.equal(row[:, real, real], alone[i])

    check_batch([0, 1, 2], [0, 3, 6])  # left padding
    check_batch([2, 0, 1], [0, 0, 0])  # right padding, another order
    check_batch([1, 2], [1, 4])  # both, a smaller batch


def test_batch_without_padding_is_every_sequence_alone():
    text = "vlp:lut=12,window=2,max_exp=3,group=4"
    scores = random_scores(20, 4, 2, 10, 10)
    together = probabilities(text, scores, causal=True)
    for index in range(4):
        alone = probabilities(text, scores[index : index + 1], causal=True)
        assert torch.equal(together[index : index + 1], alone)


@pytest.mark.parametrize("anchor", ["max_exp=4", "min_exp=-6"])
@pytest.mark.parametrize("zeros", ["skip", "count"])
@pytest.mark.parametrize("group", [1, 4, 5, 100])
@pytest.mark.parametrize("masked", [False, True])
def test_strided_groups_are_the_published_reshape(anchor, zeros, group, masked):
    """Rows of the flattened scores, rows / group apart, share the window of a key column."""
    text = f"vlp:lut=12,window=3,{anchor},zeros={zeros},group={group},grouping=strided"
    scores = random_scores(30, 2, 4, 5, 5)
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    if masked:
        seen = (causal & (random_scores(31, 2, 1, 5, 5) > -1)).expand(scores.shape)
        found = probabilities(text, scores, seen, kv_heads=2)
    else:
        seen = causal.expand(scores.shape)
        found = probabilities(text, scores, causal=True, kv_heads=2)
    check(text, scores, seen.numpy(), found)


def test_queries_that_see_keys_always_get_probabilities():
    """Keys and queries of different sequences, and a last query whose own key nobody sees."""
    cross = torch.ones(1, 1, 3, 5, dtype=torch.bool)
    cross[..., 3:] = False
    earlier = torch.ones(1, 1, 5, 5, dtype=torch.bool).tril(-1)
    for seen in (cross, earlier):
        found = probabilities("exact", random_scores(40, *seen.shape), seen)
        sums = found.sum(-1)
        assert (sums[seen.any(-1)] > 0.9).all()
        assert not sums[~seen.any(-1)].any()


@pytest.mark.parametrize("text", METHODS)
@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf])
def test_nan_in_nan_out(text, bad):
    scores = random_scores(50, 1, 1, 2, 40, dtype=torch.float32)
    attention = attention_by(text)
    query, key = torch.ones(1, 1, 2, 1), scores[:, :, 0, :, None].clone()
    query[0, 0, 1] = bad
    found = attention(Heads(query, key.abs(), torch.ones(1, 1, 40, 1)), None, 1.0, False)
    assert not found[0, 0].isnan().any()
    assert found[0, 1].isnan().all()


@pytest.mark.parametrize("text", METHODS)
def test_nan_and_infinities_place_no_window(text):
    """The queries that share a window with them get the reference's bits."""
    scores = random_scores(51, 2, 2, 9, 40)
    scores[:, 0, 4, 7] = math.nan
    scores[0, 1, 1, :] = math.inf
    scores[1, :, 2:, 3] = scores[1, 1, 5:8, 9:] = -math.inf
    with np.errstate(invalid="ignore"):
        check(text, scores, np.ones(scores.shape, dtype=bool), attention_by(text).softmax(scores))


def test_a_result_is_not_overwritten_by_the_next_call():
    attention = attention_by("exact")
    first = attention(heads_with(random_scores(60, 1, 1, 5, 5)), None, 1.0, True)
    kept = first.clone()
    attention(heads_with(random_scores(61, 1, 1, 5, 5)), None, 1.0, True)
    assert torch.equal(first, kept)


# --- activations --------------------------------------------------------------------------------


def random_inputs(seed, *shape, dtype=torch.bfloat16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    exponent = torch.randint(-12, 7, shape, generator=generator)
    inputs = torch.randn(shape, generator=generator) * 2.0**exponent
    flat = inputs.view(-1)
    specials = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan])
    flat[: min(len(flat), 5)] = specials[: len(flat)]
    return inputs.to(dtype)


def test_every_fp16_input_is_rounded_to_nearest_even():
    inputs = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int16).view(torch.float16)
    found = activation_by("exact", "silu")(inputs).double().numpy()
    rounded = to_bf16(inputs.numpy())
    expected = from_bf16(reference("exact", "silu").tables[0, rounded])
    expected = torch.from_numpy(expected).half().double().numpy()
    np.testing.assert_array_equal(found, expected)


def test_fp32_inputs_halfway_between_two_codes_are_rounded_to_even():
    codes = np.arange(1 << 16, dtype=np.uint32)
    codes = codes[(codes & 0x7FFF) < 0x7F80]  # the last one's half rounds to infinity
    for above, up in ((0x7FFF, 0), (0x8000, codes & 1), (0x8001, 1)):
        inputs = torch.from_numpy(((codes << 16) + above).view(np.float32))
        found = activation_by("exact", "silu")(inputs).numpy()
        expected = from_bf16(reference("exact", "silu").tables[0, codes + up])
        np.testing.assert_array_equal(found, expected)


ACTIVATIONS = [
    "exact",
    "vlp:lut=8,max_exp=2",
    "vlp:lut=12,window=4,max_exp=3,group=5",
    "vlp:lut=12,window=4,max_exp=3,group=5,zeros=count,underflow=keep",
    "vlp:lut=12,window=4,min_exp=-8,group=5,overflow=saturate",
    "vlp:lut=12,window=4,min_exp=-8,group=5,zeros=count",
    "vlp:lut=8,min_exp=-7,group=5,zeros=count,underflow=keep,build=published",
    "vlp:lut=8,window=4,max_exp=3,adapt=16,leak=1024,group=2",
    "vlp:lut=12,window=4,max_exp=3,group=5,grouping=strided,zeros=count,underflow=keep",
    "vlp:lut=12,min_exp=-3,group=4,grouping=strided,zeros=count,underflow=keep,build=published",
]


@pytest.mark.parametrize("text", ACTIVATIONS)
@pytest.mark.parametrize("function", ["silu", "gelu"])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 12), (2, 4, 15), (2, 0, 10)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_activation_equals_the_reference(text, function, shape, dtype):
    """Contiguous channels of one token share a window; the last group may be short."""
    inputs = random_inputs(70, *shape, dtype=dtype)
    found = activation_by(text, function)(inputs)
    assert found.shape == inputs.shape
    assert found.dtype == dtype
    codes = codes_of(inputs).reshape(-1, shape[-1])
    expected = from_bf16(look_up(reference(text, function), codes.T).T.reshape(shape))
    expected = torch.from_numpy(expected).to(dtype)
    number = ~expected.isnan()
    assert torch.equal(found[number], expected[number])
    assert torch.equal(found[number].signbit(), expected[number].signbit())  # of zeros
    assert found[~number].isnan().all()


@pytest.mark.parametrize("channels", [3, 10, 13])
@pytest.mark.parametrize("anchor", ["max_exp=3", "min_exp=-8"])
def test_strided_activation_pads_the_front_as_published(channels, anchor):
    """A first group with padding uses the window at the anchored end of the LUT."""
    text = f"vlp:lut=12,window=4,{anchor},group=5,grouping=strided"
    stack = reference(text, "silu")
    inputs = random_inputs(80, 6, channels)
    found = activation_by(text, "silu")(inputs)
    codes = codes_of(inputs)
    short = channels % 5
    ends = range(short, channels + 1, 5)
    for row, outputs in zip(codes, codes_of(found), strict=True):
        expected = []
        if short:
            anchored = 8 if anchor.startswith("max") else 0
            expected += stack.tables[anchored, row[:short]].tolist()
        for start, stop in itertools.pairwise(ends):
            expected += look_up(stack, row[start:stop, None])[:, 0].tolist()
        expected, outputs = np.array(expected, dtype=np.uint16), outputs.astype(np.uint16)
        np.testing.assert_array_equal(from_bf16(outputs), from_bf16(expected))


def test_activation_of_a_view_and_of_two_calls():
    activation = activation_by(ACTIVATIONS[2], "silu")
    inputs = random_inputs(90, 6, 8)
    first = activation(inputs.T)
    assert torch.equal(activation(inputs.T.contiguous()).nan_to_num(), first.nan_to_num())
    kept = first.clone()
    activation(random_inputs(91, 8, 6))
    assert torch.equal(first.nan_to_num(), kept.nan_to_num())
