"""Splitting work into parts for as many jobs: measurements, which meet in their cells, or rows."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Self, TypeVar

from mugi.errors import InputError, Mistake

Approximation = TypeVar("Approximation")


class Shard(NamedTuple):
    """Part `number`, from 1, of `count`."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read K/N; raises InputError for anything else."""
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
        if not found or int(found[1]) > int(found[2]):
            raise InputError(Mistake("must be K/N, K from 1 to N", where=f"shard {text}"))
        return cls(int(found[1]), int(found[2]))

    def rows(self, count: int) -> slice:
        """Return its rows of a table of `count`, all shards' below each other."""
        return slice(*(count * end // self.count for end in (self.number - 1, self.number)))

    def __str__(self) -> str:
        return f"{self.number}_of_{self.count}"


ALL = Shard(1, 1)


def share(
    shard: Shard, approximations: Sequence[Approximation], parts: Sequence[str]
) -> dict[Approximation, list[str]]:
    """Return the shard's parts (windows of a text, say) of each approximation.

    First the parts are split, for a job that has some of them runs its references once for all
    approximations; where there are fewer than shards, the approximations are split as well.
    """
    most = max(1, min(shard.count, len(parts)))
    split = max(n for n in range(1, most + 1) if shard.count % n == 0)
    group, place = divmod(shard.number - 1, split)
    own = approximations[group :: shard.count // split]
    return {approximation: list(parts[place::split]) for approximation in own}
