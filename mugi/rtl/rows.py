"""Rows of a technology from synthesised areas: a component of one's own, a whole technology."""

import math
from collections.abc import Iterable, Mapping

import pandas as pd
import yaml

from mugi.errors import InputError, Mistake, shown
from mugi.hardware.technology import Logic, technology
from mugi.rtl.synthesis import Synthesis
from mugi.rtl.units import load_units


def row(made: Synthesis, adder: Synthesis, name: str = "45nm") -> dict[str, float]:
    """Return a component's row for the `logic` of a technology, of a module as synthesised.

    Its area is to that of the technology's BF16 adder as in the library of both, so that the node
    does not matter. Power is no result of synthesis: flip-flops take that of registers, and the
    rest that of as much of the adder.
    """
    gates, register = _logic(name, "adderbf16"), _logic(name, "register", ["width"])
    area_mm2 = made.area / adder.area * gates.area_mm2
    registers = min(made.flip_flops / register.per["width"], area_mm2 / register.area_mm2)
    adders = (area_mm2 - registers * register.area_mm2) / gates.area_mm2
    return {
        "area_mm2": area_mm2,
        "leakage_mw": registers * register.leakage_mw + adders * gates.leakage_mw,
        "dynamic_mw": registers * register.dynamic_mw + adders * gates.dynamic_mw,
    }


def _logic(name: str, kind: str, sizes: Iterable[str] = ()) -> Logic:
    """Return a technology's row of a class; raises InputError without an area per such sizes."""
    logic = technology(name).logic.get(kind)
    if not logic or not logic.area_mm2 or logic.per.keys() != set(sizes):
        what = f"must be there, with an area above 0 and per {', '.join(sizes) or 'no size'}"
        raise InputError(Mistake(what, f"{name}: logic.{kind}"))
    return logic


def yaml_row(name: str, values: Mapping[str, float], comment: str) -> str:
    """Return a row as it stands in a technology file, four digits each."""
    costs = ", ".join(f"{key}: {value:.4g}" for key, value in values.items())
    [key, *_] = yaml.safe_dump(name).splitlines()  # in quotes if YAML would read no text, as `no`
    return f"  {key}: {{{costs}, per: {{}}}}  # {comment}\n"


def extends(name: str) -> str:
    """Return the line of a technology file that says which one it extends."""
    return yaml.safe_dump({"extends": name}, allow_unicode=True, width=math.inf).strip()


def open_technology(areas: pd.DataFrame, name: str = "45nm") -> str:
    """Return a technology, as YAML, whose classes have areas as synthesised.

    Which, the units of `units.yaml` that stand `alone` for one say; the rest is as in `name`.
    Leakage goes with area; energy, which synthesis does not tell, stays.
    """
    of, adder = areas.set_index("unit")["area_adders"], _logic(name, "adderbf16")
    lines = [
        f"# Areas of {shown(name)} as Yosys and ABC synthesise the Verilog of rtl/ on"
        f" {shown(str(areas['library'].iloc[0]))}, told by the BF16 adder;",
        "# leakage goes with area, energy stays. Made by `mugi rtl technology`.",
        extends(name),
        "logic_source: open synthesis (areas); published artifact, CSV-CMOS component tables",
        "logic:",
    ]
    for unit, entry in load_units().units.items():
        if not entry.alone or unit not in of:
            continue
        [(kind, of_unit)] = entry.published.items()
        sizes = of_unit.model_dump(exclude={"count"}, exclude_none=True)
        logic = _logic(name, kind, sizes)
        share = math.prod(sizes[size] / reference for size, reference in logic.per.items())
        area = of[unit] * adder.area_mm2 / share / of_unit.count
        leakage = logic.leakage_mw * area / logic.area_mm2
        lines.append(f"  {kind}: {{area_mm2: {area:.6g}, leakage_mw: {leakage:.6g}}}  # {unit}")
    return "\n".join(lines) + "\n"
