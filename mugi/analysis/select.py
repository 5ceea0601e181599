"""Families of methods, and the best of each in the accuracy sweep of Fig. 6."""

from pathlib import Path

from mugi.errors import InputError
from mugi.files import read_table
from mugi.methods import EXACT, NATIVE, OPERATIONS, Method, parse

SEARCHED = ("softmax", "activation")
"""Operations whose methods are searched."""
METRIC = "kl_divergence_nats"
"""The lowest is the best: perplexity, on texts as short as a sweep's, orders methods by noise."""
CONTROLS = [NATIVE, EXACT]


def family_of(method: Method) -> str:
    """Return the family of a method, within which parameters compete; adaptive VLP is its own."""
    return "adaptive_vlp" if getattr(method, "adapt", 0) else method.name


def selected(path: Path, function: str) -> list[Method]:
    """Return the best of each family of methods in a sweep that can compute `function`.

    The best is closest to exact by KL divergence with every other operation left alone, of the
    sweep's first model. An activation was swept as the model's own function; its methods are
    taken for the others too. Raises InputError if the sweep has no such cells.
    """
    operation = next(name for name in SEARCHED if function in OPERATIONS[name])
    sweep = read_table(path, ["model", "metric", "reference"], ["value"], SEARCHED)
    others = [name for name in OPERATIONS if name != operation and name in sweep]
    cells = sweep[
        (sweep["metric"] == METRIC)
        & (sweep["reference"] == EXACT)
        & ~sweep[operation].isin(CONTROLS)
        & sweep[others].isin(CONTROLS).all(axis=1)
    ]
    if not len(cells):
        raise InputError(
            f"{path}: no row of metric {METRIC} where only {operation} is approximated"
        )
    cells = cells[cells["model"] == cells["model"].iloc[0]]
    methods = cells[operation].map(parse)
    methods = methods[[function in method.functions for method in methods]]
    values = cells.loc[methods.index, "value"]
    best = values.groupby(methods.map(family_of), sort=False).idxmin()
    return methods[best].tolist()
