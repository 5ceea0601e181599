"""Taylor series against exact arithmetic and torch, and how good they are."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from mugi.bf16 import from_bf16, to_bf16
from mugi.methods import parse
from mugi.methods.taylor import Taylor
from tests.bf16_oracle import nearest_code, value_of
from tests.methods.repository import FINITE, X, of_kind


def powers(method: Taylor, distance: float) -> float:
    """Sum of powers of a BF16 distance, every step in exact arithmetic rounded to BF16."""

    def rounded(value: Fraction) -> Fraction:
        return (-1 if value < 0 else 1) * value_of(nearest_code(abs(value)))

    total = Fraction(0)
    for power in range(method.degree + 1):
        factor = np.float32(math.exp(-math.lgamma(power + 1)))
        term = np.float32(float(rounded(Fraction(distance) ** power))) * factor  # in FP32
        total = rounded(total + rounded(Fraction(float(term))))
    scaled = np.float32(float(total)) * np.float32(math.exp(method.center))
    return float(rounded(Fraction(float(scaled))))


def test_taylor_tables():
    for method in of_kind(Taylor, "exp"):
        kept = (method.cut_off() <= X) & (X <= 0)
        (table,) = method.stack("exp").tables
        assert (table[FINITE & (method.cut_off() > X)] == 0).all()
        if method.evaluation == "powers":
            distance = from_bf16(to_bf16(X[kept] - method.center))
            values = {one: powers(method, one) for one in np.unique(distance).tolist()}
            expected = np.array([values[one] for one in distance.tolist()])
        else:
            distance = torch.from_numpy(X[kept]).float() - method.center
            total = torch.zeros_like(distance)
            for power in range(method.degree, -1, -1):
                total = total * distance + math.exp(-math.lgamma(power + 1))
            expected = (total * np.float32(math.exp(method.center)).item()).bfloat16()
            expected = expected.double().numpy()
        assert np.array_equal(from_bf16(table[kept]), expected), str(method)


def table(text: str, function: str) -> np.ndarray:
    return from_bf16(parse(text).stack(function).tables[0])


# lowest input that the published search keeps, centres -9 to 2 (recomputed from the published code)
CUT_OFFS = {
    5: [-7, -7, -7, -7, -6.75, -5.75, -4.75, -4, -0.25, -0.25, 0, 0],
    6: [-7, -7, -7, -7, -6.75, -6.25, -5.25, -4.25, -0.25, -0.25, -0.25, -0.25],
    7: [-7, -7, -7, -7, -7.5, -6.5, -5.5, -4.5, -0.25, -0.25, 0, 0],
    8: [-7, -7, -7, -7, -7, -6.5, -5.75, -5, -0.25, -0.25, -0.25, -0.25],
    9: [-7, -7, -7, -7, -7, -7, -6, -5, -0.25, -0.25, 0, 0],
    10: [-7, -7, -7, -7, -7, -7, -6.25, -5.5, -0.25, -0.25, -0.25, -0.25],
}


@pytest.mark.parametrize("degree", CUT_OFFS)
def test_published_taylor_cuts_off_where_its_search_stops(degree):
    found = [parse(f"taylor:degree={degree},center={c}").cut_off() for c in range(-9, 3)]
    assert found == CUT_OFFS[degree]


def test_taylor_done_right_is_never_worse_than_flushing():
    found = table("taylor:degree=9,center=-4,evaluation=horner,cutoff=error", "exp")
    inside = FINITE & (X <= 0)
    exact = np.exp(X[inside])
    assert (np.abs(found[inside] - exact) <= exact * (1 + 2**-8)).all()
    near = (X >= -6) & (X <= -2)
    np.testing.assert_allclose(found[near], np.exp(X[near]), rtol=2**-8)
