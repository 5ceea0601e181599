"""Events of an operation: how often each happens, and how long it keeps its unit busy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mugi.expressions import Expression
from mugi.hardware import memory, timing
from mugi.hardware.tiling import OFFCHIP_TILE, cut

WORD_EVENTS = (
    *memory.DRAM_TRANSFERS, *memory.SRAM_TRANSFERS,
    "isram_onchip_reads", "wsram_onchip_reads", "osram_onchip_writes", "osram_onchip_reads",
)  # fmt: skip
GEMM_SYMBOLS = (
    "B", "M", "K", "N", "Mo", "Ko", "No", "m", "k", "n", "N_mean", "n_padded", "N_per_tile",
    "ws_beats", *WORD_EVENTS,
)  # fmt: skip
NONLINEAR_SYMBOLS = (
    "elements", "columns", "softmax", "silu", "offchip_words", "onchip_words", "dram_accesses",
)  # fmt: skip
# Names that counts and cycles may depend on through the symbols above, of a design's parameters.
FEATURES_NEED = (
    "H", "W", "lanes", "i_width", "w_width", "o_width", "i_depth", "o_depth", "macros",
    "load_rows", "lookup_table", "nonlinear_elements",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """How often an event happens, cycles it takes (times unit), and activations of components.

    `hops` names the tiles whose spread over the nodes multiplies the count of a router event.
    """

    count: Expression
    cycles: Expression
    unit: Expression
    hops: str
    use: dict[str, Expression]


@dataclass(frozen=True)
class Events:
    """The events of matrix products or of nonlinear operations, and the symbols they share."""

    symbols: dict[str, Expression]
    events: dict[str, Event]

    def names(self) -> set[str]:
        """Return every name that counts and cycles are made of."""
        expressions = list(self.symbols.values())
        for event in self.events.values():
            expressions += [event.count, event.cycles, event.unit]
        return set(FEATURES_NEED).union(*(expression.names for expression in expressions))

    def evaluate(self, features: Mapping, symbols: Mapping) -> tuple[dict, dict]:
        """Return count and cycles by event, before rounding down and before NoC hops."""
        scope = dict(symbols) | dict(features)
        known: dict[object, np.ndarray] = {}  # the value of each text, evaluated once
        counts, cycles = {}, {}

        def value(expression: Expression) -> np.ndarray:
            if expression.text not in known:
                known[expression.text] = expression.number(scope)
            return known[expression.text]

        with np.errstate(all="ignore"):
            for name, expression in self.symbols.items():
                scope[name] = expression(scope)
            for name, event in self.events.items():
                counts[name], duration = value(event.count), value(event.cycles)
                if event.unit.text != "1":
                    key = event.unit.text, event.cycles.text
                    duration = known.setdefault(key, value(event.unit) * duration)
                if event.cycles.text != "0":
                    cycles[name] = duration
        return counts, cycles


def gemm_features(
    batch, m_size, k_size, n_size, design, symbols: Mapping, assumptions: Mapping
) -> dict:
    """Return the symbols of matrix products M x K by K x N, done `batch` times.

    Sizes and symbols are arrays that broadcast to (profiles, operations or positions). Beside
    GEMM_SYMBOLS: all_tiles, output_tiles and array_tiles, between which a NoC may divide the work,
    and dram_bytes.
    """
    tile_m = np.asarray(OFFCHIP_TILE, float)
    if assumptions["prefill_tile"] == "fits":
        bits = [symbols[f"{s}_width"] * symbols[f"{s}_depth"] * symbols["macros"] for s in "io"]
        tile_m = np.minimum(tile_m, np.floor(np.minimum(*bits) * 2 / 16 / OFFCHIP_TILE))
    m = cut(m_size, tile_m, symbols["W"])
    k = cut(k_size, OFFCHIP_TILE, symbols["H"])
    n = cut(n_size, OFFCHIP_TILE, symbols["H"])
    words = memory.gemm_words(
        batch, m, k, n, symbols, design.dataflow, assumptions["partial_sum_reads"]
    )
    features = {
        "B": batch, "M": m_size, "K": k_size, "N": n_size,
        "Mo": m.tiles, "Ko": k.tiles, "No": n.tiles, "m": m.passes, "k": k.passes, "n": n.passes,
        "N_mean": n.mean, "n_padded": n.padded, "N_per_tile": n.per_tile,
        "ws_beats": 0.0, **words,
    }  # fmt: skip
    if assumptions["ws_timing"] != "output_stationary" and "load_rows" in symbols:
        features["ws_beats"] = batch * n.passes * _loaded(m, k, symbols["load_rows"], assumptions)
    features["all_tiles"] = batch * m.tiles * k.tiles * n.tiles
    features["output_tiles"] = batch * m.tiles * n.tiles
    features["array_tiles"] = (
        batch * np.ceil(m_size / symbols["W"]) * np.ceil(n_size / symbols["H"])
    )
    features["dram_bytes"] = 8 * sum(words[name] for name in memory.DRAM_TRANSFERS)
    return features


def _loaded(m, k, load_rows, assumptions: Mapping):
    """Return cycles of one pass over N: rows streamed past weights that take cycles to load."""
    combine = np.maximum if assumptions["ws_timing"] == "double_buffered" else np.add
    return sum(
        m_count * k_count * combine(m_tile, np.ceil(k_tile / load_rows))
        for m_tile, m_count in m.offchip
        for k_tile, k_count in k.onchip
    )


def nonlinear_features(
    rows, columns, softmax, symbols: Mapping, assumptions: Mapping, offchip: tuple | None = None
) -> dict:
    """Return the symbols of nonlinear operations on rows x columns values; arrays broadcast.

    softmax: 1 for softmax, 0 for SiLU. offchip: tiles that move off chip, their words of SRAM and
    of DRAM, if they are known. Beside NONLINEAR_SYMBOLS: the tiles and dram_bytes, as above.
    """
    lanes, width = symbols["lanes"], symbols["o_width"]
    if offchip is None:
        offchip = memory.nonlinear_offchip(
            rows, columns, lanes, symbols["nonlinear_elements"], width
        )
    tiles, words, dram_words = offchip
    passes, column_words = memory.nonlinear_columns(rows, lanes, width)
    kept = 0.0 if assumptions["nonlinear_dram_traffic"] == "none" else 1.0
    # published artifact: off-chip words of the SRAM count as DRAM accesses; bytes follow DRAM words
    accesses = words if assumptions["dram_words"] == "sram_words" else dram_words
    table = symbols["lookup_table"] * np.ceil(96 * assumptions["lut_value_bits"] / 64)
    return {
        "elements": rows * columns,
        "columns": columns * passes,
        "softmax": softmax,
        "silu": 1 - softmax,
        "onchip_words": columns * column_words,
        "offchip_words": words,
        "dram_accesses": kept * accesses,
        "all_tiles": tiles,
        "output_tiles": tiles,
        "array_tiles": columns * passes,
        "dram_bytes": 8 * (2 * kept * dram_words + table),
    }


def noc_bits(counts: Mapping, symbols: Mapping, nonlinear: bool) -> dict:
    """Return the off-chip bits of the three NoC channels; nonlinear outputs also come in by one."""
    zero = np.zeros(1)
    outputs = counts["osram_offchip_reads"] * symbols["o_width"]
    return {
        "i_bits": counts.get("isram_offchip_writes", zero) * symbols["i_width"],
        "w_bits": counts.get("wsram_offchip_writes", zero) * symbols["w_width"],
        "o_bits": 2 * outputs if nonlinear else outputs,
    }


def outcome(
    section: Events, features: Mapping, fill: np.ndarray, symbols: Mapping, assumptions: Mapping
) -> dict[str, np.ndarray]:
    """Return how often each event happens, by name, and `cycles` and `dram_bytes` of operations.

    Arrays have the broadcast shape of the features: (setups, operations or positions).
    """
    counts, cycles = section.evaluate(features, symbols)
    features = features | noc_bits(counts, symbols, "elements" in features)
    return settled(section, counts, cycles, features, fill, symbols, assumptions)


def settled(
    section: Events, counts: Mapping, cycles: Mapping, features: Mapping, fill: np.ndarray,
    symbols: Mapping, assumptions: Mapping,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return what `outcome` does from counts and cycles by event, as `Events.evaluate` gives them.

    `features` has tiles, dram_bytes and `noc_bits`.
    """
    table = {}
    for name, count in counts.items():
        kind = section.events[name].hops
        if kind:
            count = count * timing.hops(features, kind, symbols, assumptions)
        table[name] = timing.whole(count)
    busy = timing.busiest(counts, cycles, assumptions)
    table["dram_bytes"] = features["dram_bytes"]
    table["cycles"] = timing.cycles_of(busy, features, fill, symbols, assumptions)
    return table
