"""Setups evaluated together. A setup is all that a run is but its length: chip, model, batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mugi.hardware.design import Design


@dataclass
class Setups:
    """Setups of one design and one set of assumptions.

    symbols: what the design's expressions may name, numbers or arrays of shape (setups, 1);
    sizes: batch, prompt and layers, or those of one part; parts: kind and sizes of each part of the
    models, see `parts.sizes`, (setups,); count: how many setups there are;
    few: whether all runs together have so few positions that no code is compiled for them.
    """

    design: Design
    assumptions: Mapping
    symbols: dict
    sizes: Mapping
    count: int
    parts: Sequence[tuple[str, Mapping]] = ()
    few: bool = True

    def take(self, chosen: np.ndarray, names: Iterable[str] | None = None) -> "Setups":
        """Return some of the setups, with some of the symbols only if they are named."""
        symbols = {
            name: value[chosen] if np.ndim(value) == 2 and len(value) > 1 else value
            for name, value in ((name, self.symbols[name]) for name in names or self.symbols)
        }
        sizes = {name: values[chosen] for name, values in self.sizes.items()}
        return replace(self, symbols=symbols, sizes=sizes, count=len(chosen), parts=())

    def column(self, value: object) -> np.ndarray:
        """Return a number or an array that broadcasts to (setups, 1) as (setups,)."""
        return np.broadcast_to(value, (self.count, 1))[:, 0]


def distinct(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first entry of each distinct combination of columns, and which one each entry has.

    Columns hash, which is faster than sorting them as numpy.unique does.
    """
    index = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes, values = pd.factorize(column, use_na_sentinel=False)
        index, _ = pd.factorize(index * len(values) + codes)
    first = np.zeros(index.max(initial=-1) + 1, np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    return first, index
