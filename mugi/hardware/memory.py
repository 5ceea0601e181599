"""Words moved through SRAM and DRAM. Of a design it needs word widths and the dataflow only."""

from collections.abc import Mapping

import numpy as np

from mugi.hardware.tiling import Classes, Dimension, classes, full_tiles

ACTIVATION_BITS = 16  # inputs, outputs, scores and probabilities
WEIGHT_BITS = 4  # weights and the KV cache
DRAM_BITS = 64
DRAM_TRANSFERS = ("dram_input_reads", "dram_weight_reads", "dram_output_writes")
SRAM_TRANSFERS = ("isram_offchip_writes", "wsram_offchip_writes", "osram_offchip_reads")


def words(rows: Classes, columns: Classes, bits: int, width: np.ndarray) -> np.ndarray:
    """Return the words of `width` bits that tiles of `bits`-bit values take, each rounded up."""
    return sum(
        row_count * sum(count * np.ceil(row * bits * column / width) for column, count in columns)
        for row, row_count in rows
    )


def gemm_words(
    batch: np.ndarray, m: Dimension, k: Dimension, n: Dimension, design: Mapping, dataflow: str,
    partial_sum_reads: str,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the accesses of `batch` products M x K by K x N, by event.

    `design` gives the word widths i_width, w_width and o_width in bits. Off chip the output stays
    (os); on chip the output or the weight does (ws).
    """
    i, w, o = design["i_width"], design["w_width"], design["o_width"]

    def offchip(inputs_bits, weights_bits, outputs_bits):
        return (
            batch * n.tiles * words(m.offchip, k.offchip, ACTIVATION_BITS, inputs_bits),
            batch * m.tiles * words(k.offchip, n.offchip, WEIGHT_BITS, weights_bits),
            batch * words(m.offchip, n.offchip, ACTIVATION_BITS, outputs_bits),
        )

    outputs = batch * words(m.onchip, n.onchip, ACTIVATION_BITS, o)
    unread = outputs if partial_sum_reads == "continue" else outputs * k.tiles
    weight_reloads = m.passes if dataflow == "os" else m.tiles
    writes = outputs * (k.tiles if dataflow == "os" else k.passes)
    published_os = dataflow == "os" and partial_sum_reads == "restart"
    return {
        **dict(zip(DRAM_TRANSFERS, offchip(DRAM_BITS, DRAM_BITS, DRAM_BITS), strict=True)),
        **dict(zip(SRAM_TRANSFERS, offchip(i, w, o), strict=True)),
        "isram_onchip_reads": batch * n.passes * words(m.onchip, k.onchip, ACTIVATION_BITS, i),
        "wsram_onchip_reads": batch * weight_reloads * words(k.onchip, n.onchip, WEIGHT_BITS, w),
        "osram_onchip_writes": writes,
        "osram_onchip_reads": writes if published_os else writes - unread,
    }


def nonlinear_columns(m: np.ndarray, lanes: np.ndarray, width: np.ndarray) -> tuple:
    """Return passes over the rows, and the words of a column of m values, `lanes` at a time."""
    rows = classes(m, lanes)
    passes = sum(count for _, count in rows)
    return passes, words(rows, [(np.array(1.0), np.array(1.0))], ACTIVATION_BITS, width)


def nonlinear_offchip(
    m: np.ndarray, n: np.ndarray, lanes: np.ndarray, elements: np.ndarray, width: np.ndarray
) -> tuple:
    """Return off-chip tiles, their words of `width` bits, and their words of DRAM.

    An m x n matrix is cut into tiles of at most `lanes` rows that fit `elements` values.
    """
    full, count, rest = full_tiles(m, lanes)
    halvings = np.ones_like(n * full)
    while np.any(short := n * full > elements * halvings):
        halvings = np.where(short, 2 * halvings, halvings)
    return offchip_tile(n, halvings, full, count, rest, width)


def offchip_tile(columns, halvings, full, count, rest, width):
    """Return off-chip tiles of a matrix, their words of `width` bits, and their words of DRAM.

    The columns are halved until a tile fits; see `full_tiles` for its rows. Numbers or arrays:
    `kernel` compiles the same function.
    """
    tile = np.floor(columns / halvings)
    number = np.floor(columns / tile)
    last = columns - number * tile
    tiles = (number + (last > 0)) * (count + (rest > 0))

    def words(size, bits):
        return count * np.ceil(16 * full * size / bits) + np.ceil(16 * rest * size / bits)

    sram_words = number * words(tile, width) + words(last, width)
    return tiles, sram_words, number * words(tile, 64) + words(last, 64)
