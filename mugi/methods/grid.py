"""Many methods in one text: `vlp:lut=8|12,max_exp=-2..4` is every combination of its values."""

from collections.abc import Callable, Iterable

from mugi.errors import InputError, raise_all
from mugi.methods.method import Method
from mugi.methods.operations import OPERATIONS, Approximation, parse_operations
from mugi.methods.registry import parse
from mugi.named import choices, crossed


def expand(texts: Iterable[str], operation: str) -> list[Method]:
    """Return the methods of grids such as `vlp:lut=8|12,max_exp=-2..4`, in order, each once.

    Raises InputError with the mistakes of the first method of each text that has any.
    """
    functions = OPERATIONS[operation]
    return _read(texts, lambda text: [parse(method, *functions) for method in choices(text)])


def expand_operations(texts: Iterable[str]) -> list[Approximation]:
    """Return the approximations of `softmax=GRID;activation=GRID;…`, in order, each once.

    The grids of a text are crossed, the last one runs fastest. Raises InputError with the mistakes
    of the first combination of each text that has any.
    """

    def read(text: str) -> list[Approximation]:
        combinations = crossed(text, [choices(grid) for grid in text.split(";")])
        return [parse_operations(";".join(combination)) for combination in combinations]

    return _read(texts, read)


def _read(texts: Iterable[str], read: Callable[[str], list]) -> list:
    """Return all that texts stand for, each once; InputError with the mistakes of every text."""
    known, mistakes = {}, {}
    for text in texts:
        try:
            known |= dict.fromkeys(read(text))
        except InputError as error:
            mistakes |= dict.fromkeys(error.mistakes)
    raise_all(list(mistakes))
    return list(known)
