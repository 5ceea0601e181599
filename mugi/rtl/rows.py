"""Rows of a technology from synthesised areas: a component of one's own, a whole technology."""

from collections.abc import Mapping

import pandas as pd

from mugi.hardware.technology import technology
from mugi.rtl.synthesis import Synthesis
from mugi.rtl.units import load_units


def row(made: Synthesis, adder: Synthesis, name: str = "45nm") -> dict[str, float]:
    """Return a component's row for the `logic` of a technology, of a module as synthesised.

    Its area is to that of the technology's BF16 adder as in the library of both, so that the node
    does not matter. Power is no result of synthesis: flip-flops take that of registers, and the
    rest that of as much of the adder.
    """
    logic = technology(name).logic
    gates, register = logic["adderbf16"], logic["register"]
    area_mm2 = made.area / adder.area * gates.area_mm2
    registers = min(made.flip_flops / register.per["width"], area_mm2 / register.area_mm2)
    adders = (area_mm2 - registers * register.area_mm2) / gates.area_mm2
    return {
        "area_mm2": area_mm2,
        "leakage_mw": registers * register.leakage_mw + adders * gates.leakage_mw,
        "dynamic_mw": registers * register.dynamic_mw + adders * gates.dynamic_mw,
    }


def yaml_row(name: str, values: Mapping[str, float], comment: str) -> str:
    """Return a row as it stands in a technology file, four digits each."""
    costs = ", ".join(f"{key}: {value:.4g}" for key, value in values.items())
    return f"  {name}: {{{costs}, per: {{}}}}  # {comment}\n"


def open_technology(areas: pd.DataFrame, name: str = "45nm") -> str:
    """Return a technology, as YAML, whose classes have areas as synthesised.

    Which, the units of `units.yaml` that stand `alone` for one say; the rest is as in `name`.
    Leakage goes with area; energy, which synthesis does not tell, stays.
    """
    table, of = technology(name), areas.set_index("unit")["area_adders"]
    lines = [
        f"# Areas of {name} as Yosys and ABC synthesise the Verilog of rtl/ on"
        f" {areas['library'].iloc[0]}, told by the BF16 adder;",
        "# leakage goes with area, energy stays. Made by `mugi rtl technology`.",
        f"extends: {name}",
        "logic_source: open synthesis (areas); published artifact, CSV-CMOS component tables",
        "logic:",
    ]
    for unit, entry in load_units().units.items():
        if not entry.alone or unit not in of:
            continue
        [(kind, sizes)] = entry.published.items()
        logic = table.logic[kind]
        share = 1.0
        for size, reference in logic.per.items():
            share *= getattr(sizes, size) / reference
        area = of[unit] * table.logic["adderbf16"].area_mm2 / share / sizes.count
        leakage = logic.leakage_mw * area / logic.area_mm2
        lines.append(f"  {kind}: {{area_mm2: {area:.6g}, leakage_mw: {leakage:.6g}}}  # {unit}")
    return "\n".join(lines) + "\n"
