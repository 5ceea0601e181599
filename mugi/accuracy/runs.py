"""What is measured under several approximations and their references: read from cells, or computed.

A measurement has parts (windows of a text, some of the clips), which are kept one by one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from mugi.accuracy.cells import Cells
from mugi.accuracy.sharing import results_key
from mugi.errors import InputError
from mugi.methods import Approximation
from mugi.methods.references import references_of

Parts = Mapping[str, object]
"""Part of a measurement -> its result."""
Compute = Callable[[Mapping[Approximation, Parts]], Iterator[tuple[Approximation, str, object]]]
"""Yields approximation, part and result of what approximations lack beside the parts they have."""


class Runs:
    """Approximations with their references, and the cells in which their results are kept.

    batch: what the published grouping depends on and nothing else, for keys.
    """

    def __init__(
        self, approximations: Sequence[Approximation], cells: Cells, batch: Mapping, bar: tqdm
    ):
        references = [r for own in approximations for r in references_of(own).values()]
        self.everyone = list(dict.fromkeys([*references, *approximations]))
        self.cells, self.batch, self.bar = cells, batch, bar

    def measured(
        self, key: Mapping, compute: Compute, parts: Sequence[str] | None = None
    ) -> dict[Approximation, Parts]:
        """Return all parts of the measurement `key` under everyone, from cells or computed.

        Without `parts` their names say how many there are: `1 of 3`. Of approximations that give
        the same only one is computed. Raises InputError where memory runs out.
        """
        keys = {own: self._key(key, own) for own in self.everyone}
        kept = {own: dict(self.cells.read(keys[own]) or {}) for own in self.everyone}
        alike: dict[tuple, list[Approximation]] = {}
        for own in self.everyone:
            if not _is_whole(kept[own], parts):
                alike.setdefault((results_key(own), tuple(sorted(kept[own]))), []).append(own)
        groups = {group[0]: group for group in alike.values()}
        if groups:
            self.bar.total += len(groups)
            self.bar.refresh()
            with _memory():
                for first, part, result in compute({first: kept[first] for first in groups}):
                    for own in groups[first]:
                        kept[own] = kept[own] | {part: result}
                        self.cells.write(keys[own], kept[own])
                    self.bar.update(1 / _count(part, parts))
        return kept

    def _key(self, key: Mapping, approximation: Approximation) -> dict:
        batch = self.batch if "strided" in str(approximation) else {}
        return {**key, "approximation": str(approximation), **batch}


def _is_whole(kept: Parts, parts: Sequence[str] | None) -> bool:
    if parts is None:
        return bool(kept) and len(kept) == _count(next(iter(kept)), None)
    return all(part in kept for part in parts)


def _count(part: str, parts: Sequence[str] | None) -> int:
    """Return how many parts there are, by name (`1 of 3`) if they are not given."""
    return int(part.rpartition(" ")[2]) if parts is None else len(parts)


@contextmanager
def _memory() -> Iterator[None]:
    """Turn running out of memory, where no batch can be made smaller, into an InputError."""
    from mugi.accuracy.predictions import no_memory  # imports torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not no_memory(error):
            raise
        raise InputError(
            "out of memory; try batch size 1, then a smaller window; "
            "what was measured is in the folder for cells, if one was given"
        ) from None
