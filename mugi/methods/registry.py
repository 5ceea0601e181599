"""Every approximation by its name: a new one is a file beside this one and a line in `METHODS`."""

from mugi.errors import InputError, Mistake, unknown
from mugi.methods.exact import Exact
from mugi.methods.int4 import Int4
from mugi.methods.method import Method
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.taylor import Taylor
from mugi.methods.vlp import VLP
from mugi.named import parse_named

METHODS = {"exact": Exact, "vlp": VLP, "pwl": PWL, "taylor": Taylor, "partial": Partial}
QUANTISERS = {"int4": Int4}


def parse(text: str, *functions: str) -> Method | Int4:
    """Return what `text` names, able to compute one of `functions` if any are given.

    Raises InputError naming the parameter, its value and what is allowed.
    """
    kinds = METHODS | QUANTISERS
    able = {name: kind for name, kind in kinds.items() if set(functions) & set(kind.functions)}
    name = text.strip().partition(":")[0]
    if functions and name not in kinds:
        raise InputError(unknown("method", name, able))
    if functions and name not in able:
        raise InputError(Mistake(f"{name} cannot compute {functions[0]}", allowed=tuple(able)))
    return parse_named(text, kinds, "method")
