"""Mistakes in a ledger before anything is judged."""

from collections.abc import Mapping

from mugi.assumptions import PRESETS, REGISTRY
from mugi.carbon import account_carbon
from mugi.claim import Claim, Quantity
from mugi.claims import judge
from mugi.errors import Mistake, closest, raise_all
from mugi.hardware import breakdown, evaluate, expand
from mugi.ledger import Broken
from mugi.quantities import Tables


def check(ledger: Mapping[str, Claim | Broken], tables: Tables) -> int:
    """Return how many claims a ledger has; raises InputError with every mistake in them.

    With tables, all are judged from them; without, the columns that they name are looked for in
    what the cost model returns.
    """
    if tables:
        return len(judge(ledger=ledger, tables=tables))
    flips = {f"assumption.{name}" for name in REGISTRY}  # runs may set any
    known = {name: {*table} | flips for name, table in _samples().items()}
    mistakes = []
    for name, claim in ledger.items():
        if isinstance(claim, Broken):
            mistakes += claim.mistakes
            continue
        for word, quantity in {"": claim, **claim.values}.items():
            place = f"claim {name}" + (f": values.{word}" if word else "")
            columns = known.get(quantity.table)
            mistakes += [
                Mistake(f"unknown column '{column}'", nearest=closest(column, columns)).at(
                    f"{place}: {key}"
                )
                for key, names in (_named(quantity) if columns else {}).items()
                for column in sorted(names - columns)
            ]
    raise_all(mistakes)
    return len(ledger)


def _samples() -> Tables:
    """Return tables of the cost model with all their columns and one run."""
    run = {"design": "mugi", "variant": "vlp", "array_height": 128, "model": "llama_2_7b"}
    runs = expand([run | {"batch_size": 1, "seq_len": 128, "preset": list(PRESETS)}])
    hardware = evaluate(runs)
    carbon = account_carbon(hardware, presets=PRESETS)
    return {"hardware": hardware, "breakdown": breakdown(runs), "carbon": carbon}


def _named(quantity: Quantity) -> dict[str, set[str]]:
    """Return the columns that a quantity names, by key of the ledger."""
    sides = {key: getattr(quantity, key) for key in ("where", "over")}
    named = {key: {name for part in side for name in part} for key, side in sides.items()}
    columns = {
        "column": quantity.column,
        "corrected_column": getattr(quantity, "corrected_column", None),
    }
    return named | {key: set(column.names) for key, column in columns.items() if column}
