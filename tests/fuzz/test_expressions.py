"""Expressions of designs, claims and sweeps: any text, on numbers, arrays and tables."""

import contextlib

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from mugi.expressions import FUNCTIONS, parse
from mugi.units import unit_of_arithmetic
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import NUMBERS, TEXTS, damaged

SCOPES = (
    {"H": 3.0, "W": 2.0, "rule": "none", "n": 2, "work_gop": 2.0, "e_nj": 1e-9},
    {"H": np.array([[1.0], [2.0], [8.0]]), "W": 0.5, "rule": "none", "n": np.array([[1.0, 2.0]])},
    {"H": pd.Series([1.0, 2.0]), "W": pd.Series([2, 1]), "rule": pd.Series(["a", "b"]), "n": 1},
)
BINARY = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "//",
    "<<",
    ">>",
    "|",
    "&",
    "^",
    "@",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "and",
    "or",
    "is",
    "in",
    ",",
    ";",
    ":=",
]
ATOMS = st.sampled_from(
    [
        "H",
        "W",
        "rule",
        "n",
        "work_gop",
        "e_nj",
        "'none'",
        '"%s"',
        "''",
        "True",
        "None",
        "...",
        "1j",
        "b'a'",
        "f'{H}'",
        "10**400",
        "1e309",
        "9" * 30,
        "0x1F",
        "1_0",
        "[]",
        "{}",
        "()",
        "lambda: H",
        "__import__",
    ]
) | st.sampled_from(NUMBERS).map(repr)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["-", "+", "~", "not "]), inner).map("".join),
        st.tuples(st.sampled_from([*FUNCTIONS, "open", "eval"]), st.lists(inner, max_size=3)).map(
            lambda t: f"{t[0]}({', '.join(t[1])})"
        ),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(inner, st.sampled_from([".__class__", "[0]", "()", "(*H)", "(x=1)"])).map(
            "".join
        ),
        st.tuples(inner, st.integers(1, 3000)).map(lambda t: "(" * t[1] + t[0] + ")" * t[1]),
        st.tuples(inner, st.integers(1, 400)).map(lambda t: "*".join([t[0]] * t[1])),
    )


GRAMMAR = st.recursive(ATOMS, _larger, max_leaves=12)
VALID = ["1 if rule == 'none' else max(1, floor(H/(4*W)))", "ceil(log2(H)) + 1", "H*W % 3**n >= 2"]
TOKENS = [*BINARY, "(", ")", "'", '"', "\\", "\n", "#", "H", "rule", "if", "else", "for x in", "**"]


def used(text: str, folder) -> None:
    """Parse an expression, and use it as designs and claims do."""
    expression = parse(text, "here")
    with contextlib.suppress(ValueError):  # units that cannot be added: a mistake of a claim
        unit_of_arithmetic(expression.text)
    for scope in SCOPES:
        if expression.names <= scope.keys():
            expression.number(scope)
            with np.errstate(all="ignore"):
                expression.checked(expression(scope))


PARSER = Parser(
    "expressions",
    st.one_of(GRAMMAR, GRAMMAR, damaged(VALID, TOKENS), st.text(max_size=20)),
    used,
    good=tuple(VALID),
    seeds=(*TEXTS, "\ud800", "work_gop**64", "e_nj**64 + e_nj", "True", "1if H else 2"),
    quick=100,
)


def test_expressions(fuzzed):
    fuzzed(PARSER)
