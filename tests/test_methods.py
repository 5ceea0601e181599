"""Every method that is named anywhere in the repository, and the paper's grids: all 65,536 codes.

Each table is compared with a reference written another way: VLP with integer arithmetic on the
bits of a code, PWL and Taylor with torch's and exact arithmetic. The exact tables, which the VLP
reference reads, are compared with mpmath in test_approximations.py.
"""

import itertools
import math
import re
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from mugi.bf16 import CODES, from_bf16, to_bf16
from mugi.errors import InputError
from mugi.methods import parse
from mugi.methods.functions import FUNCTIONS, exact_table
from mugi.methods.method import Method
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.taylor import Taylor
from mugi.methods.vlp import VLP
from tests.bf16_oracle import nearest_code, value_of

ROOT = Path(__file__).parents[1]
READ = ["*.yaml", "config/*.yaml", "docs/*.md", "README.md", "tests/*.py", "figures/*.py"]
NAMED = re.compile(r"\b(?:exact|partial|(?:vlp|pwl|taylor):[a-z_]+=[\w.=,-]*\w)")
X = from_bf16(CODES)
FINITE = np.isfinite(X)
MAGNITUDE = CODES.astype(np.int64) & 0x7FFF
NEGATIVE = CODES >= 0x8000


def named() -> list[Method]:
    """All methods that files of the repository name, once each."""
    found = {}
    for pattern in READ:
        for path in sorted(ROOT.glob(pattern)):
            for text in NAMED.findall(path.read_text(encoding="utf-8")):
                try:
                    method = parse(text)
                except InputError:  # a part of an f-string, or a mistake that a test wants
                    continue
                found[str(method)] = method
    return list(found.values())


def grid(text: str, **values) -> list[Method]:
    """Methods of all combinations of `values`."""
    pairs = itertools.product(*([f"{key}={one}" for one in some] for key, some in values.items()))
    return [parse(f"{text}{','.join(pair)}") for pair in pairs]


PAPER = [
    *grid("vlp:", lut=range(8, 13), max_exp=range(-2, 5)),
    *grid("vlp:", lut=range(8, 13), min_exp=range(-8, 3)),
    *grid("vlp:underflow=keep,build=published,", lut=(8, 12), min_exp=range(-8, 3)),
    *grid("vlp:mantissa=4,", lut=(8, 16), max_exp=range(-1, 8)),
    *grid("vlp:adapt=8,", lut=(8, 12), max_exp=(3, 4)),
    *grid("pwl:", segments=range(20, 26), range=(3, 5, 7, 11, 16, 18, 20, 22, 24)),
    *grid("pwl:coefficients=fp32,", segments=range(20, 26), range=(5, 16, 24)),
    *grid("taylor:", degree=(5, 10), center=(-9, -2)),
    *grid("taylor:evaluation=horner,cutoff=error,", degree=(5, 9), center=(-9, -4, 1)),
]


def of_kind(kind: type[Method], function: str) -> list[Method]:
    """Methods of one class, those that differ in how inputs are grouped or normalised once.

    Both GELUs have the methods that are named, exp and SiLU the paper's grids too.
    """
    same = {"normalize": "divide", "group": 256, "grouping": "rows", "zeros": "skip", "leak": 16}
    methods = named() if function.startswith("gelu") else [*named(), *PAPER]
    methods = [method for method in methods if type(method) is kind]
    update = {key: value for key, value in same.items() if key in kind.model_fields}
    return list(dict.fromkeys(method.model_copy(update=update) for method in methods))


def test_methods_are_found_in_the_repository():
    found = {str(method) for method in named()}
    assert {"exact", "partial", "vlp:lut=8,max_exp=3", "pwl:segments=22,range=16"} <= found
    assert len(found) > 50


# --- VLP by integers ----------------------------------------------------------------------------


@cache
def integer_fields(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Mantissa of `bits` bits and exponent of every finite code other than zero."""
    field, low = MAGNITUDE >> 7, MAGNITUDE & 0x7F
    significand = np.where(field > 0, 128 + low, low)
    exponent = np.maximum(field, 1) - 127
    for _ in range(7):  # subnormals: up to 7 leading zeros
        small = (significand < 128) & (significand > 0)
        significand = np.where(small, 2 * significand, significand)
        exponent = exponent - small
    cut = 7 - bits
    kept, rest, half = significand >> cut, significand & ((1 << cut) - 1), (1 << cut) >> 1
    up = (rest > half) | ((rest == half) & (kept % 2 == 1)) if cut else np.zeros(1 << 16, bool)
    kept = kept + up
    carried = kept == 2 << bits
    return np.where(carried, 0, kept - (1 << bits)), exponent + carried


def integer_code(mantissa: np.ndarray, exponent: np.ndarray, bits: int) -> np.ndarray:
    """Magnitude code of (1 + mantissa / 2^bits) · 2^exponent; ties of subnormals to even."""
    significand = ((1 << bits) + mantissa) << (7 - bits)
    shift = np.clip(-126 - exponent, 0, 60)
    kept, rest = significand >> shift, significand & ((1 << shift) - 1)
    half = (1 << shift) >> 1
    kept = kept + ((shift > 0) & ((rest > half) | ((rest == half) & (kept % 2 == 1))))
    normal = ((exponent + 127) << 7) + significand - 128
    return np.minimum(np.where(exponent >= -126, normal, kept), 0x7F80)


def vlp_reference(method: VLP, function: str, window) -> np.ndarray:
    """The table of one window: (lowest and highest exponent, of the sliding window and the LUT)."""
    low, high, lut_low, lut_high = window
    mantissa, exponent = integer_fields(method.mantissa)
    sign = CODES.astype(np.int64) & 0x8000
    table = exact_table(function)
    keeps = method.underflow == "keep" and method.overflow == "flush"
    inside = np.where((exponent > high) & (not keeps), (1 << method.mantissa) - 1, mantissa)
    inside = np.where((exponent < low) & (method.underflow == "clamp"), 0, inside)
    within = np.minimum(np.maximum(exponent, low), high)
    found = table[integer_code(inside, within, method.mantissa) | sign].astype(np.int64)
    lost = exponent < (low if method.underflow == "zero" else -1000)
    lost |= (exponent < lut_low) & (function != "exp")
    found = np.where(lost, table[sign], found)
    if method.overflow == "flush":
        if function == "exp":
            limit = np.where(NEGATIVE, 0, 0x7F80)
        else:
            limit = np.where(NEGATIVE, 0x8000, CODES)
        found = np.where(exponent > lut_high, limit, found)
    return np.where(FINITE & (MAGNITUDE > 0), found, table)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_vlp_tables(function):
    for method in of_kind(VLP, function):
        stack, windows = method.stack(function), method.windows(function)
        assert len(stack.tables) == len(windows) == stack.positions.max() + 1
        for window, found in zip(windows, stack.tables, strict=True):
            expected = vlp_reference(method, function, window)
            assert np.array_equal(found, expected), (str(method), window)
            if function != "exp":
                check_symmetry(found, function, method, window)
        if method.underflow != "keep":  # which scales small inputs up
            check_monotone(stack.tables, function)


def check_monotone(tables: np.ndarray, function: str) -> None:
    """exp of negative inputs and activations of positive ones never fall as the input rises."""
    order = CODES[0xFF80:0x7FFF:-1] if function == "exp" else CODES[:0x7F81]
    outputs = tables[:, order].astype(np.int32)  # none is negative: codes are in order
    assert (outputs < 0x8000).all()
    assert (outputs[:, 1:] >= outputs[:, :-1]).all()


def check_symmetry(table: np.ndarray, function: str, method: Method, window=None) -> None:
    """f(a) - f(-a) = a: both signs share mantissa, exponent and window."""
    held, argument = (MAGNITUDE >= 0x80) & FINITE & ~NEGATIVE, X
    if window:
        mantissa, exponent = integer_fields(method.mantissa)
        held &= exponent >= max(window.low, window.lut_low)
        held &= exponent <= min(window.high, window.lut_high)
        argument = np.ldexp(1 + mantissa / 2**method.mantissa, exponent)
    codes = CODES[held]
    above, below = from_bf16(table[codes]), from_bf16(table[codes | 0x8000])
    steps = 6 if method.name == "partial" else 1  # roundings on the way
    bound = steps * 2.0**-8 * (np.abs(above) + np.abs(below)) + 2.0**-133
    assert (np.abs(above - below - argument[held]) <= bound).all(), (str(method), window)


@pytest.mark.parametrize("function", ["silu", "gelu", "gelu_tanh"])
@pytest.mark.parametrize("text", ["exact", "partial"])
def test_activations_of_opposite_inputs_differ_by_the_input(function, text):
    (table,) = parse(text).stack(function).tables
    check_symmetry(table, function, parse(text))


# --- piecewise linear ---------------------------------------------------------------------------


def published_pwl(function: str, x: torch.Tensor, low: float, high: float, segments: int):
    """The published recipe in torch: break-points and chords recomputed for each element."""
    step = np.float32((high - low) / segments).item()

    def f(x):
        return torch.from_numpy(FUNCTIONS[function](x.double().numpy())).bfloat16()

    index = ((x - low) / step).floor().clamp(0, segments).float()
    left = (low + index * step).bfloat16()
    right = (low + (index + 1) * step).bfloat16()
    slope = (f(right) - f(left)) / step
    return slope * x + (f(left) - slope * left)


def chords(function: str, x: np.ndarray, low: float, high: float, segments: int) -> np.ndarray:
    """BF16 codes of chords with FP32 coefficients, segment after segment."""
    found = np.zeros(len(x), dtype=np.uint16)
    ends = [low + number * (high - low) / segments for number in range(segments + 1)]
    values = [float(FUNCTIONS[function](np.float64(end))) for end in ends]
    for left, right, y, z in zip(ends[:-1], ends[1:], values[:-1], values[1:], strict=True):
        slope = (z - y) / (right - left)
        inside = x >= np.float32(left)
        line = float(np.float32(slope)) * x + float(np.float32(y - slope * left))
        found = np.where(inside, to_bf16(line), found)
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pwl_tables(function):
    methods = [method for method in of_kind(PWL, function) if method.spacing == "uniform"]
    for method in methods:
        low, high = -method.range, 0.0 if function == "exp" else method.range
        inside = (low <= X) & (high >= X)
        if method.coefficients == "bf16":
            x = torch.from_numpy(X[inside]).bfloat16()
            found = published_pwl(function, x, low, high, method.segments)
            expected = found.view(torch.int16).numpy().view(np.uint16)
        else:
            expected = chords(function, X[inside], low, high, method.segments)
        (table,) = method.stack(function).tables
        # through (0, 0), where an intercept is nothing but the rounding errors of float64
        noise = 1e-12 if method.coefficients == "fp32" else 0
        wrong = np.abs(from_bf16(table[inside]) - from_bf16(expected)) > noise
        assert not wrong.any(), (str(method), X[inside][wrong][:5])
        beyond = FINITE & (high < X) & (function != "exp")
        assert np.array_equal(table[beyond], CODES[beyond])
        assert (from_bf16(table[FINITE & (low > X)]) == 0).all()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("segments, reach", [(5, 8), (22, 16), (22, 5)])
def test_minimax_segments_have_equal_errors(function, segments, reach):
    """Of the lines before BF16 rounds them: all but the last segment are as wrong as the worst."""
    x = np.linspace(-reach, 0 if function == "exp" else reach, 1 << 13)
    fit = parse(f"pwl:segments={segments},range={reach},coefficients=fp32,spacing=minimax").fit
    edges, slope, intercept = fit(function)
    assert len(slope) <= segments
    index = np.clip(np.searchsorted(edges, x, "right") - 1, 0, len(slope) - 1)
    error = np.abs(slope[index] * x + intercept[index] - FUNCTIONS[function](x))
    worst = np.array([error[index == segment].max() for segment in range(len(slope))])
    assert worst.max() < 1.03 * np.median(worst)  # on a grid
    edges, slope, intercept = parse(f"pwl:segments={segments},range={reach},coefficients=fp32").fit(
        function
    )
    index = np.clip(np.searchsorted(edges, x, "right") - 1, 0, segments - 1)
    chord = np.abs(slope[index] * x + intercept[index] - FUNCTIONS[function](x))
    assert worst.max() < chord.max() / 2


# --- Taylor and partial -------------------------------------------------------------------------


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


@pytest.mark.parametrize("function, slope", [("silu", 1.0), ("gelu", 1.702), ("gelu_tanh", 1.702)])
def test_partial_tables(function, slope):
    x = torch.from_numpy(X[FINITE]).bfloat16()
    expected = x * (slope * x + 3).clamp(0, 6) / 6
    (table,) = Partial().stack(function).tables
    assert np.array_equal(from_bf16(table[FINITE]), expected.double().numpy())


# --- specials -----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_infinities_and_nan_are_those_of_the_function(function):
    special = CODES[~FINITE]
    for kind in (PWL, Taylor, Partial):
        for method in of_kind(kind, function) if function in kind.functions else []:
            (table,) = method.stack(function).tables
            assert (table[special] == exact_table(function)[special]).all(), str(method)
            assert not np.isnan(from_bf16(table[FINITE])).any(), str(method)
