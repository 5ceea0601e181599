"""Profiles evaluated together. A profile is all that a run is but its length."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mugi.hardware.design import Design
from mugi.lazy import Lazy

pd = Lazy("pandas")

# Symbols that time and traffic need in a single row of positions.
ROW_SYMBOLS = (
    "P", "R", "Q", "H", "W", "lanes", "nonlinear_elements", "o_width", "lookup_table",
    "frequency_mhz",
)  # fmt: skip


@dataclass
class Chunk:
    """Profiles of one design and one set of assumptions, with their symbols and model sizes."""

    design: Design
    assumptions: Mapping
    symbols: dict
    sizes: Mapping
    profiles: int

    def take(self, chosen: np.ndarray, names: Iterable[str] = ROW_SYMBOLS) -> dict:
        """Return some symbols of some profiles."""
        return {name: pick(self.symbols[name], chosen) for name in names}

    def part(self, chosen: np.ndarray) -> "Chunk":
        """Return a chunk of some of the profiles."""
        symbols = self.take(chosen, self.symbols)
        sizes = {name: values[chosen] for name, values in self.sizes.items()}
        return Chunk(self.design, self.assumptions, symbols, sizes, len(chosen))


def alike(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first entry of each distinct combination of columns, and which one each entry has.

    Columns hash, which is faster than sorting them as numpy.unique does.
    """
    index = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes, distinct = pd.factorize(column, use_na_sentinel=False)
        index, _ = pd.factorize(index * len(distinct) + codes)
    first = np.zeros(index.max(initial=-1) + 1, np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    return first, index


def pick(value: object, chosen: np.ndarray) -> object:
    """Return the rows of an array that has one a profile; anything else as it is."""
    return value[chosen] if np.ndim(value) == 2 and len(value) > 1 else value


def noc_features(counts: Mapping, symbols: Mapping, features: Mapping) -> dict:
    """Return off-chip bits of the three NoC channels, and tiles as large as one array pass."""
    zero = np.zeros(1)
    channels = {
        "i_bits": counts.get("isram_offchip_writes", zero) * symbols["i_width"],
        "w_bits": counts.get("wsram_offchip_writes", zero) * symbols["w_width"],
        "o_bits": counts["osram_offchip_reads"] * symbols["o_width"],
    }
    if "columns" in features:
        channels["o_bits"] = 2 * channels["o_bits"]
        return channels | {"array_tiles": features["columns"]}
    return channels | {"array_tiles": array_tiles(features, symbols)}


def array_tiles(features: Mapping, symbols: Mapping) -> np.ndarray:
    passes = np.ceil(features["M"] / symbols["W"]) * np.ceil(features["N"] / symbols["H"])
    return features["B"] * passes
