"""What nonlinear operations are applied to: captured from a model by `mugi profile`, or drawn.

The inputs of softmax are scores of which the row's maximum was subtracted; masked ones are out.
"""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mugi.bf16 import from_bf16, to_bf16
from mugi.errors import InputError, nearest, unknown
from mugi.methods import FUNCTIONS

MASKED = 0xFF80  # BF16 -inf: a key that a query does not see
TILE_ROWS = 256  # inputs that share a sliding window in the captured tiles
COLUMNS = ["model", "operation", "function", "layer", "layers", "seq_len", "code", "count"]
KINDS = {"normal": ("mean", "std"), "uniform": ("low", "high")}


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
        by_code = to_bf16(np.ldexp(from_bf16(np.arange(1 << 16)), exponent))
        counts = np.bincount(by_code, weights=self.counts, minlength=1 << 16).astype(np.int64)
        return replace(self, codes=by_code[self.codes], counts=counts)


def captured(profile: Path, samples: Path) -> list[Inputs]:
    """Return what `mugi profile` captured, by operation and layer, all sequence lengths together.

    Raises InputError, one line per mistake, for files that are missing, truncated or of other
    columns.
    """
    table, arrays = _read_profile(profile), _read_samples(samples)
    result = []
    for (operation, function, layer), rows in table.groupby(["operation", "function", "layer"]):
        name = f"{operation}_layer{layer:02d}"
        if name not in arrays:
            raise InputError(f"{samples}: no array '{name}'{nearest(name, arrays)}")
        codes, axes = arrays[name], 3 if operation == "softmax" else 2
        if codes.dtype != np.uint16 or codes.ndim != axes:
            raise InputError(
                f"{samples}: {name} is {codes.dtype} with {codes.ndim} axes; "
                f"must be uint16 with {axes}"
            )
        counts = np.bincount(rows["code"], weights=rows["count"], minlength=1 << 16)
        model = str(rows["model"].iloc[0])
        result.append(Inputs(model, operation, function, int(layer), codes, _finite(counts)))
    return sorted(result, key=lambda one: (one.operation != "softmax", one.function, one.layer))


def _finite(counts: np.ndarray) -> np.ndarray:
    """Return the counts without those of infinities and NaN."""
    finite = np.isfinite(from_bf16(np.arange(1 << 16)))
    return np.where(finite, counts, 0).astype(np.int64)


def _read_profile(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {_reason(error)}; `mugi profile` makes it") from None
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path}: missing column '{missing[0]}'{nearest(missing[0], table)}")
    if "recipe" in table:  # what the lookup tables see, not what the paper profiled
        table = table[table["recipe"] == "lut"]
    if not len(table):
        raise InputError(f"{path}: no rows")
    for name in set(table["function"]) - set(FUNCTIONS):
        raise InputError(f"{path}: {unknown('function', name, FUNCTIONS)}")
    return table


def _read_samples(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: {_reason(error)}; `mugi profile --samples` makes it") from None


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "No such file"
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or "truncated"


def drawn(text: str, seed: int = 0, groups: int = 512) -> Inputs:
    """Return independent inputs of the distribution that `text` names.

    `text` is a function and a distribution, `exp=normal:mean=0,std=3` or `silu=uniform:low=-4,
    high=4`; `groups` tiles' columns of 256 inputs are drawn. For exp they are scores, of which the
    maximum of a row (`groups` keys) is then subtracted in BF16. Raises InputError naming what is
    allowed.
    """
    function, _, rest = text.partition("=")
    if function not in FUNCTIONS:
        raise InputError(f"'{text}': {unknown('function', function, FUNCTIONS)}")
    kind, parameters = _parse(text, rest)
    random = np.random.default_rng(seed)
    if kind == "normal":
        values = random.normal(parameters["mean"], parameters["std"], (TILE_ROWS, groups))
    else:
        values = random.uniform(parameters["low"], parameters["high"], (TILE_ROWS, groups))
    values = from_bf16(to_bf16(values))
    if function == "exp":
        codes = to_bf16(values - values.max(axis=1, keepdims=True))[None]
    else:
        codes = to_bf16(values.T)
    counts = _finite(np.bincount(codes.ravel(), minlength=1 << 16))
    operation = "softmax" if function == "exp" else "activation"
    return Inputs(text, operation, function, 0, codes, counts)


def _parse(text: str, rest: str) -> tuple[str, dict[str, float]]:
    kind, _, listed = rest.partition(":")
    if kind not in KINDS:
        raise InputError(f"'{text}': {unknown('distribution', kind, KINDS)}")
    given = {}
    for name, _, value in (part.partition("=") for part in filter(None, listed.split(","))):
        if name in given:
            raise InputError(f"'{text}': parameter {name} is given twice")
        given[name] = value
        if name not in KINDS[kind]:
            raise InputError(f"'{text}': {unknown('parameter', name, KINDS[kind])}")
    values = {}
    for name in KINDS[kind]:
        try:
            values[name] = float(given.get(name, ""))
        except ValueError:
            raise InputError(f"'{text}': {name} must be a number") from None
        if not abs(values[name]) < 1e30:
            raise InputError(f"'{text}': {name} is {values[name]:g}; allowed: -1e30 to 1e30")
    if kind == "normal" and values["std"] < 0:
        raise InputError(f"'{text}': std is {values['std']:g}; allowed: 0 or more")
    if kind == "uniform" and not values["low"] < values["high"]:
        raise InputError(f"'{text}': low must be less than high")
    return kind, values
