"""Partial approximation against torch."""

import numpy as np
import pytest
import torch

from mugi.bf16 import from_bf16
from mugi.methods import parse
from mugi.methods.partial import Partial
from tests.methods.repository import FINITE, X


@pytest.mark.parametrize("function, slope", [("silu", 1.0), ("gelu", 1.702), ("gelu_tanh", 1.702)])
def test_partial_tables(function, slope):
    x = torch.from_numpy(X[FINITE]).bfloat16()
    expected = x * (slope * x + 3).clamp(0, 6) / 6
    (table,) = Partial().stack(function).tables
    assert np.array_equal(from_bf16(table[FINITE]), expected.double().numpy())


def table(text: str, function: str) -> np.ndarray:
    return from_bf16(parse(text).stack(function).tables[0])


def test_hard_swish_is_the_one_of_torch():
    x = torch.linspace(-5, 5, 257).bfloat16()
    codes = x.view(torch.int16).numpy().view(np.uint16)
    expected = torch.nn.functional.hardswish(x.double()).numpy()
    np.testing.assert_allclose(table("partial", "silu")[codes], expected, atol=0.02)
