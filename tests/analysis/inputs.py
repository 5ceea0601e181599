"""Inputs of softmax and of an activation, and methods to try on them."""

from pathlib import Path

import numpy as np
import pandas as pd

from mugi.analysis.distribution import MASKED, Inputs
from mugi.bf16 import from_bf16, to_bf16

SOFTMAX = [
    "exact",
    "vlp:lut=12,max_exp=3",
    "vlp:lut=10,max_exp=1,group=32",
    "vlp:lut=9,min_exp=-4,overflow=saturate",
    "vlp:lut=8,max_exp=5,adapt=6,leak=4",
    "vlp:lut=12,max_exp=2,normalize=reciprocal",
    "pwl:segments=22,range=15",
    "taylor:degree=9,center=-4.5",
]
ACTIVATION = [
    "exact",
    "vlp:lut=12,max_exp=1",
    "vlp:lut=11,min_exp=-6",
    "vlp:lut=8,max_exp=3,adapt=6",
    "pwl:segments=22,range=5",
    "partial",
]


def scores(tiles: int = 3, queries: int = 256, keys: int = 40, seed: int = 0) -> np.ndarray:
    """Return codes of causal scores: (tiles, queries, keys), the largest of each row is 0."""
    random = np.random.default_rng(seed)
    values = (
        3 * random.normal(size=(tiles, queries, keys)) * random.lognormal(size=(tiles, 1, keys))
    )
    seen = np.arange(keys) <= np.arange(queries)[:, None]
    values = np.where(seen, values, -np.inf)
    values = from_bf16(to_bf16(values))
    return to_bf16(values - values.max(axis=2, keepdims=True))


def softmax_inputs(**changes) -> Inputs:
    codes = changes.pop("codes", scores())
    counts = np.bincount(codes[codes != MASKED], minlength=1 << 16)
    return Inputs("test", "softmax", "exp", changes.pop("layer", 0), codes, counts)


def activation_inputs(seed: int = 0) -> Inputs:
    random = np.random.default_rng(seed)
    values = random.normal(size=(20, 300)) * 2.0 ** random.integers(-5, 3, size=(20, 1))
    codes = to_bf16(values)
    return Inputs(
        "test", "activation", "silu", 0, codes, np.bincount(codes.ravel(), minlength=1 << 16)
    )


def write(folder: Path, **changes) -> list[str]:
    """Write a captured profile of two layers; return the arguments that name it."""
    layers = [softmax_inputs(codes=scores(seed=seed)[:, :, :30]) for seed in range(2)]
    tables, arrays = [], {}
    for layer, inputs in enumerate(layers):
        code = np.flatnonzero(inputs.counts)
        tables.append(pd.DataFrame({"code": code.astype(np.uint16), "count": inputs.counts[code]}))
        tables[-1] = tables[-1].assign(model="m", operation="softmax", function="exp", layer=layer)
        arrays[f"softmax_layer{layer:02d}"] = inputs.codes
    table = pd.concat(tables).assign(layers=2, seq_len=30, recipe="lut", **changes)
    other = table.assign(recipe="published", count=10**9)
    pd.concat([table, other]).to_parquet(folder / "p.parquet", index=False)
    np.savez_compressed(folder / "s.npz", **arrays)
    return ["--profile", str(folder / "p.parquet"), "--samples", str(folder / "s.npz")]
