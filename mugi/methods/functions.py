"""The exact nonlinear functions, in float64 and correctly rounded to BF16 on every code.

Evaluated in float64 and rounded once. The tests compare all 65,536 codes with mpmath.
"""

from functools import cache

import numpy as np
from scipy.special import erfc

from mugi.bf16 import CODES, from_bf16, to_bf16


def silu(x: np.ndarray) -> np.ndarray:
    """x·sigmoid(x), the activation of Llama; -0 at -inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _above_half(x, np.where(np.isneginf(x), -0.0, x / (1 + np.exp(-x))))


def gelu(x: np.ndarray) -> np.ndarray:
    """x·Φ(x), the erf form of GELU; -0 at -inf."""
    with np.errstate(under="ignore", invalid="ignore"):
        return _above_half(x, np.where(np.isneginf(x), -0.0, x * erfc(-x / np.sqrt(2)) / 2))


def _above_half(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return `y`, an activation that for tiny `x` lies above x/2 by less than float64 shows.

    It matters where x/2 is halfway between two subnormal BF16 values.
    """
    tiny = (x != 0) & (np.abs(x) < 2.0**-60)
    return np.where(tiny, np.nextafter(x / 2, np.inf), y)


def exp(x: np.ndarray) -> np.ndarray:
    """e**x, the exponential inside softmax."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """The tanh form of GELU, x·sigmoid(2·√(2/π)·(x + 0.044715·x³)); -0 at -inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        gate = 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        return _above_half(x, np.where(np.isneginf(x), -0.0, x / (1 + np.exp(-gate))))


def quick_gelu(x: np.ndarray) -> np.ndarray:
    """x·sigmoid(1.702·x), the sigmoid form of GELU, of CLIP and of the SwiGLU of gpt-oss; -0 at
    -inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _above_half(x, np.where(np.isneginf(x), -0.0, x / (1 + np.exp(-1.702 * x))))


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0), the activation of OPT; a zero keeps the sign of what it stands for."""
    return np.where(np.isnan(x) | (x > 0), x, np.copysign(0.0, x))


def relu2(x: np.ndarray) -> np.ndarray:
    """max(x, 0)², the activation of Nemotron; zeros as `relu`."""
    with np.errstate(over="ignore"):
        return np.copysign(relu(x) ** 2, x)


FUNCTIONS = {
    "exp": exp,
    "silu": silu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "quick_gelu": quick_gelu,
    "relu": relu,
    "relu2": relu2,
}
"""Function name -> float64 array function."""
ACTIVATIONS = tuple(name for name in FUNCTIONS if name != "exp")
"""Functions of feed-forward layers."""


def beyond(function: str, x: np.ndarray) -> np.ndarray:
    """Return what an activation tends to for large positive `x`, where a method has no entries:
    the input itself, which hardware passes through, or its square (ReLU²)."""
    return relu2(x) if function == "relu2" else x


def exact_codes(function: str, codes: np.ndarray) -> np.ndarray:
    """Return the BF16 codes of `function` at BF16 `codes`, rounded to nearest even.

    A NaN stays a NaN of the same sign.
    """
    values = from_bf16(codes)
    return np.where(np.isnan(values), to_bf16(values), to_bf16(FUNCTIONS[function](values)))


@cache
def exact_table(function: str) -> np.ndarray:
    """Return the table of `function`: read-only `uint16` (65536,), indexed by the input's code."""
    outputs = exact_codes(function, CODES)
    outputs.setflags(write=False)
    return outputs
