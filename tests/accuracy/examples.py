"""What tests of speech and vision share."""

import pandas as pd

from mugi.methods import Approximation, parse_operations

NATIVE = Approximation()
EXACT = parse_operations("softmax=exact;activation=exact")
COARSE = parse_operations("softmax=vlp:lut=3,max_exp=0,mantissa=1")
CROSS = parse_operations("cross_softmax=vlp:lut=3,max_exp=0,mantissa=1")
EVERYONE = [NATIVE, EXACT, COARSE]


def sums(rows: list[dict]) -> pd.Series:
    """Totals over weights of all documents, by metric and reference."""
    table = pd.DataFrame(rows).groupby(["metric", "reference"])[["total", "weight"]].sum()
    return table["total"] / table["weight"]


def whole(parts) -> dict[Approximation, list[dict]]:
    """The rows of approximations, those of all parts together."""
    rows: dict[Approximation, list[dict]] = {}
    for each, _, own in parts:
        rows.setdefault(each, []).extend(own)
    return rows


def save(model, processor, folder) -> str:
    for part in (model, processor):
        part.save_pretrained(folder)
    return str(folder)
