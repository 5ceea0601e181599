"""Sums over decode steps, position by position: plain loops that numba compiles, for large work.

Positions are counted from 1 and gone through in rows of 256, the off-chip tile. Value v of shape k
at position 256 a + r is `values[v, k, r - 1]` plus a times what it grows by from row to row, which
columns 255 and 256 tell: they are positions 256 and 512. For softmax, `follows[v, k]` times the
off-chip words of SRAM and DRAM at that position come on top.

Sums have one lane for each position of a row, and the lanes are added up where a run ends. So the
order of additions, and with it every last digit, depends on the run alone: not on other runs, nor
on the vectors of the processor. `decode.literal` adds in the same order.
"""

import hashlib
import os
from functools import partial
from inspect import getsource
from pathlib import Path

import numpy as np
from numba import config, njit
from numba.misc.appdirs import user_cache_dir

from mugi.hardware import memory, tiling, timing
from mugi.hardware.tiling import OFFCHIP_TILE as ROW

NONE, ALL, OUTPUT, ARRAY, LUT = range(5)  # tiles that work or words are spread by
NO_FILL, PER_OP, PER_TILE = range(3)  # when the array fills and drains

# No fastmath: sums in another order and reciprocals would change digits, and whole counts.
loops = partial(njit, error_model="numpy")
whole, whole_part = loops(timing.whole), loops(timing.whole_part)
mean_hops, table_hops = loops(timing.mean_hops), loops(timing.table_hops)
rounds_of_tiles = loops(timing.rounds_of_tiles)
operation_cycles, offchip_tile = loops(timing.operation_cycles), loops(memory.offchip_tile)


def cache_folder() -> Path | None:
    """Return where compiled code is kept, or None if there is no such place.

    It is in the user's cache folder. Its name depends on the source of all that is compiled, as
    numba does not notice changes in what a function calls.
    """
    modules = (tiling, memory, timing)
    source = Path(__file__).read_text() + "".join(map(getsource, modules))
    name = f"kernel-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    try:
        folder = Path(os.environ.get("NUMBA_CACHE_DIR") or user_cache_dir("mugi")) / name
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def cached(function):
    """Compile a function and keep the code, where there is a place for it."""
    folder, others = cache_folder(), config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")
    try:
        return loops(cache=folder is not None)(function)
    finally:
        config.CACHE_DIR = others


@loops
def _value(out, value, follow, row, outside):
    """Write a value at the positions of a row."""
    base, follows = row * (value[ROW] - value[ROW - 1]), follow[0] != 0 or follow[1] != 0
    for r in range(ROW):
        moved = follow[0] * outside[1, r] + follow[1] * outside[2, r] if follows else 0.0
        out[r] = value[r] + base + moved


@loops
def _accumulate(lanes, value, follow, row, first, outside, hops):
    """Add a count times hops, rounded down to whole events, to the lanes from the first on."""
    base, follows = row * (value[ROW] - value[ROW - 1]), follow[0] != 0 or follow[1] != 0
    for r in range(first, ROW):
        moved = follow[0] * outside[1, r] + follow[1] * outside[2, r] if follows else 0.0
        lanes[r] += whole((value[r] + base + moved) * hops[r])


@loops
def _totals(totals, lengths, row, before, after):
    """Write sums of the runs that end in a row, from the lanes before it and after it."""
    ends = np.empty(ROW)
    for e in range(len(totals)):
        for j in range(len(lengths)):
            rest = lengths[j] - ROW * row
            ends[:rest], ends[rest:] = after[e, :rest], before[e, rest:]
            half = ROW // 2
            while half > 0:
                for r in range(half):
                    ends[r] += ends[half + r]
                half //= 2
            totals[e, j] = ends[0]


@loops
def _transfers(link, dram, values, follows, special, mode, k, row, outside, channel):
    """Write the most bits of a NoC channel, and the cycles of DRAM, at the positions of a row."""
    if mode[4] > 0:
        _value(dram, values[special[2], k], follows[special[2], k], row, outside)
        for r in range(ROW):
            dram[r] *= mode[4]
    if mode[3] > 0:
        link[:] = 0
        for v in special[3:]:
            _value(channel, values[v, k], follows[v, k], row, outside)
            for r in range(ROW):
                link[r] = max(link[r], channel[r])


@loops
def _offchip(outside, halvings, row, size):
    """Write off-chip tiles, words of SRAM and words of DRAM at the positions of a row."""
    full, count, rest, elements, width = size[4], size[5], size[6], size[7], size[8]
    halved = 1.0
    for r in range(ROW):
        while (ROW * row + r + 1) * full > elements * halved:
            halved *= 2
        halvings[r] = halved
    for r in range(ROW):
        outside[0, r], outside[1, r], outside[2, r] = offchip_tile(
            ROW * row + r + 1.0, halvings[r], full, count, rest, width
        )


@loops
def _tiles(tiles, values, follows, special, k, row, size, outside):
    """Write all_tiles, output_tiles and array_tiles at the positions of a row."""
    if size[4] > 0:
        tiles[ALL] = outside[0]
        tiles[OUTPUT] = outside[0]
    else:
        _value(tiles[ALL], values[special[0], k], follows[special[0], k], row, outside)
        _value(tiles[OUTPUT], values[special[1], k], follows[special[1], k], row, outside)
    for r in range(ROW):
        tiles[ARRAY, r] = size[0] * np.ceil((size[1] + size[2] * (ROW * row + r + 1)) / size[3])


@loops
def _busiest(longest, values, follows, units, may_last, k, row, outside, buffers):
    """Write what the busiest unit takes at the positions of a row."""
    cycles, count, busy = buffers[0], buffers[1], buffers[2]
    longest[:] = 0
    busy[:] = 0
    for u in range(len(units)):
        v, c = units[u, 0], units[u, 1]
        if may_last[u, k]:
            _value(cycles, values[v, k], follows[v, k], row, outside)
            _value(count, values[c, k], follows[c, k], row, outside)
            for r in range(ROW):
                busy[r] += cycles[r] * whole_part(count[r])
        if u + 1 == len(units) or units[u + 1, 2] != units[u, 2]:
            for r in range(ROW):
                longest[r] = max(longest[r], busy[r])
            busy[:] = 0


@loops
def _hops(out, tiles, kind, mesh, mean_xy, softmax):
    """Write the hops of a word at the positions of a row, see `timing.hops`."""
    nodes, rows, columns = mesh[0], mesh[1], mesh[2]
    if mean_xy > 0:
        out[:] = (columns + 1) / 2.0
    elif kind == LUT:
        for r in range(ROW):
            out[r] = table_hops(tiles[OUTPUT, r], nodes, rows)
    elif softmax or kind == ARRAY:
        for r in range(ROW):
            out[r] = mean_hops(tiles[kind, r], nodes, rows)
    else:  # off-chip tiles of matrix products are the same in all of a row
        out[:] = mean_hops(tiles[kind, 0], nodes, rows)


@loops
def _cycles(out, busy, tiles, link, dram, mesh, mode, share, fill):
    """Write the cycles of the positions of a row, see `timing.cycles_of`."""
    nodes, rows = mesh[0], mesh[1]
    tiling, filling, link_bits = int(mode[0]), mode[1], mode[3]
    share[:] = 1 / nodes
    fill[:] = mesh[3] if filling == PER_OP else 0.0
    if tiling != NONE and nodes > 1:
        for r in range(ROW):
            share[r] = rounds_of_tiles(tiles[tiling, r], nodes) / tiles[tiling, r]
    if filling == PER_TILE:
        for r in range(ROW):
            fill[r] = mesh[3] * rounds_of_tiles(tiles[ALL, r], nodes)
    out[:] = 0
    if link_bits > 0 and nodes > 1:
        for r in range(ROW):
            out[r] = link[r] / (rows * link_bits)
    for r in range(ROW):
        out[r] = operation_cycles(busy[r], share[r], fill[r], out[r], dram[r])


@cached
def sums(
    values, follows, plain, routed, units, may_last, special, sizes, mode, shapes, setups
):  # fmt: skip
    """Return sums over the decode steps of runs, as whole events and cycles.

    plain: values that are counts; routed: (count, tiles of its hops); units: (cycles, count, unit),
    those of one unit together, and whether they can be the busiest of a shape; special: values of
    all_tiles, output_tiles, dram_bytes and the bits of channels; sizes: x, y, z, h of array tiles
    x ceil((y + z s) / h) at positions s, then what `memory.offchip_tile` takes, all 0 for matrix
    products, then the positions of the prompt, which are left out, a shape each; mode: tiling,
    fill, whether hops are mean_xy, link bits, cycles of DRAM for a byte.

    shapes: (starts, seq_len), where the runs of each shape start, sorted by seq_len; setups:
    (shape, P R Q fill, starts, seq_len), sorted by shape. Returns counts of `plain`, (plain, runs
    of shapes), and counts of `routed` with cycles last, (routed + 1, runs of setups).
    """
    shape_start, shape_len = shapes
    shape_of, mesh, setup_start, setup_len = setups
    counted = np.zeros((len(plain), len(shape_len)))
    spread = np.zeros((len(routed) + 1, len(setup_len)))
    outside, tiles, buffers = np.zeros((3, ROW)), np.zeros((4, ROW)), np.zeros((3, ROW))
    steps, hops, busy, link, dram = np.zeros((5, ROW))
    once, last = np.ones(ROW), 0
    for k in range(values.shape[1]):
        first = last
        while last < len(shape_of) and shape_of[last] == k:
            last += 1
        lanes, before = np.zeros((2, len(plain), ROW))
        setup_lanes = np.zeros((last - first, len(routed) + 1, ROW))
        setup_before = np.zeros((len(routed) + 1, ROW))
        low, end = shape_start[k], shape_start[k + 1]
        ahead = setup_start[first:last].copy()
        prompt = int(sizes[k, 9])
        for row in range(prompt // ROW, max((shape_len[end - 1] - 1) // ROW, prompt // ROW) + 1):
            lane = max(prompt - ROW * row, 0)
            if sizes[k, 4] > 0:
                _offchip(outside, steps, row, sizes[k])
            stop = low
            while stop < end and shape_len[stop] <= ROW * (row + 1):
                stop += 1
            if low < stop:
                before[:] = lanes
            for e in range(len(plain)):
                v = plain[e]
                _accumulate(lanes[e], values[v, k], follows[v, k], row, lane, outside, once)
            _totals(counted[:, low:stop], shape_len[low:stop], row, before, lanes)
            low = stop
            _tiles(tiles, values, follows, special, k, row, sizes[k], outside)
            _busiest(busy, values, follows, units, may_last, k, row, outside, buffers)
            _transfers(link, dram, values, follows, special, mode, k, row, outside, steps)
            for i in range(first, last):
                start, stop = ahead[i - first], ahead[i - first]
                if start == setup_start[i + 1]:
                    continue
                while stop < setup_start[i + 1] and setup_len[stop] <= ROW * (row + 1):
                    stop += 1
                ahead[i - first], spread_lanes = stop, setup_lanes[i - first]
                if start < stop:
                    setup_before[:] = spread_lanes
                for e in range(len(routed) if mesh[i, 0] > 1 else 0):
                    v, kind = routed[e, 0], routed[e, 1]
                    if e == 0 or kind != routed[e - 1, 1]:
                        _hops(hops, tiles, kind, mesh[i], mode[2], sizes[k, 4] > 0)
                    _accumulate(
                        spread_lanes[e], values[v, k], follows[v, k], row, lane, outside, hops
                    )
                _cycles(steps, busy, tiles, link, dram, mesh[i], mode, buffers[0], buffers[1])
                for r in range(lane, ROW):
                    spread_lanes[-1, r] += steps[r]
                _totals(
                    spread[:, start:stop], setup_len[start:stop], row, setup_before, spread_lanes
                )
    return counted, spread
