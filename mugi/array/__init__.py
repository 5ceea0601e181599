"""A Mugi array, cycle by cycle: the golden reference of VLP approximation and of BF16-INT4 GEMM.

An array of H rows and up to 8 columns works in windows of 8 cycles (paper section 4, Fig. 10). A
counter sweeps 0 to 7; column j passes one value a cycle downwards, j cycles late. The temporal
converter of a row spikes when the counter reaches the row's value; the spike moves one column a
cycle, so that in every column it meets the same counter value and lets the column's value of that
moment onto the row (temporal subscription). A row carries one value a cycle, from column j at
cycle value + j of the window; those after the window's end go over a second chain of OR gates,
beside the values of the next window.

Nonlinear operations: the columns pass the LUT rows of a sliding window of exponents, a row spikes
at its input's mantissa, and a second counter, started by the spike, picks the exponent's value.
GEMM: the columns pass 0·x, 1·x … 7·x of one BF16 input each, a row spikes at the magnitude of its
INT4 weight, and its adder accumulates the products, one a cycle. Nothing but the components listed
in mugi/hardware/designs/mugi.yaml is assumed; between column and row there is no latch.

Against the cost model (mugi/hardware), each difference an assumption or a bound it names:

- 8 cycles a window, as charged (2^mantissa for nonlinear mantissas of more than 3 bits, which no
  design of the cost model has), and W - 1 + broadcast registers once, charged by `pipeline_fill`;
- the time to load the entries of an adaptive LUT window is not modelled, only how many there are;
- softmax: 8 cycles a column on the array and as many on the vector unit, but two passes through
  oSRAM take 16, which is what is charged (`softmax_passes`);
- SiLU, GELU: two sweeps, 16 cycles a column (`silu_passes`); a row spikes in its sign's only, the
  cost model charges spikes in both;
- converters compare and the counter ticks in every cycle, as published once a GEMM window
  (`temporal_converter_activity`);
- an output tile of fewer than 8 steps of k is bound by oSRAM, not by the array;
- products that need the second chain of OR gates are 28 of 64 for uniform weights
  (`pe_fifo_activity=overlap_share`); those that wait in a PE FIFO, so that k stays in order, are
  nearly all (`equal_full`).

`mugi simulate` tabulates cycles beside those charged (`charge`). What only a program does, the
published grouping over strided rows and the published build of activations, the array refuses.

Use `converter.Array`, `nonlinear.nonlinear`, `softmax.softmax` and `gemm.gemm`.
"""
