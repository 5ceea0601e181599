"""The heat maps of Fig. 6: which panel a method belongs to, and where it stands there."""

import pandas as pd

from mugi.methods import NATIVE, OPERATIONS, Method, parse

EXACT = "exact"
# operation, method, anchored end of the LUT -> title; panels stand in this order, others behind
PANELS = {
    ("softmax", "vlp", "max"): "VLP softmax, max build",
    ("softmax", "vlp", "min"): "VLP softmax, min build",
    ("softmax", "pwl", ""): "PWL softmax",
    ("softmax", "taylor", ""): "Taylor softmax",
    ("activation", "vlp", "max"): "VLP SiLU/GELU, max build",
    ("activation", "vlp", "min"): "VLP SiLU/GELU, min build",
    ("activation", "pwl", ""): "PWL SiLU/GELU",
}
# the parameters that the paper sweeps, upwards and to the right
AXES = {
    ("vlp", "max"): ("lut", "max_exp"),
    ("vlp", "min"): ("lut", "min_exp"),
    ("pwl", ""): ("segments", "range"),
    ("taylor", ""): ("degree", "center"),
}
LABELS = {"lut": "LUT size", "max_exp": "highest exponent", "min_exp": "lowest exponent"}
PANEL = ["operation", "method", "build", "settings"]


def places(runs: pd.DataFrame) -> pd.DataFrame:
    """Return panel, row and column of each method in the columns softmax and activation.

    Runs that replace neither or both of the operations, or one by the exact function, have no
    place: they are left out. A panel is an operation, a method, the anchored end of a LUT, and
    the other `settings`. Its axes are the paper's parameters, of other methods the first two.
    """
    kept = {}
    for index, softmax, activation in runs[["softmax", "activation"]].itertuples():
        operation = "softmax" if activation == NATIVE else "activation"
        text = softmax if activation == NATIVE else activation
        if NATIVE in (softmax, activation) and text not in (NATIVE, EXACT):
            kept[index] = place(operation, parse(text, *OPERATIONS[operation]))
    columns = [*PANEL, "row", "column", "row_parameter", "column_parameter"]
    return pd.DataFrame(list(kept.values()), index=list(kept), columns=columns)


def place(operation: str, method: Method) -> tuple:
    """Return panel, row, column and the names of the two parameters of one method."""
    given = method.model_dump(exclude={"name"}, exclude_none=True)
    build = "" if method.name != "vlp" else "max" if "max_exp" in given else "min"
    own = [name for name in given if name not in Method.model_fields]
    first, second = AXES.get((method.name, build)) or (*own, "", "")[:2]
    unusual = method.model_dump(exclude={"name", first, second}, exclude_defaults=True)
    settings = ",".join(f"{name}={value}" for name, value in unusual.items())
    values = [given.get(name, 0) for name in (first, second)]
    return operation, method.name, build, settings, *values, first, second


def best(cells: pd.DataFrame, column: str) -> pd.Series:
    """Return whether a cell has the lowest `column` of its model, operation and method."""
    return cells[column] == cells.groupby(["model", "operation", "method"])[column].transform("min")


def panels(cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the cells of one model by the title of their panel, in the order of PANELS."""
    order = list(PANELS)
    by_panel = {}
    for (*key, settings), panel in cells.groupby(PANEL, sort=False):
        name = PANELS.get(tuple(key), f"{key[1]} {key[0]}")
        place = order.index(tuple(key)) if tuple(key) in order else len(order)
        named = panel.assign(
            row_parameter=panel["row_parameter"].replace(LABELS),
            column_parameter=panel["column_parameter"].replace(LABELS),
        )
        by_panel[place, f"{name}: {settings}" if settings else name] = named
    return {name: by_panel[place, name] for place, name in sorted(by_panel, key=lambda key: key[0])}
