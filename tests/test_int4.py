"""INT4 numbers: the numpy reference against a plain loop and bounds of its error."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError
from mugi.int4 import quantise
from mugi.methods import parse_operations

SCHEMES = ["symmetric", "asymmetric"]
NUMBERS = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 40)),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False)
    | st.sampled_from([0.0, -0.0, 1e-30, 3.0e38, -3.0e38]),
)


def plain(values: list[float], scheme: str, bits: int = 4) -> list[float]:
    """One group, number by number."""
    low, high = min(0.0, *values), max(0.0, *values)
    largest, levels = 2 ** (bits - 1) - 1, 2**bits - 1
    span = max(-low, high) / largest if scheme == "symmetric" else (high - low) / levels
    scale = float(from_bf16(to_bf16(np.float32(span))))
    if scale == 0:
        return [0.0] * len(values)
    if scheme == "symmetric":
        return [min(largest, max(-largest, round(v / scale))) * scale for v in values]
    zero = min(levels, max(0, round(-low / scale)))
    return [(min(levels, max(0, round(v / scale) + zero)) - zero) * scale for v in values]


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


def test_a_group_may_be_the_row():
    values = np.random.default_rng(0).normal(size=(3, 20))
    row, whole = quantise(values, -1), quantise(values, 20)
    np.testing.assert_array_equal(row.codes, whole.codes)
    assert (row.group, row.scales.shape) == (20, (3, 1))


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.integers(1, 48), st.sampled_from(SCHEMES))
def test_error_range(values, group, scheme):
    result = quantise(values, group, scheme)
    largest = 7 if scheme == "symmetric" else 15
    assert np.abs(result.codes.astype(int)).max() <= largest
    scales = np.repeat(from_bf16(result.scales), group, axis=-1)[..., : values.shape[1]]
    # half a step, and what rounding the scale to BF16 and the zero point cut off
    slack = largest * scales * 2.0**-8 + (0.5 * scales if scheme == "asymmetric" else 0)
    usual = scales > 1e-30
    assert (np.abs(result.values() - values) <= 0.5001 * scales + slack)[usual].all()


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
        ("woq=in4:group=2", "unknown method 'in4' (did you mean 'int4'?); one of: int4, int8"),
        ("woq=int4:group=0", "group: must be a whole number from 1, or -1 for the whole row"),
        (
            "kvq=int8:group=row",
            "group: must be a whole number from 1, or -1 for the whole row",
        ),
        ("woq=int8", "group: missing"),
        ("woq=int8:grup=8", "unknown parameter 'grup' (did you mean 'group'?); one of: group, "),
        ("woq=mxfp4:group=32", "unknown parameter 'group'; allowed: none"),
        ("woq=mxfp8", "unknown method 'mxfp8' (did you mean 'mxfp4'?)"),
        ("woq=int4:group=8,axis=channel", "a scale for each output of weights is group=-1"),
        ("kvq=int4:group=8,axis=chanel", "(did you mean 'channel'?); one of: token, channel"),
        ("kvq=int4:group=8,scheme=asymetric", "(did you mean 'asymmetric'?); one of: symmetric"),
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
    for text in [
        "softmax=exact;woq=int4:group=64,scheme=asymmetric;kvq=int4:group=32",
        "woq=int8:group=-1;kvq=int8:group=32,scheme=asymmetric,axis=channel",
        "woq=mxfp4;kvq=mxfp4",
    ]:
        assert str(parse_operations(text)) == text
