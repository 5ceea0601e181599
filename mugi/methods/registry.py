"""Every approximation by its name: a new one is a file beside this one and a line in `METHODS`.

Those of other packages (`mugi.methods.own`) are looked for by names that are not here.
"""

from mugi.errors import InputError, Mistake, unknown
from mugi.int4 import ROW
from mugi.methods.exact import Exact
from mugi.methods.method import Method
from mugi.methods.own import USED, own_methods
from mugi.methods.partial import Partial
from mugi.methods.pwl import PWL
from mugi.methods.quantisers import Int4, Int8, Integers, Mxfp4, Quantiser
from mugi.methods.taylor import Taylor
from mugi.methods.vlp import VLP
from mugi.named import parse_named

METHODS = {"exact": Exact, "vlp": VLP, "pwl": PWL, "taylor": Taylor, "partial": Partial}
QUANTISERS = {"int4": Int4, "int8": Int8, "mxfp4": Mxfp4}


def parse(text: str, *functions: str) -> Method | Quantiser:
    """Return what `text` names, able to compute one of `functions` if any are given.

    Raises InputError naming the parameter, its value and what is allowed.
    """
    name = text.strip().partition(":")[0]
    kinds = METHODS | QUANTISERS
    if name not in kinds:
        kinds |= own_methods()
    able = {name: kind for name, kind in kinds.items() if set(functions) & set(kind.functions)}
    if functions and name not in kinds:
        raise InputError(unknown("method", name, able))
    if functions and name not in able:
        raise InputError(Mistake(f"{name} cannot compute {functions[0]}", allowed=tuple(able)))
    method = parse_named(text, kinds, "method")
    if name not in METHODS | QUANTISERS:
        USED[name] = type(method)
    if "weights" in functions and isinstance(method, Integers) and method.axis == "channel":
        what = f"axis=channel is for keys (kvq); a scale for each output of weights is group={ROW}"
        raise InputError(Mistake(what, f"'{text}'"))
    return method
