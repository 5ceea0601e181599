"""Fig. 6 as published: the paper's seven models, each panel's rows labelled with what was run."""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.colors import Normalize

from figures import marks, output
from figures.cells import best, panels, places
from figures.paper import ACCURACY_MODELS
from mugi.files import read_table

KEYS = ["model", "softmax", "activation"]
NOT_PUBLISHED = ["settings", "row_parameter", "column_parameter"]  # the paper has one of each
SCALE = Normalize(0, 0.5)  # larger distances look alike but are printed


def make(table: Path, stem: Path) -> None:
    """Draw the cells of the paper; one that it masks shows the stored result in parentheses."""
    cells = cells_of(table)
    drawn = cells.assign(
        text=[text(cell) for cell in cells.itertuples()],
        colour=cells["distance_to_exact"],
        closest=cells["closest_to_exact"],
        lowest=cells["lowest_loss"],
    )
    models = {}
    for model in ACCURACY_MODELS:
        of_model = drawn[drawn["model"] == model]
        models[title(of_model)] = panels(of_model)
    figure = marks.heat_maps(models, SCALE, "distance to exact, relative")
    output.save_figure(figure, stem, cells.drop(columns=NOT_PUBLISHED))


def cells_of(table: Path) -> pd.DataFrame:
    """Return one row a cell: as printed and as stored, and which are closest and lowest."""
    published = read_table(table, ["series", *KEYS, "metric", "value", "printed_label", "note"])
    stored = published[published["series"] == "sweep"].set_index(KEYS)["value"]
    cells = published[published["series"] == "fig06"].reset_index(drop=True)
    cells = places(cells).join(cells.rename(columns={"value": "printed_value"}))
    cells = cells.join(stored.rename("stored_value"), on=KEYS).fillna({"stored_value": ""})
    exact = stored[(slice(None), "native", "native")]
    cells["exact_value"] = pd.to_numeric(cells["model"].map(exact))
    value = pd.to_numeric(cells["stored_value"], errors="coerce")  # they have more digits
    value = value.fillna(pd.to_numeric(cells["printed_value"], errors="coerce"))
    cells["distance_to_exact"] = (value / cells["exact_value"] - 1).abs()
    closest = best(cells, "distance_to_exact")
    lowest = best(cells.assign(value=value), "value")
    return cells.assign(closest_to_exact=closest, lowest_loss=lowest)


def text(cell) -> str:
    """Return what a cell shows: as printed, or what the figure masks."""
    if cell.printed_value:
        return cell.printed_value
    stored = pd.to_numeric(cell.stored_value, errors="coerce")
    return "" if pd.isna(stored) else f"({marks.short(stored)})"


def title(cells: pd.DataFrame) -> str:
    """Return a model's name, metric and exact baseline."""
    first = cells.iloc[0]
    return f"{ACCURACY_MODELS[first['model']]}: {first['metric']}, exact {first['exact_value']:.4g}"


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
