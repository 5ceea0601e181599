"""The exact nonlinear functions, correctly rounded to BF16 on every code.

Evaluated in float64 and rounded once. The tests compare all 65,536 codes with mpmath.
"""

import numpy as np
from scipy.special import erfc

from mugi.numerics import CODES, from_bf16, to_bf16


def silu(x: np.ndarray) -> np.ndarray:
    """x·sigmoid(x), the activation of Llama; -0 at -inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isneginf(x), -0.0, x / (1 + np.exp(-x)))


def gelu(x: np.ndarray) -> np.ndarray:
    """x·Φ(x), the erf form of GELU; -0 at -inf."""
    with np.errstate(under="ignore", invalid="ignore"):
        return np.where(np.isneginf(x), -0.0, x * erfc(-x / np.sqrt(2)) / 2)


def exp(x: np.ndarray) -> np.ndarray:
    """e**x, the exponential inside softmax."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


FUNCTIONS = {"exp": exp, "silu": silu, "gelu": gelu}
"""Function name -> float64 array function."""


def evaluate(function: str, codes: np.ndarray) -> np.ndarray:
    """Return the BF16 codes of `function` at BF16 `codes`, rounded to nearest even."""
    return to_bf16(FUNCTIONS[function](from_bf16(codes)))


def table(function: str) -> np.ndarray:
    """Return the table of `function`: `uint16` of shape (65536,), indexed by the input's code."""
    return evaluate(function, CODES)
