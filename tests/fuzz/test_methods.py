"""Method strings: approximations, quantisers and distributions, one or grids of them."""

import tempfile
from pathlib import Path
from typing import Literal, get_args, get_origin

from hypothesis import strategies as st

from mugi.analysis.distribution import DISTRIBUTIONS, drawn
from mugi.errors import InputError
from mugi.methods import FUNCTIONS, parse, parse_operations
from mugi.methods.grid import expand, expand_operations
from mugi.methods.operations import OPERATIONS
from mugi.methods.registry import METHODS, QUANTISERS
from tests.fuzz.harness import Parser, check_lines
from tests.fuzz.inputs import NUMBERS, TEXTS, damaged

KINDS = METHODS | QUANTISERS | DISTRIBUTIONS
VALUES = st.one_of(
    st.sampled_from([*map(str, NUMBERS), *TEXTS, "8|12", "1..3", "3..1", "-99999999..99999999"]),
    st.integers(1, 16).map(str),
    st.integers(1, 16).map(str),
    st.floats(-100, 100).map(str),
)


def allowed(kind: type, key: str) -> list[str]:
    """Return the words that a parameter may be."""
    annotation = kind.model_fields[key].annotation
    return list(get_args(annotation)) if get_origin(annotation) is Literal else []


@st.composite
def named(draw, kinds=tuple(KINDS)) -> str:
    """Draw a name with parameters, most of which it has."""
    name = draw(st.sampled_from(kinds))
    fields = {key: KINDS[name].model_fields[key] for key in KINDS[name].parameters()}
    keys = [key for key, field in fields.items() if field.is_required()]
    keys += draw(st.lists(st.sampled_from([*fields, "max_exp", "?"]), max_size=3))
    if draw(st.integers(0, 9)) == 0:
        keys = keys[1:]
    pairs = []
    for key in keys:
        words = allowed(KINDS[name], key) if key in fields else []
        pairs.append(f"{key}={draw(st.sampled_from(words) if words else VALUES)}")
    return f"{name}:{','.join(pairs)}"


OPERATION = st.tuples(st.sampled_from([*OPERATIONS, "?"]), named()).map("=".join)
VALID = (
    "softmax=vlp:lut=12,max_exp=3;activation=pwl:segments=22,range=5;woq=int4:group=64",
    "softmax=taylor:degree=9,center=-4;kvq=int8:group=-1,scheme=asymmetric,axis=channel",
    "softmax=vlp:lut=8|12,max_exp=-2..4;activation=partial",
    "native",
    "woq=mxfp4",
    "vlp:lut=8,min_exp=-3,window=4,build=published,adapt=0",
    "exp=normal:mean=0,std=3",
    "silu=uniform:low=-4,high=4",
)
TOKENS = (
    "softmax=",
    ";",
    ",",
    "|",
    "..",
    "=",
    ":",
    "lut=",
    "1e999",
    "-1",
    "0..1e9",
    " ",
    "\n",
    "٣",
)


def _as_operations(text: str) -> None:
    methods = expand_operations([text])
    assert [parse_operations(str(method)) for method in methods[:3]] == methods[:3]


def _as_grid(text: str) -> None:
    expand([text], "softmax")[0].stack("exp")


def _as_method(text: str) -> None:
    method = parse(text)
    assert parse(str(method)) == method


def _as_inputs(text: str) -> None:
    drawn(text, groups=8)


def used(text: str, folder: Path) -> None:
    """Read a text in every way there is; raises the first InputError if none takes it."""
    refused = []
    ways = (_as_operations, _as_grid, _as_method, _as_inputs)
    for read in ways:
        try:
            read(text)
        except InputError as error:
            check_lines(error)
            refused.append(error)
    if len(refused) == len(ways):
        raise refused[0]


PARSER = Parser(
    "methods",
    st.one_of(
        named(),
        st.lists(OPERATION, min_size=1, max_size=3).map(";".join),
        st.tuples(st.sampled_from([*FUNCTIONS, "?"]), named(tuple(DISTRIBUTIONS))).map("=".join),
        damaged(VALID, TOKENS),
        st.text(max_size=20),
    ),
    used,
    good=VALID,
    seeds=(
        *TEXTS,
        "vlp:lut=32,window=1,max_exp=40,adapt=16",
        *(f"vlp:lut={text},max_exp={text}" for text in TEXTS),
    ),
    command=lambda text, folder: [
        *[
            "approximate",
            "exp",
            "-4",
            "0",
            f"--method={text}",
            "-o",
            tempfile.mktemp(".csv", dir=folder),
        ]
    ],
)


def test_methods(fuzzed):
    fuzzed(PARSER)
