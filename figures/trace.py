"""Reading the signals of a simulated array, which `mugi trace` writes."""

from pathlib import Path

import pandas as pd

from mugi.errors import InputError
from mugi.files import read_table

PLACES = ["row", "column", "count"]  # empty where a signal has none


def read_trace(path: Path, operations: list[str], units: list[str]) -> pd.DataFrame:
    """Read the signals of `units` from a table of `mugi trace` on one of `operations`."""
    trace = read_table(path, ["operation", "unit", *PLACES], ["window", "cycle", "value"])
    traced = list(trace["operation"].unique())
    if len(traced) != 1 or traced[0] not in operations:
        raise InputError(f"{path}: operation is {traced}; needed: one of {operations}")
    trace[PLACES] = trace[PLACES].apply(pd.to_numeric)
    missing = [unit for unit in units if unit not in set(trace["unit"])]
    if missing:
        raise InputError(f"{path}: no rows with unit {', '.join(missing)}")
    return trace[trace["unit"].isin(units)]
