"""Softmax in two passes (paper section 4.1): exp and sum on the array, then scaling by the sum."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mugi.array.converter import Array, check_codes
from mugi.array.nonlinear import NEGATIVE, SIGN_BIT, nonlinear
from mugi.bf16 import INF_CODE, from_bf16, rounded, to_bf16
from mugi.errors import InputError
from mugi.methods.vlp import VLP

MASKED_CODE = SIGN_BIT | INF_CODE
PASSES = 2  # each reads and writes every value once


@dataclass(frozen=True)
class SoftmaxRun:
    """Result of a softmax over the last axis.

    probabilities: BF16 codes, uint16 (rows, keys); sums: BF16 codes, uint16 (rows,);
    busy_cycles: by unit (array, vector, osram_read, osram_write), the units work at the same time,
    on different rows; activations: see NonlinearRun.
    """

    probabilities: np.ndarray
    sums: np.ndarray
    busy_cycles: dict[str, int]
    activations: dict[str, int]

    @property
    def cycles(self) -> int:
        """Cycles of the unit that is busy the longest."""
        return max(self.busy_cycles.values())


def softmax(
    array: Array, method: VLP, scores: np.ndarray, accumulator: Literal["bf16", "fp32"] = "bf16"
) -> SoftmaxRun:
    """Return the softmax of BF16 `scores`, uint16 (rows, keys), the row's maximum subtracted.

    A row of the array adds the exponentials of one row of scores, key after key, each time rounded
    to BF16 as the array's adders do, or to FP32 as in the published accuracy code (and to BF16 at
    the end). -inf is a masked key with probability 0; a row without key gives zeros. The second
    pass divides, or multiplies by the BF16 reciprocal (`method.normalize`); how the reciprocal
    comes about is not modelled and takes no time. Raises InputError for NaN and positive scores.
    """
    scores = np.asarray(scores)
    _check(scores, accumulator)
    run = nonlinear(array, method, "exp", scores | SIGN_BIT, scores != MASKED_CODE, NEGATIVE)
    exponentials = from_bf16(run.outputs)
    sums = sequential_sum(exponentials, accumulator)
    totals = from_bf16(sums)[:, None]
    divisors = np.where(totals > 0, totals, 1.0)
    reciprocal = method.normalize == "reciprocal"
    return SoftmaxRun(
        to_bf16(exponentials * rounded(1 / divisors) if reciprocal else exponentials / divisors),
        sums,
        {"array": run.cycles, **_scaling_and_memory_cycles(array, *scores.shape)},
        run.activations | {"adder": scores.size, "multiplier_vector": scores.size},
    )


def _check(scores: np.ndarray, accumulator: str) -> None:
    check_codes("scores", scores, "(rows, keys)")
    if accumulator not in ("bf16", "fp32"):
        raise InputError(f"accumulator is '{accumulator}'; allowed: bf16, fp32")
    with np.errstate(invalid="ignore"):
        bad = ~(from_bf16(scores) <= 0)
    if bad.any():
        row, key = np.argwhere(bad)[0]
        raise InputError(
            f"scores: {from_bf16(scores[row, key])} at row {row}, key {key}; allowed: at most 0 "
            "(subtract the row's maximum first), -inf for a masked key"
        )


def sequential_sum(values: np.ndarray, accumulator: str) -> np.ndarray:
    """Return the BF16 codes of the sums over the last axis, added one after the other."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
        total = rounded(total) if accumulator == "bf16" else total.astype(np.float32)
    return to_bf16(total)


def _scaling_and_memory_cycles(array: Array, rows: int, keys: int) -> dict[str, int]:
    """Return cycles of the H/8 multipliers of the vector unit and of oSRAM's two ports."""
    tiles = np.minimum(array.height, np.arange(rows, 0, -array.height))  # rows in use, a tile each
    words = PASSES * keys * int(np.ceil(16 * tiles / array.osram_word_bits).sum())
    lanes = array.height // 8
    scaling = keys * int(np.ceil(tiles / lanes).sum())
    return {"vector": scaling, "osram_read": words, "osram_write": words}
