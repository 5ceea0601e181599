"""BF16 codes: every code, every halfway case, against exact fractions and torch."""

import math
import struct
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mugi.bf16 import (
    CODES,
    SPECIAL_EXPONENT,
    ZERO_EXPONENT,
    Fields,
    from_bf16,
    join,
    rounded,
    split,
    to_bf16,
)
from tests.bf16_oracle import INF, nearest_code, rounded_fields, value_of

MAGNITUDES = np.arange(INF, dtype=np.uint16)  # finite, not negative
IS_NAN = (CODES & 0x7FFF) > INF
FINITE = (CODES & 0x7FFF) < INF
IS_ZERO = (CODES & 0x7FFF) == 0


def in_torch(codes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(codes.view(np.int16)).view(torch.bfloat16)


def torch_codes(values: np.ndarray) -> np.ndarray:
    return torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)


def oracle_code(value: float) -> int:
    sign = 0x8000 if math.copysign(1, value) < 0 else 0
    return sign | (INF if math.isinf(value) else nearest_code(Fraction(abs(value))))


def test_values_of_all_codes_follow_the_definition():
    values = from_bf16(CODES)
    for code in CODES.tolist():
        expected = value_of(code)
        if math.isnan(expected):
            assert math.isnan(values[code])
        else:
            assert values[code] == expected
            assert np.signbit(values[code]) == (code >= 0x8000)


def test_values_of_all_codes_equal_torch():
    expected = in_torch(CODES.copy()).double().numpy()
    np.testing.assert_array_equal(from_bf16(CODES), expected)


def test_every_value_rounds_to_its_own_code():
    expected = np.where(IS_NAN, (CODES & 0x8000) | 0x7FC0, CODES)
    np.testing.assert_array_equal(to_bf16(from_bf16(CODES)), expected)


@pytest.mark.parametrize("sign", [1, -1])
def test_halfway_between_neighbours_goes_to_the_even_code(sign):
    sign_bit = 0 if sign > 0 else 0x8000
    lower = from_bf16(MAGNITUDES)
    upper = np.append(lower[1:], 2.0**128)  # beyond the largest number lies infinity
    halfway = (lower + upper) / 2  # exact in float64
    even = MAGNITUDES + (MAGNITUDES & 1)
    np.testing.assert_array_equal(to_bf16(sign * halfway), even | sign_bit)
    below, above = np.nextafter(halfway, 0), np.nextafter(halfway, np.inf)
    np.testing.assert_array_equal(to_bf16(sign * below), MAGNITUDES | sign_bit)
    np.testing.assert_array_equal(to_bf16(sign * above), (MAGNITUDES + 1) | sign_bit)


def test_float64_is_rounded_once():
    just_above_half = 1 + 2.0**-8 + 2.0**-40  # float32 would drop the last bit and see a tie
    assert to_bf16(just_above_half) == 0x3F81
    assert to_bf16(1 + 2.0**-8) == 0x3F80


@given(st.floats(allow_nan=False))
def test_any_float64_rounds_as_the_oracle(value):
    assert to_bf16(value) == oracle_code(value)


@given(st.integers(0, INF), st.integers(-3, 3), st.sampled_from([-1.0, 1.0]))
def test_float64_near_representable_and_halfway_values(code, ulps, sign):
    values = [float(value_of(code)) if code < INF else 2.0**128]
    values.append((values[0] + float(value_of(max(code - 1, 0)))) / 2)
    for value in values:
        for _ in range(abs(ulps)):
            value = np.nextafter(value, ulps * np.inf)
        assert to_bf16(sign * value) == oracle_code(sign * value)


def test_all_float16_inputs_equal_torch_and_the_oracle():
    values = CODES.view(np.float16)
    numbers = ~np.isnan(values)
    codes = to_bf16(values)
    np.testing.assert_array_equal(codes[numbers], torch_codes(values[numbers]))
    some = values[numbers][::7]
    assert to_bf16(some).tolist() == [oracle_code(float(value)) for value in some]
    assert np.isnan(from_bf16(codes[~numbers])).all()


def test_float32_inputs_equal_torch():
    bits = np.random.default_rng(0).integers(0, 1 << 32, 1_000_000, dtype=np.uint64)
    # half of them a BF16 code and a few low bits: near the halfway cases
    low = bits % 7 + 0x7FFD
    bits[::2] = (bits[::2] & 0xFFFF0000) | low[::2]
    values = bits.astype(np.uint32).view(np.float32)
    values = values[~np.isnan(values)]
    np.testing.assert_array_equal(to_bf16(values), torch_codes(values))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_stays_nan_and_keeps_its_sign(dtype):
    values = np.array([np.nan, -np.nan], dtype=dtype)
    assert to_bf16(values).tolist() == [0x7FC0, 0xFFC0]


def test_signalling_nan_becomes_quiet_without_a_warning():
    signalling = np.frombuffer(struct.pack("<I", 0x7F800001), dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_bf16(signalling).tolist() == [0x7FC0]
        assert np.isnan(from_bf16(np.array([0x7F81, 0xFF81]))).all()


@pytest.mark.filterwarnings("error")
def test_overflow_and_underflow():
    largest = from_bf16(np.uint16(INF - 1))
    assert to_bf16([largest, 2.0**128, 1.79e308, np.inf]).tolist() == [INF - 1, INF, INF, INF]
    assert to_bf16([2.0**-133, 2.0**-134, 1e-300, -5e-324]).tolist() == [1, 0, 0, 0x8000]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3, 4)])
def test_shape_and_dtype(shape):
    codes = to_bf16(np.ones(shape))
    assert codes.shape == shape
    assert codes.dtype == np.uint16
    values = from_bf16(codes)
    assert values.shape == shape
    assert values.dtype == np.float64


def test_rounded_numbers_are_those_of_torch():
    values = np.random.default_rng(1).normal(size=1000)
    expected = torch.from_numpy(values).bfloat16().double().numpy()
    np.testing.assert_array_equal(rounded(values), expected)
    np.testing.assert_array_equal(rounded(expected), expected)
    assert rounded(values.astype(np.float32)).dtype == np.float64


def test_seven_bits_split_and_join_every_code():
    expected = np.where(IS_NAN, (CODES & 0x8000) | 0x7FC0, CODES)
    np.testing.assert_array_equal(join(split(CODES)), expected)


@pytest.mark.parametrize("bits", range(1, 8))
def test_split_and_join_of_every_number_follow_the_oracle(bits):
    codes = MAGNITUDES[1:]
    expected = [rounded_fields(code, bits) for code in codes.tolist()]
    fields = split(codes, bits)
    assert list(zip(*(field.tolist() for field in fields), strict=True)) == expected
    for value, (_, mantissa, exponent) in zip(from_bf16(join(fields, bits)), expected, strict=True):
        rounded = math.ldexp(2**bits + mantissa, exponent - bits)
        assert value == (rounded if exponent < 128 else math.inf)


@pytest.mark.parametrize("bits", range(1, 8))
def test_sign_changes_no_other_field(bits):
    positive, negative = split(MAGNITUDES, bits), split(MAGNITUDES | 0x8000, bits)
    assert not positive.sign.any()
    assert negative.sign.all()
    np.testing.assert_array_equal(positive.mantissa, negative.mantissa)
    np.testing.assert_array_equal(positive.exponent, negative.exponent)
    np.testing.assert_array_equal(join(negative, bits), join(positive, bits) | 0x8000)


@pytest.mark.parametrize("bits", range(1, 8))
def test_rounding_is_idempotent_and_keeps_order(bits):
    once = join(split(MAGNITUDES, bits), bits)
    np.testing.assert_array_equal(join(split(once, bits), bits), once)
    assert (np.diff(once.astype(int)) >= 0).all()


@pytest.mark.parametrize("bits", [1, 3, 7])
def test_specials_are_told_by_their_exponent(bits):
    sign, mantissa, exponent = split(CODES, bits)
    np.testing.assert_array_equal(sign, CODES >= 0x8000)
    assert set(exponent[IS_ZERO]) == {ZERO_EXPONENT}
    assert set(mantissa[IS_ZERO]) == {0}
    assert set(exponent[~FINITE]) == {SPECIAL_EXPONENT}
    assert set(mantissa[IS_NAN]) == {1}
    assert set(mantissa[~FINITE & ~IS_NAN]) == {0}
    ordinary = exponent[FINITE & ~IS_ZERO]
    assert ordinary.min() == -133
    assert ordinary.max() == (127 if bits == 7 else 128)


def test_three_bits_of_pi():
    sign, mantissa, exponent = split(to_bf16(-math.pi), 3)
    assert (bool(sign), int(mantissa), int(exponent)) == (True, 5, 1)  # -1.101b · 2
    assert from_bf16(join(Fields(sign, mantissa, exponent), 3)) == -3.25


@pytest.mark.parametrize("bits", [0, 8, -1])
def test_split_refuses_other_mantissa_widths(bits):
    with pytest.raises(ValueError, match=f"mantissa_bits is {bits}; allowed: 1 to 7"):
        split(CODES, bits)
