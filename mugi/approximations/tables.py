"""Lookup tables over BF16 codes: the one form in which every method reaches models and figures.

A method with a fixed window is one table `uint16 -> uint16` of 65,536 entries. A VLP unit with a
sliding window is a stack of them, one per window position; the extreme exponent of a group of
inputs picks the position (paper section 3.2). This module is the numpy reference;
`mugi.accuracy.emulate` does the same gathers in torch.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

ONE_CODE = 0x3F80  # BF16 1.0, whose exponent is 0


@dataclass(frozen=True)
class TableStack:
    """Tables of one function and the rule that picks one for a group of inputs.

    tables: uint16 (positions, 65536), output code by window position and input code.
    positions: uint8 (32768,), window position by the group's extreme magnitude code (the code
        without its sign); entry 0 is the position of an empty group.
    extreme: whether the group's largest or smallest magnitude picks the position.
    group: inputs that share one position (the array height H).
    grouping: `rows` for contiguous tiles, `strided` as in the published code.
    zeros: `skip` leaves zeros and masked inputs out of the extreme, `count` takes them as 1.0.
    """

    tables: np.ndarray
    positions: np.ndarray
    extreme: Literal["max", "min"] = "max"
    group: int = 256
    grouping: Literal["rows", "strided"] = "rows"
    zeros: Literal["skip", "count"] = "skip"

    @classmethod
    def single(cls, table: np.ndarray) -> "TableStack":
        """Return the stack of a method without a sliding window: one table for every group."""
        return cls(table[None], np.zeros(1 << 15, dtype=np.uint8))


def pick_positions(stack: TableStack, codes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the window position of every input, an int array of the shape of `codes`.

    Groups run along axis 0, so that each column of a (rows, columns) array is one sequence of
    inputs: the queries of one key for softmax, the channels of one token for an activation.
    Inputs where `valid` is False are masked.
    """
    magnitudes = (codes & 0x7FFF).astype(np.int64)
    if stack.zeros == "count":
        magnitudes = np.where(valid & (magnitudes > 0), magnitudes, ONE_CODE)
    else:
        magnitudes = np.where(valid, magnitudes, 0)
    group = _group_of_each_row(stack, len(codes))
    result = np.empty(codes.shape, dtype=np.int64)
    for index in np.unique(group):
        members = magnitudes[group == index]
        result[group == index] = stack.positions[_extreme(stack, members)]
    return result


def _group_of_each_row(stack: TableStack, rows: int) -> np.ndarray:
    """Contiguous tiles, or the published reshape to (group, rows / group) after end padding."""
    if stack.grouping == "rows":
        return np.arange(rows) // stack.group
    return np.arange(rows) % -(-rows // stack.group)


def _extreme(stack: TableStack, members: np.ndarray) -> np.ndarray:
    """Largest or smallest non-zero magnitude code along axis 0; 0 where all are zero."""
    if stack.extreme == "max":
        return members.max(axis=0)
    lowest = np.where(members > 0, members, 1 << 15).min(axis=0)
    return np.where(lowest == 1 << 15, 0, lowest)


def look_up(stack: TableStack, codes: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Return the output codes for BF16 input `codes`, grouped along axis 0 (numpy reference)."""
    valid = np.ones(codes.shape, dtype=bool) if valid is None else valid
    return stack.tables[pick_positions(stack, codes, valid), codes]
