"""Accelerators as data: a design's YAML merged with what it extends and its variant, costed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from mugi.assumptions import acting_in
from mugi.errors import InputError, unknown
from mugi.expressions import Expression, check_names, parse
from mugi.files import parse_yaml
from mugi.hardware.events import (
    GEMM_SYMBOLS,
    NONLINEAR_SYMBOLS,
    Event,
    Events,
)
from mugi.hardware.technology import PER, technology, unit_cost

FILES = (".yaml", ".yml")  # endings of designs that are read from a path, anew each time
GIVEN = ("array_height", "array_width", "R", "Q", "P")  # symbols every expression may use
TAGS = (
    "fifo", "tc", "pe", "value_reuse", "accumulator", "nonlinear", "vector", "control",
    "sram", "router", "dram",
)  # fmt: skip
NEEDED = (
    "H", "W", "lanes", "fill", "nonlinear_fill", "nonlinear_elements", "lookup_table",
    "macros",
    "i_width", "i_depth", "w_width", "w_depth", "o_width", "o_depth",
)  # fmt: skip
KEYS = {
    "abstract", "extends", "summary", "array_width", "dataflow", "vector_unit", "checks",
    "parameters", "components", "gemm", "nonlinear", "default_variant", "variants",
}  # fmt: skip
HOPS = ("all_tiles", "output_tiles", "array_tiles", "lut_tiles")
# what must be a mapping, by key; * is any
SECTION = {"symbols": {}, "events": {"*": {"use": {}}}}
CHANGES = {"parameters": {}, "checks": {}, "components": {"*": {}}, "gemm": SECTION}
CHANGES |= {"nonlinear": SECTION}
SHAPE = CHANGES | {"variants": {"*": CHANGES}}


@dataclass(frozen=True)
class Component:
    """A kind of hardware block: its class in the technology table, sizes, instances a node, tag."""

    name: str
    kind: Expression
    sizes: dict[str, Expression]
    instances: Expression
    tag: str

    @property
    def level(self) -> str:
        """Return the level it is reported under: array, sram, router or dram."""
        return self.tag if self.tag in ("sram", "router", "dram") else "array"


@dataclass(frozen=True)
class Design:
    """An accelerator with one variant chosen, every expression parsed and its names checked."""

    name: str
    variant: str
    dataflow: str
    vector_unit: bool
    array_width: Expression
    checks: dict[str, Expression]
    parameters: dict[str, Expression]
    components: dict[str, Component]
    gemm: Events
    nonlinear: Events

    def symbols(self, given: Mapping, assumptions: Mapping) -> dict:
        """Return given symbols, assumptions and the design's parameters; arrays broadcast."""
        symbols = dict(assumptions) | dict(given)
        with np.errstate(all="ignore"):
            for name, expression in self.parameters.items():
                symbols[name] = expression.checked(expression(symbols))
        return symbols

    def depends(self, names: set[str], on: set[str]) -> bool:
        """Return whether any of the names is one of `on` or a parameter that follows from one."""
        reached = set(on)
        for name, expression in self.parameters.items():
            if expression.names & reached:
                reached.add(name)
        return bool(names & reached)

    def costs(self, symbols: Mapping, assumptions: Mapping) -> dict[str, dict]:
        """Return instances a node and unit cost (see `unit_cost`) by component.

        `assumptions` has the name or path of the `technology` too.
        """
        table = technology(assumptions["technology"])
        result = {}
        for name, component in self.components.items():
            sizes = {key: expression(symbols) for key, expression in component.sizes.items()}
            cost = unit_cost(str(component.kind(symbols)), sizes, assumptions, table)
            count = component.instances(symbols)
            if isinstance(count, str) or not np.all(np.asarray(count) >= 0):
                where, text = component.instances.where, component.instances.text
                raise InputError(f"{where}: '{text}' must be a number of at least 0")
            result[name] = cost | {"instances": count}
        return result


def designs() -> list[str]:
    """Return the names of the designs that come with the package."""
    names = (path.name[:-5] for path in files("mugi.hardware").joinpath("designs").iterdir())
    return sorted(name for name in names if not _read(name).get("abstract"))


def variants(name: str) -> list[str]:
    """Return the variants of a design, the default one first; [""] if it has none."""
    return _variants(_merged(name) if name.endswith(FILES) else _packaged(name))


def _variants(table: dict) -> list[str]:
    first = table.get("default_variant", "")
    return list(dict.fromkeys([first, *table.get("variants", {})]))


def load_design(name: str, variant: str = "") -> Design:
    """Load a packaged design by name or one from a YAML file by path, with one of its variants.

    Raises InputError with one line per mistake in the file: unknown keys, components, classes,
    tags or symbols, and expressions that are not arithmetic.
    """
    if name.endswith(FILES):
        return _load(name, variant)
    return _load_packaged(name, variant)


@cache
def _packaged(name: str) -> dict:
    return _merged(name)


@cache
def _load_packaged(name: str, variant: str) -> Design:
    return _load(name, variant)


def _load(name: str, variant: str) -> Design:
    table = _merged(name)
    allowed = variants(name)
    variant = variant or allowed[0]
    if variant not in allowed:
        raise InputError(unknown(f"variant of {name}", variant, allowed))
    table = _merge(table, table.get("variants", {}).get(variant, {}))
    return _build(name, variant, table)


def _read(name: str) -> dict:
    if name.endswith(FILES):
        path = Path(name)
    else:
        path = files("mugi.hardware").joinpath("designs", f"{name}.yaml")
    if not path.is_file():
        raise InputError(unknown("design", name, [*designs(), "or the path of a YAML file"]))
    return _parse_yaml(name, path.read_text())


@cache
def _parse_yaml(name: str, text: str) -> dict:
    table = parse_yaml(name, text).content
    lines = [f"{name}: {unknown('key', key, sorted(KEYS))}" for key in table if key not in KEYS]
    lines += [f"{name} {line}" for line in _misshapen(table, SHAPE, "")]
    parents = table.get("extends", [])
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        lines.append(f"{name} extends: must be a list of designs, not {parents!r}")
    if not isinstance(table.get("vector_unit", True), bool):
        lines.append(f"{name} vector_unit: must be true or false, not {table['vector_unit']!r}")
    if lines:
        raise InputError(*lines)
    return table


def _misshapen(value: object, shape: dict, where: str) -> list[str]:
    """Return a line for whatever must be a mapping and is not; a null deletes and may stand."""
    if value is None:
        return []
    if not isinstance(value, dict):
        return [f"{where}: must be a mapping, not {value!r}"]
    lines = []
    if shape is SECTION:
        lines = [f"{where}: {unknown('key', key, shape)}" for key in value if key not in shape]
    for key, inner in value.items():
        below = shape.get(key, shape.get("*"))
        if below is not None:
            lines += _misshapen(inner, below, f"{where}.{key}".lstrip("."))
    return lines


def _merged(name: str, heirs: tuple[str, ...] = ()) -> dict:
    if name in heirs:
        raise InputError(f"{name} extends: {' extends '.join([*heirs, name])}")
    table = _read(name)
    result: dict = {}
    for parent in table.get("extends", []):
        result = _merge(result, _merged(parent, (*heirs, name)))
    own = {key: value for key, value in table.items() if key != "extends"}
    return _merge({key: value for key, value in result.items() if key != "abstract"}, own)


def _merge(base: object, change: object) -> object:
    """Return base with change on top, mapping by mapping; a null deletes."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result[key], value) if key in result else value
    return result


def _build(name: str, variant: str, table: dict) -> Design:
    file = name if name.endswith(FILES) else f"{name}.yaml"
    lines: list[str] = []
    known = {*GIVEN, *acting_in("evaluate"), *table.get("parameters", {})}

    def expression(value: object, where: str, symbols: set[str] = known) -> Expression:
        try:
            parsed = parse(value, f"{file} {where}")
        except InputError as error:
            lines.append(str(error))
            return parse(1, where)
        lines.extend(check_names(parsed, symbols))
        return parsed

    parameters = {
        key: expression(value, f"parameters.{key}")
        for key, value in table.get("parameters", {}).items()
    }
    lines += [f"{file} parameters: {key} is missing" for key in NEEDED if key not in parameters]
    if table.get("dataflow") not in ("os", "ws"):
        lines.append(f"{file} dataflow: must be os or ws, not {table.get('dataflow')!r}")
    components = {
        key: _component(key, row, f"components.{key}", expression, lines, file)
        for key, row in table.get("components", {}).items()
    }
    sections = {}
    for part, symbols in (("gemm", GEMM_SYMBOLS), ("nonlinear", NONLINEAR_SYMBOLS)):
        sections[part] = _section(
            part, table.get(part, {}), known | set(symbols), expression, lines, file, components
        )
    if table.get("default_variant", "") and table["default_variant"] not in table["variants"]:
        line = unknown("variant", table["default_variant"], table["variants"])
        lines.append(f"{file} default_variant: {line}")
    checks = {
        message: expression(test, "checks") for test, message in table.get("checks", {}).items()
    }
    width = expression(table.get("array_width", "array_height"), "array_width")
    if lines:
        raise InputError(*(dict.fromkeys(lines)))
    return Design(
        name, variant, table["dataflow"], table.get("vector_unit", True), width, checks,
        _ordered(parameters, file), components, **sections,
    )  # fmt: skip


def _component(key, row, where, expression, lines, file) -> Component:
    for field in row:
        if field not in ("class", "instances", "tag", *PER):
            allowed = ("class", "instances", "tag", *PER)
            lines.append(f"{file} {where}: {unknown('key', field, allowed)}")
    if row.get("tag") not in TAGS:
        lines.append(f"{file} {where}: {unknown('tag', row.get('tag'), TAGS)}")
    kind = str(row.get("class"))
    known = [*technology()["logic"], "sram", "dram"]
    if kind.isidentifier():
        if kind not in known:
            lines.append(f"{file} {where}: {unknown('component class', kind, known)}")
        kind = repr(kind)
    sizes = {p: expression(row[p], f"{where}.{p}") for p in PER if p in row}
    if kind == "'sram'":
        lines += [f"{file} {where}: {p} is missing" for p in ("width", "depth") if p not in row]
    instances = expression(row.get("instances", 1), f"{where}.instances")
    return Component(key, expression(kind, f"{where}.class"), sizes, instances, row.get("tag"))


def _section(part, table, known, expression, lines, file, components) -> Events:
    names = set(table.get("symbols", {}))
    symbols = {
        key: expression(value, f"{part}.symbols.{key}", known | names)
        for key, value in table.get("symbols", {}).items()
    }
    events = {}
    for key, row in table.get("events", {}).items():
        where = f"{part}.events.{key}"
        for field in row:
            if field not in Event.FIELDS:
                lines.append(f"{file} {where}: {unknown('key', field, Event.FIELDS)}")
        for target in row.get("use", {}):
            component, _, access = target.partition(".")
            if component not in components:
                lines.append(f"{file} {where}.use: {unknown('component', target, components)}")
                continue
            allowed = (
                ("read", "write") if components[component].level in ("sram", "dram") else ("",)
            )
            if access not in allowed:
                choices = " or ".join(f"{component}.{way}".rstrip(".") for way in allowed)
                lines.append(f"{file} {where}.use: must be {choices}, not {target}")
        if row.get("hops", HOPS[0]) not in HOPS:
            lines.append(f"{file} {where}.hops: {unknown('tiles', row['hops'], HOPS)}")
        events[key] = Event(
            count=expression(row.get("count", key), f"{where}.count", known | names),
            cycles=expression(
                row.get("cycles", row.get("count", key)), f"{where}.cycles", known | names
            ),
            unit=expression(row.get("unit", 1), f"{where}.unit"),
            hops=row.get("hops", ""),
            use={k: expression(v, f"{where}.use.{k}") for k, v in row.get("use", {}).items()},
        )
    return Events(symbols, events)


def _ordered(parameters: dict[str, Expression], file: str) -> dict[str, Expression]:
    """Return the parameters in an order in which each needs only earlier ones."""
    ordered: dict[str, Expression] = {}
    waiting = dict(parameters)
    while waiting:
        ready = [key for key, e in waiting.items() if not (e.names & waiting.keys())]
        if not ready:
            raise InputError(f"{file} parameters: {', '.join(waiting)} need each other")
        for key in ready:
            ordered[key] = waiting.pop(key)
    return ordered


def given(height: np.ndarray, width: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> dict:
    """Return the symbols that sizes give; every value as a float array of one value a profile."""
    arrays = (np.asarray(v, float) for v in (height, width, rows, columns))
    symbols = dict(zip(GIVEN, arrays, strict=False))
    return symbols | {"P": symbols["R"] * symbols["Q"]}
