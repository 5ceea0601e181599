"""Section `hardware`: runs of the cost model, as grids."""

from collections.abc import Iterator
from dataclasses import replace

from mugi.errors import InputError, Mistake
from mugi.files import Document
from mugi.hardware import expand, mistakes_by_run


def mistakes(document: Document) -> Iterator[Mistake]:
    """Yield what is wrong with the section `hardware` of a configuration."""
    grids = document.content.get("hardware")
    for index, grid in enumerate(grids if isinstance(grids, list) else []):
        if not isinstance(grid, dict):
            continue
        place = ("hardware", index)
        odd = [key for key, value in grid.items() if not _is_entry(key, value)]
        if odd:
            where = document.where((*place, odd[0]))
            yield Mistake("must be a value or a list of values", where)
            continue
        try:
            wrong = [mistake for _, mistake in mistakes_by_run(expand([grid]))]
        except InputError as error:  # of the grid as a whole, which `place` names
            wrong = [replace(mistake, where="") for mistake in error.mistakes]
        for mistake in dict.fromkeys(wrong):  # runs of a grid share their mistakes
            yield mistake.at(document.where(place))


def _is_entry(key: object, value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    plain = all(isinstance(item, str | int | float) and item is not True for item in values)
    return isinstance(key, str) and plain
