"""Approximations of a model's operations, and the one way to name them.

A method is written `name:parameter=value,…`, for example `vlp:lut=12,max_exp=3,group=256`; the
same text stands in the configuration, in tables, in file names and in figures.
"""

from typing import NamedTuple

from pydantic import ValidationError

from mugi.errors import InputError, describe, unknown
from mugi.methods.exact import FUNCTIONS
from mugi.methods.int4 import Int4
from mugi.methods.method import Exact, Method, Named
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.taylor import Taylor
from mugi.methods.vlp import VLP

METHODS = {"exact": Exact, "vlp": VLP, "pwl": PWL, "taylor": Taylor, "partial": Partial}
QUANTISERS = {"int4": Int4}

OPERATIONS = {
    "softmax": ("exp",),
    "activation": ("silu", "gelu", "gelu_tanh"),
    "cross_softmax": ("exp",),
    "woq": ("weights",),
    "kvq": ("cache",),
}
"""Operation of a model -> the functions it may compute, or the numbers it may quantise."""
NATIVE = "native"

__all__ = [
    "FUNCTIONS",
    "METHODS",
    "NATIVE",
    "OPERATIONS",
    "QUANTISERS",
    "Approximation",
    "Int4",
    "Method",
    "Named",
    "parse",
    "parse_operations",
]


class Approximation(NamedTuple):
    """The methods of a model's operations; None leaves the model's own.

    softmax: in self-attention; activation: of the feed-forward layers; cross_softmax: in the
    attention of a decoder to its encoder, which the paper leaves exact; woq: weights of the linear
    layers; kvq: keys and values of attention.
    """

    softmax: Method | None = None
    activation: Method | None = None
    cross_softmax: Method | None = None
    woq: Int4 | None = None
    kvq: Int4 | None = None

    def __str__(self) -> str:
        parts = [f"{name}={method}" for name, method in self._asdict().items() if method]
        return ";".join(parts) or NATIVE


def parse(text: str, *functions: str) -> Named:
    """Return what `text` names, able to compute one of `functions` if any are given.

    Raises InputError, one line per mistake, naming the parameter, its value and what is allowed.
    """
    name, _, rest = text.strip().partition(":")
    kinds = METHODS | QUANTISERS
    able = [known for known, kind in kinds.items() if set(functions) & set(kind.functions)]
    if name not in kinds:
        raise InputError(unknown("method", name, able or kinds))
    method = kinds[name]
    if functions and name not in able:
        raise InputError(f"{name} cannot compute {functions[0]}; allowed: {', '.join(able)}")
    parameters = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise InputError(f"'{text}': '{part}' is not parameter=value")
        if key not in method.model_fields or key == "name":
            allowed = [field for field in method.model_fields if field != "name"]
            raise InputError(f"'{text}': {unknown('parameter', key, allowed)}")
        if key in parameters:
            raise InputError(f"'{text}': parameter {key} is given twice")
        parameters[key] = value
    try:
        return method(**parameters)
    except ValidationError as error:
        lines = [f"'{text}': {describe(mistake)}" for mistake in error.errors()]
        raise InputError(*lines) from None


def parse_operations(text: str) -> Approximation:
    """Return what `softmax=METHOD;activation=METHOD;woq=METHOD;…` names, any operation once.

    `native` is the untouched model. Raises InputError, one line per mistake.
    """
    if text.strip() == NATIVE:
        return Approximation()
    methods: dict[str, Named] = {}
    mistakes = []
    for part in text.split(";"):
        operation, _, method = (piece.strip() for piece in part.partition("="))
        try:
            if operation not in OPERATIONS:
                raise InputError(f"'{text}': {unknown('operation', operation, OPERATIONS)}")
            if operation in methods:
                raise InputError(f"'{text}': {operation} is given twice")
            methods[operation] = parse(method, *OPERATIONS[operation])
        except InputError as error:
            mistakes.append(str(error))
    if mistakes:
        raise InputError(*mistakes)
    return Approximation(**methods)
