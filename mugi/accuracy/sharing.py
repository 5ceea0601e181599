"""Methods that give the same results because their tables are the same where a model reads them.

Different parameters often make equal tables: an anchor at either end of a LUT without a sliding
window, or a range beyond which BF16 knows no difference. What is equal is measured once.
"""

import hashlib
from collections.abc import Hashable
from functools import cache

from mugi.methods import OPERATIONS, Approximation, Method

_NEGATIVE = 0x8000  # codes from here on


@cache
def results_key(approximation: Approximation) -> Hashable:
    """Return a key that two approximations share only if every model gives the same with both."""
    return tuple(
        tuple(tables_key(method, f) for f in OPERATIONS[operation] if f in method.functions)
        if isinstance(method, Method)
        else str(method)
        for operation, method in approximation._asdict().items()
    )


@cache
def tables_key(method: Method, function: str) -> Hashable:
    """Return a key that two methods share only if they give the same for all inputs of `function`.

    Softmax subtracts the maximum: exp sees no positive number, and the entry of 0 is that of -0.
    """
    stack = method.stack(function)
    tables = stack.tables[:, _NEGATIVE:] if function == "exp" else stack.tables
    arrays, rest = [tables], [function == "exp" and method.normalize]
    if len(tables) > 1:
        arrays.append(stack.positions)
        rest += [stack.extreme, stack.group, stack.grouping, stack.zeros]
        if stack.adaption:
            arrays.append(stack.adaption.needed)
            rest += [stack.adaption.leak, stack.adaption.along]
    digests = (hashlib.sha256(array.tobytes()).hexdigest() for array in arrays)
    return *digests, *rest
