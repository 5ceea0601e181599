"""What nonlinear operations are applied to: captured from a model by `mugi profile`, or drawn.

The inputs of softmax are scores of which the row's maximum was subtracted; masked ones are out.
"""

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from mugi.bf16 import CODES, from_bf16, rounded, to_bf16
from mugi.errors import InputError, Mistake, check_file, closest, unknown
from mugi.files import read_table
from mugi.methods import FUNCTIONS
from mugi.named import Named, parse_named

MASKED = 0xFF80  # BF16 -inf: a key that a query does not see
TILE_ROWS = 256  # inputs that share a sliding window in the captured tiles
LARGEST_SAMPLES = 1_000_000_000  # bytes
_DAMAGED = (OSError, ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError)
_DAMAGED += (ArithmeticError, zipfile.BadZipFile, zlib.error)
"""What is raised for archives that are damaged, encrypted or say another size than they have."""
# columns that count or number -> their largest value
WHOLE = {"layer": 10_000, "layers": 10_000, "seq_len": 2**31}
WHOLE |= {"code": len(CODES) - 1, "count": 2**53}
COLUMNS = ["model", "operation", "function", "layer", "layers", "seq_len", "code", "count"]


@dataclass(frozen=True)
class Inputs:
    """Inputs of one operation in one layer.

    codes: uint16 BF16 codes. Softmax: (tiles, queries, keys), `MASKED` where a query does not see
        a key. Activation: (tokens, channels).
    counts: int64 (65536,), how often each code occurs; more of them than in `codes`.
    """

    name: str
    operation: str
    function: str
    layer: int
    codes: np.ndarray
    counts: np.ndarray

    def scaled(self, exponent: int) -> "Inputs":
        """Return these inputs times 2**exponent."""
        if not exponent:
            return self
        by_code = to_bf16(np.ldexp(from_bf16(CODES), exponent))
        counts = np.bincount(by_code, weights=self.counts, minlength=1 << 16).astype(np.int64)
        return replace(self, codes=by_code[self.codes], counts=counts)


def captured(profile: Path, samples: Path) -> list[Inputs]:
    """Return what `mugi profile` captured, by operation and layer, all sequence lengths together.

    Raises InputError for files that are missing, truncated or of other columns.
    """
    try:
        table, arrays = _read_profile(profile), _read_samples(samples)
    except InputError as error:
        raise error.at("what `mugi profile` writes") from None
    layers = []
    for (operation, function, layer), counted in table.groupby(["operation", "function", "layer"]):
        name = f"{operation}_layer{layer:02d}"
        if name not in arrays:
            what = f"no array '{name}'"
            raise InputError(Mistake(what, str(samples), nearest=closest(name, arrays)))
        codes, axes = arrays[name], 3 if operation == "softmax" else 2
        if not codes.size:
            raise InputError(Mistake(f"{name} is empty", str(samples)))
        if codes.dtype != np.uint16 or codes.ndim != axes:
            what = f"{name} is {codes.dtype} with {codes.ndim} axes; must be uint16 with {axes}"
            raise InputError(Mistake(what, str(samples)))
        counts = np.bincount(counted["code"], weights=counted["count"], minlength=1 << 16)
        model = str(counted["model"].iloc[0])
        layers.append(Inputs(model, operation, function, int(layer), codes, _finite(counts)))
    return sorted(layers, key=lambda one: (one.operation != "softmax", one.function, one.layer))


def _finite(counts: np.ndarray) -> np.ndarray:
    """Return the counts without that of -inf, the masked scores."""
    return np.where(np.isfinite(from_bf16(CODES)), counts, 0).astype(np.int64)


def _read_profile(path: Path) -> pd.DataFrame:
    """Return how often each code occurs, by operation, function and layer."""
    table = read_counts(path, COLUMNS)
    if "recipe" in table:  # what the lookup tables see, not what the paper profiled
        table = table[table["recipe"] == "lut"]
    if not len(table):
        raise InputError(f"{path}: no rows")
    for name in set(table["function"]) - set(FUNCTIONS):
        raise InputError(unknown("function", name, FUNCTIONS)).at(path)
    return table


def read_counts(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return a table that counts BF16 codes by operation and layer, as `mugi profile` writes it.

    Raises InputError for other columns, for what are no codes, counts or layers, and for inputs
    that no working model has.
    """
    table = read_table(path, columns, list(WHOLE))
    for name, most in WHOLE.items():
        if not (table[name].between(0, most) & (table[name] % 1 == 0)).all():
            raise InputError(Mistake(f"must be whole numbers from 0 to {most}", f"{path}: {name}"))
    floats = [name for name in WHOLE if table[name].dtype.kind == "f"]
    table = table.astype(dict.fromkeys(floats, np.int64))
    if wrong := not_a_number(table):
        raise InputError(Mistake(f"non-finite {wrong}", str(path)))
    return table


def not_a_number(profile: pd.DataFrame) -> str:
    """Name the first inputs of a profile that no working model has, or return an empty text.

    Only a masked score of softmax may be -inf; NaN and other infinities are a model's overflow.
    """
    values = from_bf16(profile["code"].to_numpy(np.uint16))
    masked = (profile["operation"] == "softmax") & np.isneginf(values)
    wrong = profile[~np.isfinite(values) & ~masked]
    if not len(wrong):
        return ""
    return f"inputs of {wrong['operation'].iloc[0]} in layer {wrong['layer'].iloc[0]}"


def _read_samples(path: Path) -> dict[str, np.ndarray]:
    """Return the sampled tiles of each layer, by its name."""
    check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:  # np.load by itself unpacks whatever the size
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_SAMPLES:
            raise InputError(f"unpacks to more than {LARGEST_SAMPLES:,} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except InputError as error:
        raise error.at(path) from None
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or "truncated"
        raise InputError(Mistake(reason, str(path))) from None


Number = Annotated[float, Field(gt=-1e30, lt=1e30, allow_inf_nan=False)]


class Normal(Named):
    """A normal distribution."""

    name: Literal["normal"] = "normal"
    mean: Number
    std: Annotated[Number, Field(ge=0)]

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return independent draws."""
        return random.normal(self.mean, self.std, shape)


class Uniform(Named):
    """A uniform distribution from `low` to `high`."""

    name: Literal["uniform"] = "uniform"
    low: Number
    high: Number

    def check(self) -> None:
        if not self.low < self.high:
            raise ValueError("low must be less than high")

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return independent draws."""
        return random.uniform(self.low, self.high, shape)


DISTRIBUTIONS = {"normal": Normal, "uniform": Uniform}


def drawn(text: str, seed: int = 0, groups: int = 512) -> Inputs:
    """Return independent inputs of the distribution that `text` names.

    `text` is a function and a distribution, `exp=normal:mean=0,std=3` or `silu=uniform:low=-4,
    high=4`; `groups` tiles' columns of 256 inputs are drawn. For exp they are scores, of which the
    maximum of a row (`groups` keys) is then subtracted in BF16. Raises InputError naming what is
    allowed.
    """
    if seed < 0:
        raise InputError(f"seed is {seed}; allowed: 0 or more")
    function, _, distribution = text.partition("=")
    if function not in FUNCTIONS:
        raise InputError(unknown("function", function, FUNCTIONS)).at(f"'{text}'")
    distribution = parse_named(distribution, DISTRIBUTIONS, "distribution")
    values = rounded(distribution.draw(np.random.default_rng(seed), (TILE_ROWS, groups)))
    if function == "exp":
        codes = to_bf16(values - values.max(axis=1, keepdims=True))[None]
    else:
        codes = to_bf16(values.T)
    counts = _finite(np.bincount(codes.ravel(), minlength=1 << 16))
    operation = "softmax" if function == "exp" else "activation"
    return Inputs(text, operation, function, 0, codes, counts)
