"""Softmax on the array: every step in BF16, and the models' with sums in FP32."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mugi.array.converter import Array
from mugi.array.softmax import sequential_sum, softmax
from mugi.bf16 import from_bf16, to_bf16
from mugi.llm.emulate import TableAttention
from mugi.methods import parse
from mugi.methods.tables import look_up
from tests.array.scores import scores_of
from tests.bf16_oracle import nearest_code, value_of

MASKED = 0xFF80


def rounded(value: Fraction) -> Fraction:
    """The non-negative `value` rounded to BF16, by the slow oracle."""
    return value_of(nearest_code(value))


def softmax_row(exponentials: list[Fraction], normalize: str) -> list[Fraction]:
    """Softmax of one row in BF16: keys added in order, every step rounded."""
    total = Fraction(0)
    for value in exponentials:
        total = rounded(total + value)
    if not total:
        return [Fraction(0)] * len(exponentials)
    if normalize == "divide":
        return [rounded(value / total) for value in exponentials]
    return [rounded(value * rounded(1 / total)) for value in exponentials]


@pytest.mark.parametrize("normalize", ["divide", "reciprocal"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_softmax_adds_keys_in_order_in_bf16(normalize, seed):
    random = np.random.default_rng(seed)
    method = parse(f"vlp:lut=9,max_exp=2,group=8,normalize={normalize}")
    scores = scores_of(random, (random.integers(1, 20), random.integers(1, 25)))
    seen = random.random(scores.shape) < 0.8
    scores[~seen] = MASKED
    run = softmax(Array(8), method, scores)
    exponentials = look_up(method.stack("exp"), scores, seen)
    for codes, found in zip(exponentials, run.probabilities, strict=True):
        expected = softmax_row([value_of(int(code)) for code in codes], normalize)
        assert [value_of(int(code)) for code in found] == expected


def test_sums_in_bf16_stop_growing_and_sums_in_fp32_do_not():
    equal = np.zeros((8, 1000), dtype=np.uint16)
    method = parse("vlp:lut=8,max_exp=3,group=8")
    narrow, wide = (softmax(Array(8), method, equal, name) for name in ("bf16", "fp32"))
    assert from_bf16(narrow.sums).tolist() == [256.0] * 8  # 256 + 1 rounds to 256
    assert from_bf16(wide.sums).tolist() == [1000.0] * 8
    assert from_bf16(wide.probabilities).sum(axis=1) == pytest.approx(1, rel=2**-8)


@pytest.mark.parametrize("keys, narrow", [(256, 1.03), (4096, 2.36)])
def test_probabilities_with_sums_in_fp32_are_those_of_the_models(keys, narrow):
    method = parse("vlp:lut=12,max_exp=3,group=8")
    scores = np.random.default_rng(0).normal(size=(8, keys))
    inputs = torch.from_numpy(scores).bfloat16()
    below = to_bf16((inputs.double() - inputs.double().amax(1, keepdim=True)).numpy())
    model = TableAttention(method, torch.device("cpu")).softmax(inputs[None, None])[0, 0]
    found = from_bf16(softmax(Array(8), method, below, "fp32").probabilities)
    same = (found == model.double().numpy()).all(axis=1)  # a near tie of a sum moves its row
    assert same.sum() >= 7
    own = from_bf16(softmax(Array(8), method, below).probabilities)
    assert own.sum(axis=1).mean() == pytest.approx(narrow, abs=0.05)


@pytest.mark.parametrize(
    "values, accumulator, total",
    [
        ([1, 2**-8, 2**-30], "fp32", 1),  # FP32 loses 2**-30, which leaves BF16 a tie
        ([1, 2**-8, 2**-22], "fp32", 1 + 2**-7),
        ([1, *[2**-8] * 99], "bf16", 1),
        ([*[2**-8] * 99, 1], "bf16", 1 + 50 / 128),
    ],
)
def test_sums_are_rounded_at_each_addition(values, accumulator, total):
    assert from_bf16(sequential_sum(np.array([values]), accumulator)).tolist() == [total]


def test_a_row_without_keys_gives_zeros():
    scores = np.full((9, 3), MASKED, dtype=np.uint16)
    scores[0] = 0
    run = softmax(Array(8), parse("vlp:lut=8,max_exp=3,group=8"), scores)
    assert (run.probabilities[1:] == 0).all()
    assert (run.probabilities[0] != 0).all()
