"""Rules of time: whole events, the busiest unit, work spread over nodes, transfers beside it.

The first functions are rules of numbers, arithmetic only: numpy applies them to arrays, and
`kernel` compiles the same functions for its loops.
"""

from collections.abc import Iterable, Mapping

import numpy as np

EPSILON = 1e-6  # counts this close below a whole number are that number
TINY = 1e-300
MEMORIES = ("isram", "wsram", "osram")
TILES = ("all_tiles", "output_tiles", "array_tiles")  # what may be spread over the nodes


def whole(count):
    """Return counts rounded down to whole events, as the published model truncates them."""
    return np.floor(count + EPSILON)


def whole_part(count):
    """Return the part of a count that is whole events; nothing of a count of 0."""
    return np.floor(count + EPSILON) / np.maximum(count, TINY)


def mean_hops(tiles, nodes, rows):
    """Return the router ports that a word passes on average when `tiles` are spread over nodes.

    Published artifact: full rounds of `nodes` tiles take `rows` hops each, a last partial round 1.
    """
    rounds = np.ceil(tiles / nodes)
    return ((rows - 1) * np.floor(tiles / nodes) + rounds) / rounds


def table_hops(tiles, nodes, rows):
    """Return the hops of the lookup table's words (published artifact): 1 where nodes are idle."""
    return 1.0 + (rows - 1) * (tiles >= nodes)


def rounds_of_tiles(tiles, nodes):
    """Return how many tiles the busiest node has, one after the other."""
    return np.ceil(tiles / nodes)


def operation_cycles(busy, share, fill, link, dram):
    """Return the cycles of an operation; it waits for NoC links and the DRAM if they take longer.

    busy: cycles of the busiest unit if one node did it all; share: what the busiest node does;
    fill: cycles in which the array fills and drains; link, dram: cycles of the transfers.
    """
    return np.maximum(np.maximum(busy * share + fill, link), dram)


def units(names: Iterable[str], assumptions: Mapping) -> list[list[str]]:
    """Return the events that keep one unit busy, one after the other, by unit.

    Each event has a unit of its own, but with shared ports all reads or all writes of an SRAM have
    one.
    """
    by_unit: dict[str, list[str]] = {}
    for name in names:
        memory, _, access = name.rpartition("chip_")
        port = memory and memory.split("_")[0] in MEMORIES and assumptions["sram_ports"] == "shared"
        by_unit.setdefault(f"{memory.split('_')[0]}_{access}" if port else name, []).append(name)
    return list(by_unit.values())


def busiest(counts: Mapping, cycles: Mapping, assumptions: Mapping) -> np.ndarray:
    """Return the longest time that a unit is busy with whole events."""
    longest = np.zeros(1)
    for names in units(cycles, assumptions):
        duration = sum(cycles[name] * whole_part(counts[name]) for name in names)
        longest = np.maximum(longest, duration)
    return longest


def hops(tiles: Mapping, kind: str, symbols: Mapping, assumptions: Mapping) -> np.ndarray:
    """Return the hops of a word of a router event whose `kind` names the tiles that are spread."""
    nodes, rows = symbols["P"], symbols["R"]
    if assumptions["noc_hops"] == "mean_xy":
        passed = (symbols["Q"] + 1) / 2.0
    elif kind == "lut_tiles":
        passed = table_hops(tiles["output_tiles"], nodes, rows)
    else:
        passed = mean_hops(tiles[kind], nodes, rows)
    return np.where(nodes > 1, passed, 0.0)


def cycles_of(
    busy: np.ndarray, features: Mapping, fill: np.ndarray, symbols: Mapping, assumptions: Mapping
) -> np.ndarray:
    """Return the cycles of operations whose busiest unit takes `busy` cycles on one node.

    `features` has the TILES, the off-chip bits of the NoC's channels (i_bits, w_bits, o_bits) and
    dram_bytes; `fill` is the time in which the array fills and drains once.
    """
    nodes, tiling, filling = symbols["P"], assumptions["noc_tiling"], assumptions["pipeline_fill"]
    share = 1 / nodes
    if tiling != "even":
        share = rounds_of_tiles(features[tiling], nodes) / features[tiling]
    if filling == "per_tile":
        fill = fill * rounds_of_tiles(features["all_tiles"], nodes)
    elif filling == "none":
        fill = 0.0
    link = dram = 0.0
    if assumptions["noc_link_bits"]:
        bits = np.maximum(np.maximum(features["i_bits"], features["w_bits"]), features["o_bits"])
        link = np.where(nodes > 1, bits / (symbols["R"] * assumptions["noc_link_bits"]), 0.0)
    if assumptions["dram_time"] == "per_op":
        dram = features["dram_bytes"] * dram_cycles(symbols, assumptions)
    return operation_cycles(busy, share, fill, link, dram)


def dram_cycles(symbols: Mapping, assumptions: Mapping) -> float:
    """Return the clock cycles that DRAM takes for a byte."""
    return symbols["frequency_mhz"] * 1e-3 / assumptions["dram_bandwidth_gb_s"]
