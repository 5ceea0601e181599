"""Sums over decode steps, position by position, in functions that `compiler` can compile.

Positions are counted from 1 and gone through in rows of 256, the off-chip tile. Value v of shape k
at position 256 a + r is `values[v, k, r - 1]` plus a times what it grows by from row to row, which
the last two columns tell: they are positions 256 and 512. For softmax, `follows[v, k]` times the
off-chip words of SRAM and DRAM at that position come on top.

Sums have one lane for each position of a row, and the lanes are added up where a run ends. So the
order of additions, and with it every last digit, depends on the run alone: not on other runs, not
on the compiler, not on the vectors of the processor.
"""

import numpy as np

from mugi.hardware.memory import offchip
from mugi.hardware.tiling import OFFCHIP_TILE as ROW
from mugi.hardware.timing import (
    busiest_share,
    mean_hops,
    operation_cycles,
    rounds_of_tiles,
    table_hops,
    whole,
    whole_part,
)
from mugi.hardware.workload import PREFILL_TOKENS

NONE, ALL, OUTPUT, ARRAY, LUT = range(5)  # tiles that work or words are spread by
NO_FILL, PER_OP, PER_TILE = range(3)  # when the array fills and drains


def sums(values, follows, plain, routed, units, left, special, sizes, mode, shapes, setups):
    """Return sums over the decode steps of runs, as whole events and cycles.

    plain: values that are counts; routed: (count, tiles of its hops); units: (cycles, count, unit),
    those of one unit together, and `left[u, k]` those that can be the busiest; special: values of
    all_tiles, output_tiles, dram_bytes and the bits of three channels; sizes: see `_array_tiles`,
    then the numbers of `memory.offchip`, a shape each, all 0 for matrix products; mode: tiling,
    fill, whether hops are mean_xy, link bits, cycles of DRAM for a byte.

    shapes: (starts, seq_len), where the runs of each shape start, sorted by seq_len; setups:
    (shape, P R Q fill, starts, seq_len), sorted by shape. Returns counts of `plain`, (runs of
    shapes, plain), and counts of `routed` with cycles last, (runs of setups, routed + 1).
    """
    shape_start, shape_len = shapes
    shape_of, mesh, setup_start, setup_len = setups
    counted = np.zeros((len(shape_len), len(plain)))
    spread = np.zeros((len(setup_len), len(routed) + 1))
    last = 0
    for k in range(values.shape[1]):
        first, last = last, last
        while last < len(shape_of) and shape_of[last] == k:
            last += 1
        shape_lanes = np.zeros((len(plain), ROW))
        setup_lanes = np.zeros((last - first, len(routed) + 1, ROW))
        low, end = shape_start[k], shape_start[k + 1]
        ahead = setup_start[first:last].copy()
        for row in range((shape_len[end - 1] - 1) // ROW + 1):
            outside = _outside(row, sizes[k])
            stop = low
            while stop < end and shape_len[stop] <= ROW * (row + 1):
                stop += 1
            for e in range(len(plain)):
                count = whole(_value(values, follows, plain[e], k, row, outside))
                _add(shape_lanes[e], count, row, shape_len[low:stop], counted[low:stop, e])
            low = stop
            busy = _busiest(values, follows, units, left[:, k], k, row, outside)
            for i in range(first, last):
                start, stop = ahead[i - first], ahead[i - first]
                if start == setup_start[i + 1]:
                    continue
                while stop < setup_start[i + 1] and setup_len[stop] <= ROW * (row + 1):
                    stop += 1
                tiles = _tiles(values, follows, special, sizes[k], k, row, outside)
                lanes, lengths = setup_lanes[i - first], setup_len[start:stop]
                for e in range(len(routed)):
                    v, kind = routed[e]
                    if mesh[i, 0] > 1:
                        count = _value(values, follows, v, k, row, outside)
                        count = whole(count * _hops(tiles, kind, mesh[i], mode))
                        _add(lanes[e], count, row, lengths, spread[start:stop, e])
                cycles = _cycles(values, follows, special, k, row, outside, busy, tiles, mesh[i], mode)
                _add(lanes[-1], cycles, row, lengths, spread[start:stop, -1])
                ahead[i - first] = stop
    return counted, spread


def _value(values, follows, v, k, row, outside):
    """Return a value at the positions of a row."""
    found = values[v, k, :ROW] + row * (values[v, k, ROW] - values[v, k, ROW - 1])
    if follows[v, k, 0] != 0 or follows[v, k, 1] != 0:
        found = found + (follows[v, k, 0] * outside[1] + follows[v, k, 1] * outside[2])
    return found


def _add(lanes, found, row, lengths, totals):
    """Add the positions of a row to the lanes, and write the totals of the runs that end in it."""
    if row == 0:
        found[:PREFILL_TOKENS] = 0
    for j in range(len(lengths)):
        rest = lengths[j] - ROW * row
        ends = lanes.copy()
        ends[:rest] += found[:rest]
        half = ROW // 2
        while half > 8:
            ends[:half] += ends[half : 2 * half]
            half //= 2
        total = 0.0
        for r in range(2 * half):
            total += ends[r]
        totals[j] = total
    lanes += found


def _outside(row, size):
    """Return off-chip tiles, words of SRAM and words of DRAM at the positions of a row."""
    found = np.zeros((3, ROW))
    if size[4] > 0:
        columns = ROW * row + np.arange(1.0, ROW + 1)
        tiles, words, dram_words = offchip(columns, size[4], size[5], size[6], size[7], size[8])
        found[0], found[1], found[2] = tiles, words, dram_words
    return found


def _busiest(values, follows, units, left, k, row, outside):
    """Return what the busiest unit takes at the positions of a row."""
    longest, busy = np.zeros(ROW), np.zeros(ROW)
    for u in range(len(units)):
        v, c, unit = units[u]
        if left[u]:
            count = _value(values, follows, c, k, row, outside)
            busy += _value(values, follows, v, k, row, outside) * whole_part(count)
        if u + 1 == len(units) or units[u + 1, 2] != unit:
            longest = np.maximum(longest, busy)
            busy[:] = 0
    return longest


def _tiles(values, follows, special, size, k, row, outside):
    """Return all_tiles, output_tiles and array_tiles at the positions of a row, from place 1."""
    found = np.zeros((4, ROW))
    if size[4] > 0:
        found[ALL] = outside[0]
        found[OUTPUT] = outside[0]
    else:
        found[ALL] = _value(values, follows, special[0], k, row, outside)
        found[OUTPUT] = _value(values, follows, special[1], k, row, outside)
    position = ROW * row + np.arange(1.0, ROW + 1)
    found[ARRAY] = size[0] * np.ceil((size[1] + size[2] * position) / size[3])
    return found


def _hops(tiles, kind, mesh, mode):
    """Return the hops of a word in a row, see `timing.hops`."""
    nodes, rows, cols, _ = mesh
    if mode[2] > 0:
        return np.full(ROW, (cols + 1) / 2.0)
    if kind == LUT:
        return table_hops(tiles[OUTPUT], nodes, rows)
    return mean_hops(tiles[kind], nodes, rows)


def _cycles(values, follows, special, k, row, outside, busy, tiles, mesh, mode):
    """Return the cycles of the positions of a row, see `timing.cycles_of`."""
    nodes, rows, _, fill = mesh
    tiling, filling, _, link_bits, dram_cycles = mode
    share, fills, zero = np.full(ROW, 1 / nodes), np.zeros(ROW), np.zeros(ROW)
    if tiling != NONE:
        share = busiest_share(tiles[int(tiling)], nodes)
    if filling == PER_OP:
        fills = np.full(ROW, fill)
    elif filling == PER_TILE:
        fills = fill * rounds_of_tiles(tiles[ALL], nodes)
    link, dram = zero, zero
    if link_bits > 0 and nodes > 1:
        for channel in range(3, 6):
            bits = _value(values, follows, special[channel], k, row, outside)
            link = np.maximum(link, bits / (rows * link_bits))
    if dram_cycles > 0:
        dram = _value(values, follows, special[2], k, row, outside) * dram_cycles
    return operation_cycles(busy, share, fills, link, dram)
