"""Tables by their bits: who changes one raises `mugi.methods.VERSION`.

Measurements with approximations are kept under that version. Whoever sees this test fail raises
the version and replaces the digests: those that fail print the new ones.

PWL with FP32 coefficients is compared at a few inputs: at an activation's zero its tables hold the
rounding errors of float64, which another processor may make elsewhere.
"""

import hashlib

import numpy as np
import pytest

from mugi.bf16 import from_bf16, to_bf16
from mugi.methods import METHODS, VERSION, parse

DIGESTS = {
    ("exact", "exp"): "7871458e65eb315f",
    ("exact", "silu"): "50725aba02bdcd89",
    ("exact", "gelu"): "c27a8b1e7bde013a",
    ("exact", "gelu_tanh"): "c7b05ae64213438c",
    ("vlp:lut=12,max_exp=3", "exp"): "11e266881d160929",
    ("vlp:lut=12,max_exp=3", "silu"): "db14397327c3d828",
    ("vlp:lut=12,max_exp=3", "gelu"): "7fda08021865e0dc",
    ("vlp:lut=12,max_exp=3", "gelu_tanh"): "93de9625f6fd9bd1",
    ("vlp:lut=8,max_exp=1,adapt=6,leak=4", "exp"): "094b86b02eaf6140",
    ("vlp:lut=8,min_exp=-6,underflow=keep,build=published", "silu"): "e9826655d9b2702d",
    (
        "vlp:lut=10,min_exp=-4,overflow=saturate,underflow=zero,mantissa=5",
        "exp",
    ): "932478dcf8c626fb",
    ("vlp:lut=12,max_exp=3,grouping=strided,zeros=count", "silu"): "14aac630c92010b3",
    ("pwl:segments=22,range=15", "exp"): "6a9e387ee2e06f75",
    ("pwl:segments=22,range=5", "silu"): "0acbb61e30e3bebe",
    ("taylor:degree=9,center=-4.5", "exp"): "88b5a6bc5119735a",
    ("taylor:degree=9,center=-4,evaluation=horner,cutoff=error", "exp"): "4ddee28745d5ef86",
    ("partial", "silu"): "a6f875e47bd73bb4",
    ("partial", "gelu"): "cad0bb7d54f18cea",
}
VALUES = {
    ("pwl:segments=22,range=15,coefficients=fp32", "exp"): [
        0.01177978515625,
        0.1103515625,
        0.48046875,
        0.91015625,
    ],
    ("pwl:segments=22,range=5,coefficients=fp32", "silu"): [
        -0.0498046875,
        -0.21484375,
        -0.2314453125,
        -0.048583984375,
    ],
    ("pwl:segments=12,range=8,coefficients=fp32,spacing=minimax", "exp"): [
        0.01068115234375,
        0.10595703125,
        0.47265625,
        0.8828125,
    ],
}
INPUTS = [-4.5, -2.25, -0.75, -0.125]


def digest(text: str, function: str) -> str:
    """First 16 digits of the sha256 of a method's tables, and of the rule that picks one."""
    stack = parse(text, function).stack(function)
    content = hashlib.sha256(stack.tables.astype("<u2").tobytes())
    content.update(stack.positions.astype("<u2").tobytes())
    if stack.adaption:
        content.update(stack.adaption.needed.tobytes())
        content.update(f"{stack.adaption.leak} {stack.adaption.along}".encode())
    content.update(f"{stack.extreme} {stack.group} {stack.grouping} {stack.zeros}".encode())
    return content.hexdigest()[:16]


def test_version():
    assert VERSION == 1  # that of the digests and values above


@pytest.mark.parametrize(("text", "function"), DIGESTS)
def test_tables_are_those_of_the_version(text, function):
    assert digest(text, function) == DIGESTS[text, function]


@pytest.mark.parametrize(("text", "function"), VALUES)
def test_values_are_those_of_the_version(text, function):
    (table,) = parse(text, function).stack(function).tables
    found = from_bf16(table[to_bf16(INPUTS)])
    np.testing.assert_allclose(found, VALUES[text, function], rtol=2**-8)  # a BF16 step


def test_every_method_has_a_digest():
    assert {text.partition(":")[0] for text, _ in DIGESTS} == set(METHODS)


def test_a_changed_entry_would_be_noticed(monkeypatch):
    stack = parse("vlp:lut=12,max_exp=3").stack("exp")
    tables = stack.tables.copy()
    tables[0, 0xBF80] += np.uint16(1)
    changed = type(stack)(tables, stack.positions)
    monkeypatch.setattr(METHODS["vlp"], "stack", lambda self, function: changed)
    text = "vlp:lut=12,max_exp=3"
    assert digest(text, "exp") != DIGESTS[text, "exp"]
