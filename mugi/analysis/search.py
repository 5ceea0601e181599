"""Errors of many methods on a distribution of inputs: the search surface that `mugi fit` writes.

A method's error on a distribution is a product of the errors of its table's entries and of how
often each entry is read. Which window of a VLP lookup table is read depends on the other inputs of
a group, so that reads are counted by code and by the placement of the window for its group: groups
whose extreme inputs no method of the search tells apart have one placement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from mugi.analysis.distribution import MASKED, Inputs
from mugi.analysis.select import family_of
from mugi.bf16 import CODES, from_bf16, rounded
from mugi.errors import InputError, Mistake
from mugi.methods import FUNCTIONS, Method
from mugi.methods.tables import TableStack, pick_alone, pick_positions

POOLED = "all"
KL = "kl_divergence_nats"
ERRORS = {
    "mean_absolute_error": "over the codes that occur, each counted once",
    "maximum_absolute_error": "over the codes that occur",
    "weighted_absolute_error": "over the inputs: each code as often as it occurs",
    KL: "of the rows of softmax from exact ones, mean over rows",
}
_VALUES = from_bf16(CODES)


@dataclass(frozen=True)
class Reads:
    """How often a layer's inputs read each table entry: arrays of one item a placement and code."""

    placement: np.ndarray
    code: np.ndarray
    count: np.ndarray


@dataclass(frozen=True)
class SoftmaxRows:
    """Rows of softmax inputs: codes and placements of the keys that are seen, row after row.

    starts: where each row begins. log_exact: logarithms of the exact probabilities.
    """

    code: np.ndarray
    placement: np.ndarray
    starts: np.ndarray
    log_exact: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Keys seen in each row."""
        return np.diff(np.append(self.starts, len(self.code)))


class Placements:
    """Stacks that group inputs alike, and the placements of their windows that differ in any.

    The windows of an adaptive stack are placements themselves: they depend on earlier groups too.
    """

    def __init__(self, stacks: Sequence[TableStack]):
        self.probe = stacks[0]
        self.count = len(self.probe.tables)
        self.first = None
        if self.probe.adaption is None:
            placed = np.stack([stack.positions for stack in stacks], axis=1)
            _, self.first, place = np.unique(placed, axis=0, return_index=True, return_inverse=True)
            self.probe = replace(self.probe, positions=place.ravel().astype(np.uint16))
            self.count = len(self.first)

    def positions(self, stack: TableStack) -> np.ndarray:
        """Return the window position of `stack` for each placement."""
        if self.first is None:
            return np.arange(self.count)
        return stack.positions[self.first].astype(np.int64)

    def of(self, inputs: Inputs) -> np.ndarray:
        """Return the placement of each input's group, of the shape of `inputs.codes`."""
        if inputs.operation == "softmax":
            placed = [pick_positions(self.probe, tile, tile != MASKED) for tile in inputs.codes]
            return np.stack(placed)
        return pick_positions(self.probe, inputs.codes.T, np.ones(inputs.codes.T.shape, bool)).T

    def reads(self, inputs: Inputs, placement: np.ndarray) -> Reads:
        """Return the reads of all counted inputs, each code's in the placements of its samples.

        A code that is not among the samples is alone in its group.
        """
        seen = inputs.codes != MASKED
        joint = np.bincount(
            placement[seen] << 16 | inputs.codes[seen].astype(np.int64), minlength=self.count << 16
        ).reshape(self.count, 1 << 16)
        unseen = np.flatnonzero((joint.sum(axis=0) == 0) & (inputs.counts > 0))
        joint[pick_alone(self.probe, unseen), unseen] = 1
        share = inputs.counts / np.maximum(joint.sum(axis=0), 1)
        placement, code = joint.nonzero()
        count = joint[placement, code] * share[code]
        return Reads(placement[count > 0], code[count > 0], count[count > 0])


def pooled(reads: Sequence[Reads]) -> Reads:
    """Return the reads of all layers together."""
    key = np.concatenate([layer.placement << 16 | layer.code for layer in reads])
    key, place = np.unique(key, return_inverse=True)
    count = np.bincount(place, weights=np.concatenate([layer.count for layer in reads]))
    return Reads(key >> 16, key & 0xFFFF, count)


def absolute_errors(
    stack: TableStack, function: str, reads: Reads, position: np.ndarray
) -> np.ndarray:
    """Return |approximate - exact| of each of the reads, exact in float64; `position` is by
    placement."""
    approximate = _VALUES[stack.tables[position[reads.placement], reads.code]]
    return np.abs(approximate - FUNCTIONS[function](_VALUES[reads.code]))


def rows_of(inputs: Inputs, placement: np.ndarray, count: int) -> SoftmaxRows:
    """Return about `count` rows of a layer's softmax, spread evenly over its tiles."""
    keys = inputs.codes.shape[-1]
    placement, codes = placement.reshape(-1, keys), inputs.codes.reshape(-1, keys)
    with_keys = (codes != MASKED).any(axis=1).nonzero()[0]
    spread = np.linspace(0, len(with_keys) - 1, min(count, len(with_keys))).round().astype(int)
    codes, placement = codes[with_keys[spread]], placement[with_keys[spread]]
    seen = codes != MASKED
    lengths = seen.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    score = _VALUES[codes[seen]]
    total = np.add.reduceat(np.exp(score), starts)
    log_exact = score - np.repeat(np.log(total), lengths)
    return SoftmaxRows(codes[seen], placement[seen], starts, log_exact)


def divergences(
    method: Method, stack: TableStack, rows: SoftmaxRows, position: np.ndarray
) -> np.ndarray:
    """Return the KL divergence of each approximate row from the exact one, in nats.

    Generalised to rows that do not add up to 1, Σ q·log(q/p) - q + p with the approximate q, so
    that probability lost to an output of 0 counts and stays finite. The sum of a row is rounded to
    BF16, and so is what it divides; a negative q counts as 0.
    """
    exponentials = _VALUES[stack.tables[position[rows.placement], rows.code]].astype(np.float32)
    total = _rounded(np.add.reduceat(exponentials, rows.starts))
    total = np.maximum(total, np.finfo(np.float32).tiny)
    if method.normalize == "reciprocal":
        q = _rounded(exponentials * np.repeat(_rounded(1 / total), rows.lengths))
    else:
        q = _rounded(exponentials / np.repeat(total, rows.lengths))
    q = np.maximum(q, 0).astype(float)
    terms = q * (np.log(np.where(q > 0, q, 1)) - rows.log_exact) - q
    return np.add.reduceat(terms, rows.starts) + 1


def _rounded(values: np.ndarray) -> np.ndarray:
    """Return float32 `values` rounded to BF16, in float32: what models compute softmax in."""
    return rounded(values).astype(np.float32)


def surface(
    layers: Sequence[Inputs],
    methods: Sequence[Method],
    errors: Iterable[str] = tuple(ERRORS),
    each_layer: bool = False,
    rows: int = 32,
) -> pd.DataFrame:
    """Return every error of every method on one operation: all layers pooled and, if asked, each.

    `rows` rows of a layer enter the KL divergence, which only softmax has. One row a layer, method
    and error, sorted so; `best` marks the first of a family of methods with the least error.
    Raises InputError for an error that is not a number.
    """
    first = layers[0]
    errors = [name for name in errors if first.operation == "softmax" or name != KL]
    stacks = {method: method.stack(first.function) for method in methods}
    values = {}
    for alike in _grouping_alike(stacks):
        values |= _errors(layers, alike, errors, each_layer, rows)
    scopes = [POOLED, *(one.layer for one in sorted(layers, key=lambda one: one.layer))]
    keys = product(scopes if each_layer else [POOLED], stacks, errors)
    keys = sorted(keys, key=lambda k: (scopes.index(k[0]), errors.index(k[2])))  # methods in order
    table = pd.DataFrame(
        {
            "inputs": first.name,
            "operation": first.operation,
            "function": first.function,
            "layer": [str(layer) for layer, _, _ in keys],
            "family": [family_of(method) for _, method, _ in keys],
            "method": [str(method) for _, method, _ in keys],
            "error": [error for _, _, error in keys],
            "value": [values[key] for key in keys],
        }
    )
    if len(wrong := table[table["value"].isna()]):
        row = wrong.iloc[0]
        what = f"{row['error']} of {row['method']} is not a number"
        raise InputError(Mistake(what, f"{first.name}, {first.operation}, layer {row['layer']}"))
    winners = table.groupby(["layer", "error", "family"])["value"].idxmin()
    return table.assign(best=table.index.isin(winners))


def _grouping_alike(stacks: Mapping[Method, TableStack]) -> Iterable[dict[Method, TableStack]]:
    """Return the stacks, those together that take the same groups and extremes."""
    groups: dict[object, dict[Method, TableStack]] = {}
    for method, stack in stacks.items():
        key = (stack.extreme, stack.group, stack.grouping, stack.zeros)
        if stack.adaption:
            key = method
        elif len(stack.tables) == 1:
            key = ()
        groups.setdefault(key, {})[method] = stack
    return groups.values()


def _errors(
    layers: Sequence[Inputs],
    stacks: Mapping[Method, TableStack],
    errors: Sequence[str],
    each_layer: bool,
    row_count: int,
) -> dict[tuple[str | int, Method, str], float]:
    """Return the value by layer, method and error, for methods that group inputs alike."""
    function = layers[0].function
    placements = Placements(list(stacks.values()))
    reads, rows = [], []
    for inputs in layers:
        placement = placements.of(inputs)
        reads.append(placements.reads(inputs, placement))
        if KL in errors:
            rows.append(rows_of(inputs, placement, row_count))
    scopes = {POOLED: pooled(reads)}
    if each_layer:
        scopes |= {inputs.layer: one for inputs, one in zip(layers, reads, strict=True)}
    values = {}
    for method, stack in stacks.items():
        position = placements.positions(stack)
        by_layer = [divergences(method, stack, of_layer, position) for of_layer in rows]
        kl = [np.concatenate(by_layer), *by_layer] if rows else []
        for number, (layer, scope) in enumerate(scopes.items()):
            wrong = absolute_errors(stack, function, scope, position)
            values |= {
                (layer, method, "mean_absolute_error"): _mean_by_code(wrong, scope),
                (layer, method, "maximum_absolute_error"): wrong.max(),
                (layer, method, "weighted_absolute_error"): np.average(wrong, weights=scope.count),
            }
            if rows:
                values[layer, method, KL] = kl[number].mean()
    return values


def _mean_by_code(wrong: np.ndarray, reads: Reads) -> float:
    """Return the mean over codes of the mean over the placements that a code is read in."""
    total = np.bincount(reads.code, weights=wrong * reads.count)
    count = np.bincount(reads.code, weights=reads.count)
    return float((total[count > 0] / count[count > 0]).mean())
