"""Errors of many methods on a distribution of inputs: the search surface that `mugi fit` writes.

A method's error on a distribution is a product of the errors of its table's entries and of how
often each entry is read. Which window of a VLP lookup table is read depends on the other inputs of
a group, so that reads are counted by code and by the kind of the group it is in: groups whose
extreme inputs no method of the search tells apart are of one kind.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mugi.analysis.distribution import MASKED, Inputs
from mugi.analysis.select import family_of
from mugi.bf16 import CODES, from_bf16
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
    """How often a layer's inputs read each table entry: one entry of the arrays a kind and code."""

    kind: np.ndarray
    code: np.ndarray
    count: np.ndarray


@dataclass(frozen=True)
class Rows:
    """Some rows of softmax inputs: codes and kinds of the keys that are seen, row after row.

    starts: where each row begins. log_exact: logarithms of the exact probabilities.
    """

    code: np.ndarray
    kind: np.ndarray
    starts: np.ndarray
    log_exact: np.ndarray


class Kinds:
    """Stacks that group inputs alike, and the kinds of groups that they tell apart.

    The windows of an adaptive stack are kinds themselves: they depend on earlier groups too.
    """

    def __init__(self, stacks: list[TableStack]):
        self.probe = stacks[0]
        self.count = len(self.probe.tables)
        self.first = None
        if self.probe.adaption is None:
            placed = np.stack([stack.positions for stack in stacks], axis=1)
            _, self.first, kind = np.unique(placed, axis=0, return_index=True, return_inverse=True)
            self.probe = replace(self.probe, positions=kind.ravel().astype(np.uint16))
            self.count = len(self.first)

    def positions(self, stack: TableStack) -> np.ndarray:
        """Return the window position of `stack` for each kind."""
        if self.first is None:
            return np.arange(self.count)
        return stack.positions[self.first].astype(np.int64)

    def of(self, inputs: Inputs) -> np.ndarray:
        """Return the kind of each input's group, of the shape of `inputs.codes`."""
        if inputs.operation == "softmax":
            picked = [pick_positions(self.probe, tile, tile != MASKED) for tile in inputs.codes]
            return np.stack(picked)
        return pick_positions(self.probe, inputs.codes.T, np.ones(inputs.codes.T.shape, bool)).T

    def reads(self, inputs: Inputs, kind: np.ndarray) -> Reads:
        """Return the reads of all counted inputs, each code's in the kinds that its samples show.

        A code that is not among the samples is alone in its group.
        """
        seen = inputs.codes != MASKED
        joint = np.bincount(
            kind[seen] << 16 | inputs.codes[seen].astype(np.int64), minlength=self.count << 16
        ).reshape(self.count, 1 << 16)
        unseen = np.flatnonzero((joint.sum(axis=0) == 0) & (inputs.counts > 0))
        joint[pick_alone(self.probe, unseen), unseen] = 1
        share = inputs.counts / np.maximum(joint.sum(axis=0), 1)
        kind, code = joint.nonzero()
        count = joint[kind, code] * share[code]
        return Reads(kind[count > 0], code[count > 0], count[count > 0])


def pooled(reads: list[Reads]) -> Reads:
    """Return the reads of all layers together."""
    key = np.concatenate([one.kind << 16 | one.code for one in reads])
    key, place = np.unique(key, return_inverse=True)
    count = np.bincount(place, weights=np.concatenate([one.count for one in reads]))
    return Reads(key >> 16, key & 0xFFFF, count)


def absolute_errors(stack: TableStack, function: str, reads: Reads, position: np.ndarray):
    """Return |approximate - exact| of each of the reads, `position` by kind; exact is float64."""
    approximate = _VALUES[stack.tables[position[reads.kind], reads.code]]
    return np.abs(approximate - FUNCTIONS[function](_VALUES[reads.code]))


def rows_of(inputs: Inputs, kind: np.ndarray, rows: int) -> Rows:
    """Return about `rows` rows of a layer's softmax, spread evenly over its tiles."""
    keys = inputs.codes.shape[-1]
    kind, codes = kind.reshape(-1, keys), inputs.codes.reshape(-1, keys)
    some = (codes != MASKED).any(axis=1).nonzero()[0]
    some = some[np.linspace(0, len(some) - 1, min(rows, len(some))).round().astype(int)]
    codes, kind = codes[some], kind[some]
    seen = codes != MASKED
    lengths = seen.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    score = _VALUES[codes[seen]]
    total = np.add.reduceat(np.exp(score), starts)
    return Rows(codes[seen], kind[seen], starts, score - np.repeat(np.log(total), lengths))


def divergences(method: Method, stack: TableStack, rows: Rows, position: np.ndarray) -> np.ndarray:
    """Return the KL divergence of each approximate row from the exact one, in nats.

    Generalised to rows that do not add up to 1, Σ q·log(q/p) - q + p with the approximate q, so
    that probability lost to an output of 0 counts and stays finite. The sum of a row is rounded to
    BF16, and so is what it divides; a negative q counts as 0.
    """
    exponentials = _VALUES[stack.tables[position[rows.kind], rows.code]].astype(np.float32)
    total = _bf16(np.add.reduceat(exponentials, rows.starts))
    total = np.maximum(total, np.finfo(np.float32).tiny)
    lengths = np.diff(np.append(rows.starts, len(rows.code)))
    if method.normalize == "reciprocal":
        q = _bf16(exponentials * np.repeat(_bf16(1 / total), lengths))
    else:
        q = _bf16(exponentials / np.repeat(total, lengths))
    q = np.maximum(q, 0).astype(float)
    terms = q * (np.log(np.where(q > 0, q, 1)) - rows.log_exact) - q
    return np.add.reduceat(terms, rows.starts) + 1


def _bf16(values: np.ndarray) -> np.ndarray:
    """Return non-NaN float32 `values` rounded to BF16, as `mugi.bf16` does but faster."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def surface(
    layers: list[Inputs], methods: list[Method], errors: list[str], each: bool, rows: int
) -> pd.DataFrame:
    """Return every error of every method on one operation: all layers pooled and, if asked, each.

    `rows` rows of a layer enter the KL divergence, which only softmax has. One row a layer, method
    and error, sorted so; `best` marks the first of a kind of method with the least error.
    """
    first = layers[0]
    errors = [name for name in errors if first.operation == "softmax" or name != KL]
    stacks = {method: method.stack(first.function) for method in methods}
    found = []
    for alike in _alike(stacks):
        found += _errors(layers, {m: stacks[m] for m in alike}, errors, each, rows)
    table = pd.DataFrame(found, columns=["layer", "method", "error", "value"])
    order = {text: place for place, text in enumerate(map(str, methods))}
    places = {name: place for place, name in enumerate(errors)}
    table = table.assign(
        _layer=[-1 if layer == POOLED else int(layer) for layer in table["layer"]],
        _error=table["error"].map(places),
        _method=table["method"].map(order),
    ).sort_values(["_layer", "_error", "_method"], ignore_index=True)
    family = table["method"].map({str(method): family_of(method) for method in methods})
    winners = table.groupby(["_layer", "error", family])["value"].idxmin()
    table = table.assign(
        inputs=first.name,
        operation=first.operation,
        function=first.function,
        family=family,
        best=table.index.isin(winners),
    )
    return table[
        ["inputs", "operation", "function", "layer", "family", "method", "error", "value", "best"]
    ]


def _alike(stacks: dict[Method, TableStack]) -> Iterable[list[Method]]:
    """Return the methods, those together whose stacks take the same groups and extremes."""
    groups: dict[object, list[Method]] = {}
    for method, stack in stacks.items():
        key = (stack.extreme, stack.group, stack.grouping, stack.zeros)
        if stack.adaption:
            key = method
        elif len(stack.tables) == 1:
            key = ()
        groups.setdefault(key, []).append(method)
    return groups.values()


def _errors(layers, stacks, errors, each, count) -> Iterator[tuple]:
    """Yield layer, method, error and value for methods that group inputs alike."""
    function = layers[0].function
    kinds = Kinds(list(stacks.values()))
    reads, rows = [], []
    for inputs in layers:
        kind = kinds.of(inputs)
        reads.append(kinds.reads(inputs, kind))
        if KL in errors:
            rows.append(rows_of(inputs, kind, count))
    scopes = {POOLED: pooled(reads)}
    if each:
        scopes |= {str(inputs.layer): one for inputs, one in zip(layers, reads, strict=True)}
    for method, stack in stacks.items():
        position = kinds.positions(stack)
        for layer, scope in scopes.items():
            wrong = absolute_errors(stack, function, scope, position)
            values = {
                "mean_absolute_error": _mean_by_code(wrong, scope),
                "maximum_absolute_error": wrong.max(),
                "weighted_absolute_error": np.average(wrong, weights=scope.count),
            }
            yield from ((layer, str(method), e, values[e]) for e in errors if e in values)
        if rows:
            by_layer = [divergences(method, stack, some, position) for some in rows]
            yield POOLED, str(method), KL, np.concatenate(by_layer).mean()
            if each:
                for inputs, some in zip(layers, by_layer, strict=True):
                    yield str(inputs.layer), str(method), KL, some.mean()


def _mean_by_code(wrong: np.ndarray, reads: Reads) -> float:
    """Return the mean over codes of the mean over the kinds of groups that a code is in."""
    total = np.bincount(reads.code, weights=wrong * reads.count)
    count = np.bincount(reads.code, weights=reads.count)
    return float((total[count > 0] / count[count > 0]).mean())
