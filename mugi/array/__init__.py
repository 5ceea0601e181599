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

Use `converter.Array`, `nonlinear.nonlinear`, `softmax.softmax` and `gemm.gemm`.
"""
