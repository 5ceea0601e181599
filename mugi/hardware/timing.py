"""Cycles of an operation: its busiest event, spread over the nodes, and the transfers beside it."""

from collections.abc import Iterable, Mapping

import numpy as np

from mugi.hardware.steps import whole

TINY = 1e-300
MEMORIES = ("isram", "wsram", "osram")


def hops(tiles: np.ndarray, kind: str, symbols: Mapping, assumptions: Mapping) -> np.ndarray:
    """Return how often a word passes a router port when `tiles` are spread over the nodes."""
    total, rounds = hop_ratio(tiles, kind, symbols, assumptions)
    return np.where(symbols["P"] > 1, total / rounds, 0.0)


def hop_ratio(tiles: np.ndarray, kind: str, symbols: Mapping, assumptions: Mapping) -> tuple:
    """Return the hops of some rounds of words, and the number of rounds, on more than one node.

    Published artifact: full rounds of P tiles take R hops each, a last partial round one.
    """
    rows, nodes = symbols["R"], symbols["P"]
    if assumptions["noc_hops"] == "mean_xy":
        return symbols["Q"] + 1 + 0 * tiles, 2.0
    if kind == "lut_tiles":
        return np.where(tiles < nodes, 1.0, rows), 1.0
    rounds = np.ceil(tiles / nodes)
    return (rows - 1) * np.floor(tiles / nodes) + rounds, rounds


def effective(count: np.ndarray, cycles: np.ndarray) -> np.ndarray:
    """Return the cycles of the whole events among `count`."""
    return cycles * whole_part(count)


def whole_part(count: np.ndarray) -> np.ndarray:
    """Return the part of `count` that is whole events."""
    part = whole(count)
    part /= np.maximum(count, TINY)
    return part


def units(names: Iterable[str], assumptions: Mapping) -> dict[str, list[str]]:
    """Return the events that keep one unit busy, one after the other, by unit.

    Each has one of its own, but with shared ports the reads or writes of an SRAM have one.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        memory, _, access = name.rpartition("chip_")
        port = memory and memory.split("_")[0] in MEMORIES and assumptions["sram_ports"] == "shared"
        found.setdefault(f"{memory.split('_')[0]}_{access}" if port else name, []).append(name)
    return found


def busiest(durations: Mapping[str, np.ndarray], assumptions: Mapping) -> np.ndarray:
    """Return the longest time that a unit is busy."""
    longest = np.zeros(1)
    for names in units(durations, assumptions).values():
        longest = np.maximum(longest, sum(durations[name] for name in names))
    return longest


def share(features: Mapping, symbols: Mapping, assumptions: Mapping) -> np.ndarray:
    """Return the part of the work that the busiest node does."""
    nodes = symbols["P"]
    if assumptions["noc_tiling"] == "even":
        return 1 / nodes
    tiles = features[assumptions["noc_tiling"]]
    return np.ceil(tiles / nodes) / tiles


def filling(fill, features: Mapping, symbols: Mapping, assumptions: Mapping) -> np.ndarray:
    """Return the cycles in which the array fills and drains, `fill` at a time."""
    if assumptions["pipeline_fill"] == "per_tile":
        return fill * np.ceil(features["all_tiles"] / symbols["P"])
    return fill * (assumptions["pipeline_fill"] == "per_op")


def needed(assumptions: Mapping) -> list[str]:
    """Return the features that `operation_cycles` reads."""
    tiling, names = assumptions["noc_tiling"], []
    names += [tiling] if tiling != "even" else []
    names += ["all_tiles"] if assumptions["pipeline_fill"] == "per_tile" else []
    names += ["i_bits", "w_bits", "o_bits"] if assumptions["noc_link_bits"] else []
    names += ["dram_bytes"] if assumptions["dram_time"] == "per_op" else []
    return names


def operation_cycles(
    busy: np.ndarray, features: Mapping, fill: np.ndarray, symbols: Mapping, assumptions: Mapping
) -> np.ndarray:
    """Return the cycles of an operation whose busiest event takes `busy` cycles on one node.

    `features` has the tiles to spread, off-chip bits by NoC channel (i_bits, w_bits, o_bits) and
    dram_bytes; `fill` is the time to fill and drain the array.
    """
    cycles = busy * share(features, symbols, assumptions)
    cycles = cycles + filling(fill, features, symbols, assumptions)
    if assumptions["noc_link_bits"]:
        bits = np.maximum(np.maximum(features["i_bits"], features["w_bits"]), features["o_bits"])
        link = bits / (symbols["R"] * assumptions["noc_link_bits"])
        cycles = np.where(symbols["P"] > 1, np.maximum(cycles, link), cycles)
    if assumptions["dram_time"] == "per_op":
        cycles = np.maximum(cycles, features["dram_bytes"] * dram_cycles(symbols, assumptions))
    return cycles


def dram_cycles(symbols: Mapping, assumptions: Mapping) -> float:
    """Return the clock cycles that DRAM takes for a byte."""
    return symbols["frequency_mhz"] * 1e-3 / assumptions["dram_bandwidth_gb_s"]
