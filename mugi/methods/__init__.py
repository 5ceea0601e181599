"""Approximations of a model's operations, one a file, and the one way to name them.

A method is written `name:parameter=value,…`, for example `vlp:lut=12,max_exp=3,group=256`; the
same text stands in the configuration, in tables, in file names and in figures.
"""

from mugi.methods.functions import FUNCTIONS
from mugi.methods.method import Method
from mugi.methods.operations import EXACT, NATIVE, OPERATIONS, Approximation, parse_operations
from mugi.methods.quantisers import Int4, Quantiser
from mugi.methods.registry import METHODS, QUANTISERS, parse

VERSION = 1
"""Of the tables, in the keys of cached measurements: raise it when any table changes."""

__all__ = [
    "EXACT",
    "FUNCTIONS",
    "METHODS",
    "NATIVE",
    "OPERATIONS",
    "QUANTISERS",
    "VERSION",
    "Approximation",
    "Int4",
    "Method",
    "Quantiser",
    "parse",
    "parse_operations",
]
