"""A model's operations, and the methods that take their place: `softmax=METHOD;woq=METHOD;…`."""

from typing import NamedTuple

from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.methods.functions import ACTIVATIONS
from mugi.methods.method import Method
from mugi.methods.quantisers import Quantiser
from mugi.methods.registry import parse

OPERATIONS = {
    "softmax": ("exp",),
    "activation": ACTIVATIONS,
    "cross_softmax": ("exp",),
    "woq": ("weights",),
    "kvq": ("cache",),
}
"""Operation of a model -> the functions it may compute, or the numbers it may quantise."""
NATIVE = "native"
"""The untouched model."""
EXACT = "exact"
"""The control: exact functions in BF16 wherever an approximation is."""


class Approximation(NamedTuple):
    """The methods of a model's operations; None leaves the model's own.

    softmax: in self-attention; activation: of the feed-forward layers; cross_softmax: in the
    attention of a decoder to its encoder, which the paper leaves exact; woq: weights of the linear
    layers; kvq: keys and values of attention.
    """

    softmax: Method | None = None
    activation: Method | None = None
    cross_softmax: Method | None = None
    woq: Quantiser | None = None
    kvq: Quantiser | None = None

    def __str__(self) -> str:
        named = [f"{name}={method}" for name, method in self._asdict().items() if method]
        return ";".join(named) or NATIVE


def parse_operations(text: str) -> Approximation:
    """Return what `softmax=METHOD;activation=METHOD;woq=METHOD;…` names, any operation once.

    `native` is the untouched model. Raises InputError with every mistake.
    """
    if text.strip() == NATIVE:
        return Approximation()
    methods: dict[str, Method | Quantiser] = {}
    mistakes: list[Mistake] = []
    for assignment in text.split(";"):
        operation, _, method = (piece.strip() for piece in assignment.partition("="))
        if operation not in OPERATIONS:
            mistakes.append(unknown("operation", operation, OPERATIONS).at(f"'{text}'"))
        elif operation in methods:
            mistakes.append(Mistake(f"{operation} is given twice", f"'{text}'"))
        else:
            try:
                methods[operation] = parse(method, *OPERATIONS[operation])
            except InputError as error:
                mistakes += error.mistakes
    raise_all(mistakes)
    return Approximation(**methods)
