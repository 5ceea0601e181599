"""Formats of few bits against oracles that go number by number, and what keys and padding do."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mugi.bf16 import from_bf16, to_bf16
from mugi.int4 import quantise
from mugi.llm.fake_quantise import fake_quantise, fake_quantise_cache
from mugi.methods import parse
from tests.test_int4 import NUMBERS, SCHEMES, plain

GROUPS = st.integers(1, 48) | st.just(-1)


def quantised(values: np.ndarray, text: str) -> np.ndarray:
    return fake_quantise(torch.from_numpy(values), parse(text)).numpy()


def by_groups(values: np.ndarray, group: int, rounded) -> np.ndarray:
    """`rounded` applied to the groups of each row, lists of numbers."""
    group = values.shape[-1] if group == -1 else group
    rows = [
        [x for start in range(0, len(row), group) for x in rounded(row[start : start + group])]
        for row in values.reshape(-1, values.shape[-1]).tolist()
    ]
    return np.array(rows).reshape(values.shape).astype(np.float32)


# --- whole numbers --------------------------------------------------------------------------------


@settings(max_examples=100)
@given(NUMBERS, GROUPS, st.sampled_from(SCHEMES))
def test_int4_has_the_bits_of_the_reference(values, group, scheme):
    text = f"int4:group={group},scheme={scheme}"
    expected = quantise(values, group, scheme).values().astype(np.float32)
    np.testing.assert_array_equal(quantised(values, text), expected)
    halved = fake_quantise(torch.from_numpy(values).bfloat16(), parse(text))
    expected = quantise(from_bf16(to_bf16(values)).astype(np.float32), group, scheme).values()
    np.testing.assert_array_equal(halved.float().numpy(), from_bf16(to_bf16(expected)))


@settings(max_examples=100)
@given(NUMBERS, GROUPS, st.sampled_from(SCHEMES), st.sampled_from([4, 8]))
def test_whole_numbers_equal_a_plain_loop(values, group, scheme, bits):
    expected = by_groups(values, group, lambda numbers: plain(numbers, scheme, bits))
    found = quantised(values, f"int{bits}:group={group},scheme={scheme}")
    # the loop divides in float64
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=np.abs(values).max() * 2.0**-bits)
    assert (found == expected).mean() > 0.9


def test_int8_by_hand():
    values = np.array([[127.0, -3.4, 0.5, 1.5, -254.0]], dtype=np.float32)
    assert quantised(values, "int8:group=4").tolist() == [[127, -3, 0, 2, -254]]
    assert quantised(values, "int8:group=-1").tolist() == [[128, -4, 0, 2, -254]]
    values = np.array([[-55.0, 200.0, 0.4]], dtype=np.float32)
    assert quantised(values, "int8:group=3,scheme=asymmetric").tolist() == [[-55, 200, 0]]


# --- MXFP4 ----------------------------------------------------------------------------------------


def e2m1(code: int) -> Fraction:
    """The number of a 4-bit code: sign, two bits of exponent (bias 1), one bit of mantissa."""
    sign, exponent, mantissa = code >> 3, code >> 1 & 3, Fraction(code & 1, 2)
    size = Fraction(2) ** (exponent - 1) * (1 + mantissa) if exponent else mantissa
    return -size if sign else size


POSITIVE = [e2m1(code) for code in range(8)]


def element(value: Fraction) -> Fraction:
    """The nearest number of E2M1, of two the one with the even code; beyond the largest, that."""
    code = min(range(8), key=lambda code: (abs(POSITIVE[code] - abs(value)), code & 1))
    return -POSITIVE[code] if value < 0 else POSITIVE[code]


def mx_block(values: list[float]) -> list[float]:
    """Section 6.3 of the specification: floor(log2(largest)) less 2 is the shared exponent."""
    largest = max(map(abs, values))
    exponent = math.frexp(largest)[1] - 1 if largest else 0
    scale = Fraction(2) ** min(max(exponent - 2, -127), 127)
    return [float(element(Fraction(value) / scale) * scale) for value in values]


def test_e2m1_is_that_of_the_specification():
    assert list(map(float, POSITIVE)) == [0, 0.5, 1, 1.5, 2, 3, 4, 6]


@pytest.mark.parametrize("exponent", [-149, -127, -126, -8, 0, 3, 125])
def test_every_element_and_all_between_them(exponent):
    """All 16 numbers, halfway between neighbours and next to it, in blocks that have each scale."""
    middles = [float(a + b) / 2 for a, b in pairwise(POSITIVE)]
    near = [np.nextafter(np.float32(m), np.float32(to)) for m in middles for to in (0, 9)]
    sizes = [*map(float, POSITIVE), *middles, *near, 7.0, 7.999]
    numbers = np.array([s * x for s in (1, -1) for x in sizes], dtype=np.float32)
    blocks = np.zeros((len(numbers), 32), dtype=np.float32)
    blocks[:, 0], blocks[:, 1] = 4, numbers  # the 4 sets the scale to 1
    blocks = np.ldexp(blocks, exponent)
    expected = by_groups(blocks, 32, mx_block)
    np.testing.assert_array_equal(quantised(blocks, "mxfp4"), expected)
    if exponent >= -126:
        grid = {float(e2m1(code)) for code in range(16)}
        assert {x / 2.0**exponent for x in expected[:, 1].tolist()} == grid


@settings(max_examples=100)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 80)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
        | st.floats(-8, 8, width=32),
    )
)
def test_mxfp4_equals_a_plain_loop(values):
    np.testing.assert_array_equal(quantised(values, "mxfp4"), by_groups(values, 32, mx_block))


# --- all formats ----------------------------------------------------------------------------------

FORMATS = [f"int{b}:group=16,scheme={s}" for b in (4, 8) for s in SCHEMES] + ["mxfp4"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("text", FORMATS)
def test_what_is_not_finite_stays_so(text, bad):
    values = torch.ones(2, 64)
    values[1, 40] = bad
    found = fake_quantise(values, parse(text)).isfinite()
    assert found[0].all() and found[1, :32].all() and not found[1, 40]


@pytest.mark.parametrize("text", FORMATS)
def test_zeros_and_leading_axes(text):
    method = parse(text)
    assert not fake_quantise(torch.zeros(2, 70), method).any()
    values = torch.randn(3, 2, 70, generator=torch.Generator().manual_seed(0))
    rows = torch.stack([fake_quantise(row, method) for row in values.flatten(0, 1)])
    assert torch.equal(fake_quantise(values, method).flatten(0, 1), rows)
    assert fake_quantise(values.half(), method).dtype == torch.float16


# --- keys by channel ------------------------------------------------------------------------------


def channel(values: list[float], scheme: str, bits: int) -> list[float]:
    """One group of a channel's keys, number by number: offset, then codes of one scale."""
    low, high = np.float32(min(values)), np.float32(max(values))
    levels = 2**bits - 1 if scheme == "asymmetric" else 2**bits - 2
    offset = low if scheme == "asymmetric" else (low + high) / np.float32(2)
    span = (high - low) if scheme == "asymmetric" else 2 * max(high - offset, offset - low)
    scale = float(from_bf16(to_bf16(np.float32(span / levels))))
    lowest = 0 if scheme == "asymmetric" else -levels // 2
    codes = [round(float(np.float32(v) - offset) / scale) if scale else 0 for v in values]
    clipped = [min(lowest + levels, max(lowest, code)) for code in codes]
    return [float(offset + np.float32(code * scale)) for code in clipped]


# multiples of 1/256: any offset is added without rounding
KEYS = arrays(np.int16, (1, 2, 21, 3), elements=st.integers(-1000, 1000))


@settings(max_examples=60)
@given(KEYS, st.integers(1, 24) | st.just(-1), st.sampled_from(SCHEMES), st.sampled_from([4, 8]))
def test_keys_by_channel(keys, group, scheme, bits):
    keys = (keys / 256).astype(np.float32)
    method = parse(f"int{bits}:group={group},scheme={scheme},axis=channel")
    key = torch.from_numpy(keys)
    found, value = fake_quantise_cache(key, key, None, method)
    by_channel = by_groups(keys.swapaxes(2, 3), group, lambda v: channel(v, scheme, bits))
    step = 8 / (2**bits - 2)  # at most; a tie may round the other way in float64
    np.testing.assert_allclose(found, by_channel.swapaxes(2, 3), atol=step * 1.01)
    assert (found.numpy() == by_channel.swapaxes(2, 3)).mean() > 0.95
    token = parse(f"int{bits}:group={group},scheme={scheme}")
    assert torch.equal(value, fake_quantise(key, token))  # values stay token by token
    shifted, _ = fake_quantise_cache(key + 600, key, None, method)
    torch.testing.assert_close(shifted - 600, found, rtol=0, atol=2e-4)  # float32 at 600
    assert (found - key).abs().max() <= step * 0.55


def test_padding_changes_no_key():
    method = parse("int4:group=4,axis=channel")
    key = torch.randn(2, 2, 11, 8, generator=torch.Generator().manual_seed(0))
    left = torch.arange(11) >= 3  # the second sequence has three tokens of padding
    causal = torch.ones(11, 11, dtype=torch.bool).tril()
    mask = torch.stack([causal, causal & left])[:, None]
    key[1, :, :3] = 1e4
    for form in (mask, torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)):
        found, _ = fake_quantise_cache(key, key, form, method)
        whole, _ = fake_quantise_cache(key[:1], key[:1], None, method)
        own, _ = fake_quantise_cache(key[1:, :, 3:], key[1:, :, 3:], None, method)
        assert torch.equal(found[:1], whole)
        assert torch.equal(found[1:, :, 3:], own)
        assert torch.equal(found[1, :, :3], key[1, :, :3])
