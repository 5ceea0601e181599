"""Accelerators as data: a design's YAML merged with what it extends and its variant, costed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Literal

import numpy as np
from pydantic import Field

from mugi.assumptions import acting_in
from mugi.documents import Document, beside
from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.expressions import Expression, check_names, parse
from mugi.hardware import library
from mugi.hardware.events import GEMM_SYMBOLS, NONLINEAR_SYMBOLS, Event, Events
from mugi.hardware.technology import PER, sizes_of, technology, unit_cost
from mugi.hardware.unread import unread
from mugi.schema import Section, validated

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
MOST_VARIANTS = 100
HOPS = ("all_tiles", "output_tiles", "array_tiles", "lut_tiles")
Text = str | int | float | bool  # of an expression
Expressions = dict[str, Text | None]  # a null deletes what a design extends


class ComponentEntry(Section):
    """A component as its design has it: class in the technology table, sizes, number, tag."""

    kind: Text | None = Field(default=None, alias="class")
    instances: Text | None = 1
    tag: Literal[TAGS] | None = None
    width: Text | None = None
    depth: Text | None = None
    inputs: Text | None = None
    bandwidth: Text | None = None


class EventEntry(Section):
    """An event as its design has it, see `Event`; the count defaults to its symbol."""

    count: Text | None = None
    cycles: Text | None = None
    unit: Text | None = 1
    hops: Literal[HOPS] | None = None
    use: Expressions | None = Field(default_factory=dict)


class EventsEntry(Section):
    """Events of one sort of operation, and symbols that they share."""

    symbols: Expressions | None = Field(default_factory=dict)
    events: dict[str, EventEntry | None] | None = Field(default_factory=dict)


class Changes(Section):
    """What a design has, or a variant of it changes."""

    parameters: Expressions | None = Field(default_factory=dict)
    checks: dict[str, str | None] | None = Field(default_factory=dict)
    components: dict[str, ComponentEntry | None] | None = Field(default_factory=dict)
    gemm: EventsEntry | None = Field(default_factory=EventsEntry)
    nonlinear: EventsEntry | None = Field(default_factory=EventsEntry)


class DesignFile(Changes):
    """A design's YAML, on top of what it extends."""

    abstract: bool = False
    extends: list[str] = Field(default_factory=list)
    summary: str = ""
    array_width: Text = "array_height"
    dataflow: Literal["os", "ws"]
    vector_unit: bool = True
    classes: list[str] = Field(default_factory=list)  # that only a technology of the user has
    default_variant: str = ""
    variants: dict[str, Changes | None] = Field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """A kind of hardware block: its class in the technology table, sizes, instances a node, tag."""

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
                known = expression.number if name in NEEDED else expression
                symbols[name] = expression.checked(known(symbols))
        return symbols

    def depends(self, names: set[str], on: set[str]) -> bool:
        """Return whether any of the names is one of `on` or a parameter that follows from one."""
        reached = set(on)
        for name, expression in self.parameters.items():
            if expression.names & reached:
                reached.add(name)
        return bool(names & reached)

    def costs(self, symbols: Mapping, assumptions: Mapping) -> dict[str, dict]:
        """Return instances in all nodes and unit cost (see `unit_cost`) by component.

        `assumptions` has the name or path of the `technology` too.
        """
        table = technology(assumptions["technology"])
        result = {}
        for name, component in self.components.items():
            sizes = {key: expression.number(symbols) for key, expression in component.sizes.items()}
            try:
                cost = unit_cost(str(component.kind(symbols)), sizes, assumptions, table)
            except InputError as error:
                raise error.at(component.kind.where) from None
            count = component.instances.number(symbols)
            nodes = 1 if name == "dram" else symbols["P"]
            result[name] = cost | {"instances": count * nodes}
        return result


def designs() -> list[str]:
    """Return the names of the designs that come with the package."""
    return [name for name in library.names("design") if not _read(name).content.get("abstract")]


def variants(name: str) -> list[str]:
    """Return the variants of a design, the default one first; [""] if it has none."""
    return _variants(library.merged(_read, name))


def _variants(document: Document) -> list[str]:
    named = document.content.get("variants")
    if isinstance(named, dict) and len(named) > MOST_VARIANTS:
        what = f"{len(named):,} variants, more than {MOST_VARIANTS}"
        raise InputError(Mistake(what, document.where(("variants",))))
    first = str(document.content.get("default_variant", ""))  # whatever it is, until it is checked
    return list(dict.fromkeys([first, *(named if isinstance(named, dict) else {})]))


def load_design(name: str, variant: str = "") -> Design:
    """Load a packaged design by name or one from a YAML file by path, with one of its variants.

    Raises InputError with file, line and key of every mistake: unknown keys, components, classes,
    tags or symbols, and expressions that are not arithmetic.
    """
    if not name.endswith(library.ENDINGS):
        return _packaged(name, variant)
    design = _built(name, variant)
    others = (_built(name, other) for other in variants(name) if other != variant)
    raise_all(unread(_own_documents(name), chain([design], others), NEEDED))
    return design


def _own_documents(name: str) -> list[Document]:
    """Return the files of the user that a design is made of, itself and what it extends."""
    found: dict[str, Document] = {}

    def find(name: str) -> None:
        if name not in found:
            found[name] = _read(name)
            for parent in found[name].content.get("extends", []):
                if parent.endswith(library.ENDINGS):
                    find(beside(parent, name))

    find(name)
    return list(found.values())


def _read(name: str) -> Document:
    document = library.parsed(*library.source("design", name, designs))
    parents = document.content.get("extends", [])
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        what = f"must be a list of designs, not {parents!r}"
        raise InputError(Mistake(what, document.where(("extends",))))
    return document


def _built(name: str, variant: str) -> Design:
    """Return a design, with a variant of it on top."""
    document = library.merged(_read, name)
    allowed = _variants(document)
    variant = variant or allowed[0]
    document, file = _checked(document)
    if file.default_variant and file.default_variant not in file.variants:
        mistake = unknown("variant", file.default_variant, file.variants)
        raise InputError(mistake.at(document.where(("default_variant",))))
    if variant not in allowed:
        raise InputError(unknown(f"variant of {name}", variant, allowed))
    if file.variants.get(variant):
        document, file = _checked(document.updated(document.part("variants", variant)))
    return _Builder(document, file).design()


_packaged = cache(_built)  # files of the package do not change


def _checked(document: Document) -> tuple[Document, DesignFile]:
    document = replace(document, content=_kept(document.content))
    return document, validated(DesignFile, document)


def _kept(content: object) -> object:
    """Return what is left of merged YAML without what a null deletes; variants stay as they are."""
    if not isinstance(content, dict):
        return content
    left = {key: value for key, value in content.items() if value is not None}
    return {key: v if key == "variants" else _kept(v) for key, v in left.items()}


class _Builder:
    """A design made of its file: expressions parsed, names checked, all mistakes gathered."""

    def __init__(self, document: Document, file: DesignFile):
        self.document, self.file, self.mistakes = document, file, []
        self.known = {*GIVEN, *acting_in("evaluate"), *file.parameters}

    def design(self) -> Design:
        """Return the design; raises InputError with all mistakes."""
        file, parameters = self.file, self.expressions(self.file.parameters, "parameters")
        for name in sorted(parameters.keys() & {*GIVEN, *acting_in("evaluate")}):
            what = "is the name of a size or of an assumption, which it would hide"
            self.mistake(Mistake(what), "parameters", name)
        for name in NEEDED:
            if name not in parameters:
                self.mistake(Mistake(f"{name} is missing"), "parameters")
        components = {name: self.component(name, e) for name, e in file.components.items()}
        gemm = self.events("gemm", file.gemm, GEMM_SYMBOLS)
        nonlinear = self.events("nonlinear", file.nonlinear, NONLINEAR_SYMBOLS)
        checks = {
            message: self.expression(test, "checks", test) for test, message in file.checks.items()
        }
        width = self.expression(file.array_width, "array_width")
        if odd := width.names - {"array_height"}:
            what = f"may name array_height only, not {', '.join(sorted(odd))}"
            self.mistake(Mistake(what), "array_width")
        ordered = self.ordered(parameters)
        raise_all(list(dict.fromkeys(self.mistakes)))
        return Design(
            file.dataflow, file.vector_unit, width, checks, ordered, components, gemm, nonlinear
        )

    def mistake(self, mistake: Mistake, *key: str) -> None:
        """Note a mistake at a key."""
        self.mistakes.append(mistake.at(self.document.where(key)))

    def expression(self, text: Text, *key: str, more: set[str] | frozenset = frozenset()):
        """Return the expression at a key, which may name `more` than parameters."""
        try:
            parsed = parse(text, self.document.where(key))
        except InputError as error:
            self.mistakes += error.mistakes
            return parse(1, "")
        self.mistakes += check_names(parsed, self.known | more)
        return parsed

    def expressions(self, texts: Mapping, *key: str, more: set[str] | frozenset = frozenset()):
        """Return the expressions of a mapping at a key, by name."""
        return {name: self.expression(text, *key, name, more=more) for name, text in texts.items()}

    def component(self, name: str, entry: ComponentEntry) -> Component:
        """Return a component."""
        key, kind = ("components", name), str(entry.kind)
        if entry.tag is None:
            self.mistake(unknown("tag", None, TAGS), *key)
        given = {size: getattr(entry, size) for size in PER if getattr(entry, size) is not None}
        sizes = self.expressions(given, *key)
        if kind in self.file.classes:  # the technology of a run says which sizes it has
            kind = repr(kind)
        elif kind.isidentifier():
            needed = sizes_of(technology())
            if kind not in needed:
                self.mistake(unknown("component class", kind, needed), *key, "class")
            for size in sorted(sizes.keys() ^ set(needed.get(kind, sizes))):
                what = f"{kind} has no {size}" if size in sizes else f"{size} is missing"
                self.mistake(Mistake(what), *key, *([size] if size in sizes else []))
            kind = repr(kind)
        instances = self.expression(entry.instances, *key, "instances")
        return Component(self.expression(kind, *key, "class"), sizes, instances, entry.tag)

    def events(self, section: str, entries: EventsEntry, symbols: tuple[str, ...]) -> Events:
        """Return the events of one sort of operation."""
        more = {*symbols, *entries.symbols}
        shared = self.expressions(entries.symbols, section, "symbols", more=more)
        events = {name: self.event(section, name, e, more) for name, e in entries.events.items()}
        return Events(shared, events)

    def event(self, section: str, name: str, entry: EventEntry, more: set[str]) -> Event:
        """Return an event."""
        key = (section, "events", name)
        for target in entry.use:
            self.check_target(target, *key, "use", target)
        count = name if entry.count is None else entry.count
        cycles = count if entry.cycles is None else entry.cycles
        return Event(
            self.expression(count, *key, "count", more=more),
            self.expression(cycles, *key, "cycles", more=more),
            self.expression(entry.unit, *key, "unit"),
            entry.hops or "",
            self.expressions(entry.use, *key, "use"),
        )

    def check_target(self, target: str, *key: str) -> None:
        """Note whether an event switches what is no component, or a memory without saying how."""
        component = target.partition(".")[0]
        if component not in self.file.components:
            self.mistake(unknown("component", target, self.file.components), *key)
            return
        memory = self.file.components[component].tag in ("sram", "dram")
        allowed = [f"{component}.read", f"{component}.write"] if memory else [component]
        if target not in allowed:
            self.mistake(Mistake(f"must be {' or '.join(allowed)}, not {target}"), *key[:-1])

    def ordered(self, parameters: dict[str, Expression]) -> dict[str, Expression]:
        """Return the parameters in an order in which each needs only earlier ones."""
        ordered: dict[str, Expression] = {}
        while waiting := {key: e for key, e in parameters.items() if key not in ordered}:
            ready = {key: e for key, e in waiting.items() if not (e.names & waiting.keys())}
            if not ready:
                self.mistake(Mistake(f"{', '.join(waiting)} need each other"), "parameters")
                break
            ordered |= ready
        return ordered


def given(height: np.ndarray, width: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> dict:
    """Return the symbols that sizes give; every value as a float array of one value a setup."""
    arrays = (np.asarray(v, float) for v in (height, width, rows, columns))
    symbols = dict(zip(GIVEN, arrays, strict=False))
    return symbols | {"P": symbols["R"] * symbols["Q"]}
