"""Operations of fixed size: counts and cycles, one row a profile, one column an operation."""

import numpy as np

from mugi.hardware import timing, workload
from mugi.hardware.chunk import Chunk, noc_features
from mugi.hardware.events import Section, gemm_features, nonlinear_features, offchip_features
from mugi.hardware.steps import whole

Table = dict[str, np.ndarray]  # event -> counts; "dram_bytes" and "cycles" go with them


def fixed_gemms(chunk: Chunk) -> Table:
    """Return counts and cycles of workload.FIXED_GEMMS: (profiles, operations)."""
    sizes = workload.fixed_gemms(chunk.sizes, chunk.assumptions)
    features = gemm_features(*sizes, chunk.design, chunk.symbols, chunk.assumptions)
    counts, cycles = chunk.design.gemm.evaluate(features, chunk.symbols)
    features |= noc_features(counts, chunk.symbols, features)
    return _fixed(chunk, chunk.design.gemm, counts, cycles, features, chunk.symbols["fill"])


def fixed_nonlinears(chunk: Chunk) -> Table:
    """Return counts and cycles of workload.FIXED_NONLINEARS: (profiles, operations)."""
    rows, columns, softmax = workload.fixed_nonlinears(chunk.sizes)
    features = nonlinear_features(rows, columns, softmax, chunk.symbols, chunk.assumptions)
    features |= offchip_features(rows, columns, chunk.symbols, chunk.assumptions)
    counts, cycles = chunk.design.nonlinear.evaluate(features, chunk.symbols)
    features |= noc_features(counts, chunk.symbols, features)
    fill = chunk.symbols["nonlinear_fill"]
    return _fixed(chunk, chunk.design.nonlinear, counts, cycles, features, fill)


def _fixed(chunk: Chunk, section: Section, counts, cycles, features, fill) -> Table:
    busy = timing.busiest(
        {name: timing.effective(counts[name], cycles[name]) for name in cycles}, chunk.assumptions
    )
    table = {}
    for name, count in counts.items():
        kind = section.events[name].hops
        if kind:
            tiles = features["output_tiles" if kind == "lut_tiles" else kind]
            count = count * timing.hops(tiles, kind, chunk.symbols, chunk.assumptions)
        table[name] = whole(count)
    table["dram_bytes"] = features["dram_bytes"]
    table["cycles"] = timing.operation_cycles(
        busy, features, fill, chunk.symbols, chunk.assumptions
    )
    return table
