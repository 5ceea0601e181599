"""Attention of decode: matrix products that grow with the position, summed over all of them."""

import numpy as np

from mugi.hardware import timing, workload
from mugi.hardware.chunk import Chunk, alike, pick
from mugi.hardware.events import gemm_features
from mugi.hardware.series import POSITIONS, Series, Table
from mugi.hardware.stepped import Stepped
from mugi.hardware.steps import Runs, whole

# Symbols that features of a matrix product depend on, beside the width of the array.
SHAPE = (
    "H", "i_width", "w_width", "o_width", "i_depth", "o_depth", "macros", "load_rows",
)  # fmt: skip
# Features that are the same for any number of products.
SINGLE = (
    "M", "K", "N", "Mo", "Ko", "No", "m", "k", "n", "N_mean", "n_padded", "N_per_tile",
)  # fmt: skip


def shape_features(chunk: Chunk, name: str) -> dict:
    """Return the features of qkt or av over all positions: numbers, (profiles, 1) or series.

    Profiles of the same shape on arrays of the same sizes are looked at once. Rows of the array
    beyond those of the matrix make no difference.
    """
    size, symbols = chunk.sizes, chunk.symbols
    width = np.minimum(symbols["W"], size["sharing"][:, None])
    names = [key for key in SHAPE if key in symbols]
    columns = [np.broadcast_to(symbols[key], (chunk.profiles, 1)) for key in names]
    columns += [width, size["sharing"][:, None], size["head_dim"][:, None]]
    first, key = alike(*(column[:, 0] for column in columns))
    names += ["W", "sharing", "head_dim"]
    shape = {name: column[first] for name, column in zip(names, columns, strict=True)}
    one = {name: shape[name][:, 0] for name in ("sharing", "head_dim")}
    one |= dict.fromkeys(("batch", "kv_heads"), np.ones(len(first)))
    sizes = workload.stepped_gemm(name, one, POSITIONS)
    features = gemm_features(*sizes, chunk.design, shape, chunk.assumptions)
    batch = (size["batch"] * size["kv_heads"])[:, None]
    found: dict[int, object] = {}
    for feature, value in features.items():
        scale = 1.0 if feature in SINGLE else batch
        if np.shape(value)[-1:] == POSITIONS.shape[-1:]:
            if id(value) not in found:
                found[id(value)] = Table.through(value, key)
            features[feature] = Series([(np.asarray(scale), found[id(value)])], chunk.profiles)
        else:
            features[feature] = scale * pick(value, key)
    return features


def stepped_gemm(chunk: Chunk, name: str, runs: Runs) -> dict[str, np.ndarray]:
    """Return counts and cycles of qkt or av summed over decode steps: (runs,)."""
    features = shape_features(chunk, name)
    operation = Stepped(chunk, chunk.design.gemm, features, chunk.symbols["fill"], runs.first)
    table, sums = {}, {}
    for event, count in operation.counts.items():
        kind = chunk.design.gemm.events[event].hops
        if kind:
            table[event] = _routed(operation, count, kind, runs)
            continue
        if id(count) not in sums:
            sums[id(count)] = runs.counts(count)
        table[event] = sums[id(count)]
    table["dram_bytes"] = runs.closed(operation.features["dram_bytes"])
    return table | {"cycles": operation.sum_cycles(runs)}


def _routed(operation: Stepped, words: Series, kind: str, runs: Runs) -> np.ndarray:
    """Return the sum of words times hops, rounded down at every position."""
    chunk, tiles = operation.chunk, operation.features[kind]
    first = tiles.at(np.zeros((chunk.profiles, 1)), operation.everyone)[:, :1]
    factor = timing.hops(first, kind, chunk.symbols, chunk.assumptions)
    factor = np.broadcast_to(factor, (chunk.profiles, 1))
    uneven = ~operation.divides(kind) & (factor[:, 0] > 0)
    uneven &= chunk.assumptions["noc_hops"] == "table"
    total = runs.counts(words * np.where(uneven[:, None], 0.0, factor))
    if not uneven.any():
        return total

    def by_position(row, profile):
        passes = timing.hops(
            operation.feature(kind, row, profile), kind, chunk.take(profile), chunk.assumptions
        )
        return whole(words.at(row, profile) * passes)

    strided = words.whole & (words.single[1].of(words.single[1].stride, operation.everyone) > 0)
    strided &= kind != "array_tiles"

    def routed(rows):
        if not strided[rows.profile].all():
            return rows.by_position(by_position)
        found = tiles.at(rows.row[:, None], rows.profile)[:, 0]
        mesh = {key: pick(chunk.symbols[key], rows.profile)[:, 0] for key in "RP"}
        ratio = timing.hop_ratio(found, kind, mesh, chunk.assumptions)
        return rows.fractions(words, *(x.astype(int) for x in ratio))

    for some in (uneven & strided, uneven & ~strided):
        if some.any():
            total += runs.by_row(routed, some[runs.profile])
    return total
