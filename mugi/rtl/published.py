"""Synthesised units and arrays beside the published components that do the same."""

import pandas as pd

from mugi import assumptions
from mugi.errors import InputError, Mistake
from mugi.expressions import parse
from mugi.hardware.evaluate import breakdown
from mugi.hardware.runs import expand
from mugi.hardware.technology import technology, unit_cost
from mugi.rtl.units import UNITS_FILE, Array, Unit, load_units

ARRAY_RUN = {"model": "llama_2_7b", "batch_size": 8, "seq_len": 128}  # areas depend on none of it
# columns of published areas -> the preset that they are of
PRESETS = {"published_adders": "as-published", "corrected_adders": "corrected"}


def published_adders(unit: Unit) -> float:
    """Return the area of the published components that a unit stands for, in BF16 adders."""
    table, rules = technology(), assumptions.preset("as-published")
    adder = unit_cost("adderbf16", {}, rules, table)["area_mm2"]
    total = 0.0
    for kind, sizes in unit.published.items():
        given = sizes.model_dump(exclude={"count"}, exclude_none=True)
        total += sizes.count * unit_cost(kind, given, rules, table)["area_mm2"]
    return total / adder


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Return units that have published counterparts, with areas of both in BF16 adders."""
    units = load_units().units
    open_areas = table.set_index("unit")["area_adders"]
    rows = [
        [name, ", ".join(unit.published), unit.alone, open_areas[name], published_adders(unit)]
        for name, unit in units.items()
        if unit.published and name in open_areas
    ]
    columns = ["unit", "components", "alone", "open_adders", "published_adders"]
    result = pd.DataFrame(rows, columns=columns)
    return result.assign(
        open_over_published=result["open_adders"] / result["published_adders"],
        note=[units[name].note for name in result["unit"]],
    )


def parts_of(array: Array, height: int, table: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of an array of some height: area in BF16 adders, all of them together."""
    symbols = table.set_index("unit")["area_adders"].to_dict() | {"H": height, "W": array.width}
    rows = []
    for name, part in array.parts.items():
        area, count = parse(part.area, name), parse(part.count, name)
        if lacking := sorted((area.names | count.names) - symbols.keys()):
            what = f"lacks {', '.join(lacking)}; `mugi rtl table` has all units"
            raise InputError(Mistake(what, "table of areas"))
        area = float(area.number(symbols, float("-inf")) * count.number(symbols))
        rows.append([name, area, part.missing, part.outside, ", ".join(part.components)])
    return pd.DataFrame(rows, columns=["part", "open_adders", "missing", "outside", "components"])


def published_parts(array: Array, height: int, preset: str) -> dict[str, float]:
    """Return the area of an array's published components by name, in BF16 adders."""
    if array.design is None:
        return {}
    run = ARRAY_RUN | array.design | {"array_height": height, "preset": preset}
    table = breakdown(expand([run]))
    table = table[table["level"] == "array"].set_index("component")["area_mm2"]
    adder = unit_cost("adderbf16", {}, assumptions.preset(preset), technology())["area_mm2"]
    return (table / adder).to_dict()


def arrays(table: pd.DataFrame) -> pd.DataFrame:
    """Return every array part by part, open and published, in BF16 adders.

    Columns: array, label, array_height, part, components (of the published list), missing (the list
    has nothing for it), open_adders, and published_adders and corrected_adders by preset (0 where
    missing, empty where the paper has no such array).
    """
    tables = []
    for name, array in load_units().arrays.items():
        for height in array.heights:
            parts = parts_of(array, height, table)
            for column, preset in PRESETS.items():
                parts[column] = _of_parts(array, published_parts(array, height, preset))
            label = f"{array.label} ({height})"
            tables.append(parts.assign(array=name, label=label, array_height=height))
    columns = ["array", "label", "array_height", "part", "components", "missing", "open_adders"]
    return pd.concat(tables, ignore_index=True)[[*columns, *PRESETS]]


def _of_parts(array: Array, published: dict[str, float]) -> list[float]:
    """Return the area of the published components that each part stands for."""
    placed = {component for part in array.parts.values() for component in part.components}
    if odd := sorted(published.keys() - placed):
        raise InputError(Mistake(f"no part of {array.label} has {', '.join(odd)}", str(UNITS_FILE)))
    return [
        sum(published.get(component, 0.0) for component in part.components)
        if published
        else float("nan")
        for part in array.parts.values()
    ]


def array_sums(parts: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of `arrays`, a row an array by its label.

    listed_adders: of the open ones, parts that the list has; missing_adders: the others.
    """
    missing = parts["open_adders"].where(parts["missing"], 0)
    listed = parts["open_adders"] - missing
    sums = parts.assign(listed_adders=listed, missing_adders=missing).groupby("label", sort=False)
    columns = [*PRESETS, "open_adders", "listed_adders", "missing_adders"]
    return sums[columns].sum(min_count=1).reset_index()
