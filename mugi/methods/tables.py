"""Lookup tables over BF16 codes: the one form in which every method reaches models and figures.

A method with a fixed window is one table `uint16 -> uint16` of 65,536 entries. A VLP unit with a
sliding window is a stack of them, one per window position; the extreme exponent of a group of
inputs picks the position (paper section 3.2). This module is the numpy reference;
`mugi.llm.emulate` does the same gathers in torch.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mugi.bf16 import INF_CODE
from mugi.errors import InputError

ONE_CODE = 0x3F80  # BF16 1.0, whose exponent is 0


@dataclass(frozen=True)
class Adaption:
    """How an adaptive LUT window follows the extremes of the groups (`follow`).

    needed: uint8 (32768,), LUT window that a group with this extreme magnitude code needs, counted
        from the lowest; 0 for an empty group.
    leak: groups after which a LUT window that is no longer needed falls by one exponent.
    along: `columns` if the groups of one tile follow one another column by column (the keys of a
        tile of queries), `tiles` if those of one column do, tile by tile (the channels of a token).
    """

    needed: np.ndarray
    leak: int
    along: Literal["columns", "tiles"]


@dataclass(frozen=True)
class TableStack:
    """Tables of one function and the rule that picks one for a group of inputs.

    Only finite inputs other than zero compete for the group's extreme: zeros, infinities and NaN
    have results of their own, whatever the window.

    tables: uint16 (positions, 65536), output code by window position and input code.
    positions: uint16 (32768,), window position by the group's extreme magnitude code (the code
        without its sign); entry 0 is the position of an empty group. With an `adaption`, one such
        row for each LUT window: (LUT windows, 32768).
    extreme: whether the group's largest or smallest magnitude picks the position.
    group: inputs that share one position (the array height H).
    grouping: `rows` for contiguous tiles; as in the published code `strided` for softmax and
        `front` for activations, whose first tile is filled up at the front with inputs that force
        its window to the anchored end of the LUT.
    zeros: `skip` leaves out what does not compete, `count` takes it (and masked inputs) as 1.0.
    adaption: of an adaptive LUT window, or None.
    """

    tables: np.ndarray
    positions: np.ndarray
    extreme: Literal["max", "min"] = "max"
    group: int = 256
    grouping: Literal["rows", "strided", "front"] = "rows"
    zeros: Literal["skip", "count"] = "skip"
    adaption: Adaption | None = None

    @classmethod
    def single(cls, table: np.ndarray) -> "TableStack":
        """Return the stack of a method without a sliding window: one table for every group."""
        return cls(table[None], np.zeros(1 << 15, dtype=np.uint16))

    @property
    def anchor(self) -> int:
        """Magnitude code that forces the window to the anchored end of the LUT."""
        return INF_CODE - 1 if self.extreme == "max" else 1


def pick_positions(stack: TableStack, codes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the window position of every input, an int array of the shape of `codes`.

    Groups run along axis 0, so that each column of a (rows, columns) array is one sequence of
    inputs: the queries of one key for softmax, the channels of one token for an activation.
    Inputs where `valid` is False are masked. Raises InputError for arrays of another kind.
    """
    if codes.dtype != np.uint16 or codes.ndim != 2 or not len(codes):
        raise InputError(
            f"codes: {codes.dtype} of shape {codes.shape}; allowed: uint16 BF16 codes, "
            "(rows, columns), at least one row"
        )
    if valid.dtype != bool or valid.shape != codes.shape:
        raise InputError(
            f"valid: {valid.dtype} of shape {valid.shape}; allowed: bool, {codes.shape}"
        )
    magnitudes = (codes & 0x7FFF).astype(np.int64)
    competing = valid & (magnitudes > 0) & (magnitudes < INF_CODE)
    magnitudes = np.where(competing, magnitudes, ONE_CODE if stack.zeros == "count" else 0)
    group = _group_of_each_row(stack, len(codes))
    members = (magnitudes[group == index] for index in range(group.max() + 1))
    extremes = np.stack([_extreme(stack, inputs) for inputs in members])
    if stack.grouping == "front" and len(codes) % stack.group:
        extremes[0] = stack.anchor
    return _positions(stack, extremes)[group]


def pick_alone(stack: TableStack, codes: np.ndarray) -> np.ndarray:
    """Return the window position of every input where each is alone in its group, without others
    before it: the best case; an int array of the shape of `codes`."""
    magnitudes = codes.reshape(-1, 1) & 0x7FFF
    extremes = np.where(magnitudes < INF_CODE, magnitudes, 0)
    if stack.adaption:
        stack = replace(stack, adaption=replace(stack.adaption, along="columns"))
    return _positions(stack, extremes).reshape(codes.shape)


def _positions(stack: TableStack, extremes: np.ndarray) -> np.ndarray:
    """Return the window positions of groups by their extremes, both (tiles, columns)."""
    if stack.adaption is None:
        return stack.positions[extremes].astype(np.int64)
    lut = follow(stack.adaption, stack.adaption.needed[extremes])
    return stack.positions[lut, extremes].astype(np.int64)


def follow(adaption: Adaption, needed: np.ndarray) -> np.ndarray:
    """Return the LUT window of each group, from what each needs: int (tiles, columns) both.

    A leaky maximum: a register in steps of 1/leak exponents falls by a step a group and is lifted
    to the group's own need, so that a LUT window rises at once, with the group that needs it, and
    falls by one exponent in `leak` groups. It starts anew for every tile, or for every column.
    """
    axis = 1 if adaption.along == "columns" else 0
    groups = np.arange(needed.shape[axis])
    passed = groups[None, :] if axis else groups[:, None]
    steps = needed.astype(np.int64) * adaption.leak
    register = np.maximum.accumulate(steps + passed, axis=axis) - passed
    return -(-register // adaption.leak)


def _group_of_each_row(stack: TableStack, rows: int) -> np.ndarray:
    """Contiguous tiles, with the short one last or first, or the published reshape to
    (group, rows / group) after end padding."""
    if stack.grouping == "strided":
        return np.arange(rows) % -(-rows // stack.group)
    missing = -rows % stack.group if stack.grouping == "front" else 0
    return (np.arange(rows) + missing) // stack.group


def _extreme(stack: TableStack, members: np.ndarray) -> np.ndarray:
    """Largest or smallest non-zero magnitude code along axis 0; 0 where all are zero."""
    if stack.extreme == "max":
        return members.max(axis=0)
    lowest = np.where(members > 0, members, 1 << 15).min(axis=0)
    return np.where(lowest == 1 << 15, 0, lowest)


def look_up(stack: TableStack, codes: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Return the output codes for BF16 input `codes`, grouped along axis 0 (numpy reference).

    See `pick_positions`; what is masked gets an output too, which a softmax does not use.
    """
    valid = np.ones(codes.shape, dtype=bool) if valid is None else valid
    return stack.tables[pick_positions(stack, codes, valid), codes]
