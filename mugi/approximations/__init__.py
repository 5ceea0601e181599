"""Approximations of the nonlinear operations, and the one way to name them.

A method is written `name:parameter=value,…`, for example `vlp:lut=12,max_exp=3,group=256`; the
same text stands in the configuration, in tables, in file names and in figures.
"""

from pydantic import ValidationError

from mugi.approximations.exact import FUNCTIONS
from mugi.approximations.method import Exact, Method
from mugi.approximations.vlp import VLP
from mugi.errors import InputError, describe, unknown

METHODS = {"exact": Exact, "vlp": VLP}

__all__ = ["FUNCTIONS", "METHODS", "Method", "parse"]


def parse(text: str) -> Method:
    """Return the method that `text` names.

    Raises InputError, one line per mistake, naming the parameter, its value and what is allowed.
    """
    name, _, rest = text.strip().partition(":")
    if name not in METHODS:
        raise InputError(unknown("method", name, METHODS))
    method = METHODS[name]
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
        raise InputError("\n".join(lines)) from None
