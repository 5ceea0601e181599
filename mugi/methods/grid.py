"""Many methods in one text: `vlp:lut=8|12,max_exp=-2..4` is every combination of its values."""

from collections.abc import Iterable

from mugi.errors import InputError, Mistake, raise_all
from mugi.methods.method import Method
from mugi.methods.operations import OPERATIONS, Approximation, parse_operations
from mugi.methods.registry import parse
from mugi.named import choices, crossed


def expand(texts: Iterable[str], operation: str) -> list[Method]:
    """Return the methods of grids such as `vlp:lut=8|12,max_exp=-2..4`, in order, each once.

    Raises InputError with the first mistake of each text: the others of a grid are much the same.
    """
    methods: dict[Method, None] = {}
    mistakes: list[Mistake] = []
    for text in texts:
        try:
            methods |= dict.fromkeys(parse(one, *OPERATIONS[operation]) for one in choices(text))
        except InputError as error:
            mistakes.append(error.mistakes[0])
    raise_all(list(dict.fromkeys(mistakes)))
    return list(methods)


def expand_operations(texts: Iterable[str]) -> list[Approximation]:
    """Return the approximations of `softmax=GRID;activation=GRID;…`, in order, each once.

    The grids of a text are crossed, the last one runs fastest. Raises InputError with the mistakes
    of the first combination of each text that has any.
    """
    approximations: dict[Approximation, None] = {}
    mistakes: list[Mistake] = []
    for text in texts:
        try:
            combinations = crossed(text, [choices(grid) for grid in text.split(";")])
            approximations |= dict.fromkeys(parse_operations(";".join(c)) for c in combinations)
        except InputError as error:
            mistakes += error.mistakes
    raise_all(list(dict.fromkeys(mistakes)))
    return list(approximations)
