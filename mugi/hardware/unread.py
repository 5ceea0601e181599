"""What a design's file defines and nothing reads: a slip of the pen, or a key of another tool."""

from collections.abc import Iterable

from mugi.documents import Document
from mugi.errors import Mistake, closest
from mugi.hardware.events import FEATURES_NEED, Events

Defined = tuple[str, ...]  # the section of a design and the name defined there
SECTIONS = (
    ("parameters",), ("components",), ("gemm", "symbols"), ("nonlinear", "symbols")
)  # fmt: skip
WHAT = {
    "parameters": "no expression reads this parameter",
    "components": "no event switches this component (0 in the `use` of one says that it is idle)",
    "gemm": "no event of matrix products reads this symbol",
    "nonlinear": "no event of nonlinear operations reads this symbol",
}


def unread(documents: Iterable[Document], designs: Iterable, needed: Iterable[str]) -> list:
    """Return a mistake for what `documents` define and none of `designs` reads.

    documents: a design's own files; designs: its variants, the likeliest first, of which no more
    are looked at than it takes; needed: parameters that the program itself reads.
    """
    places = {key: place for document in documents for key, place in _defined(document).items()}
    left, known = places, set()
    for design in designs:
        known |= _read(design, {*needed, *FEATURES_NEED})
        left = {key: place for key, place in left.items() if key not in known}
        if not left:
            break
    mistakes = []
    for (*section, name), place in left.items():
        others = sorted(other for *where, other in known if where == section)
        mistake = Mistake(WHAT[section[0]], nearest=closest(name, others))
        if section == ["parameters"]:  # few enough to be listed
            mistake = Mistake(mistake.what, "", tuple(others), mistake.nearest)
        mistakes.append(mistake.at(place))
    return mistakes


def _defined(document: Document) -> dict[Defined, str]:
    """Return the place of every name that a file and its variants define; a null deletes one."""
    variants = document.content.get("variants") or {}
    parts = [document, *(document.part("variants", name) for name in variants)]
    places = {}
    for section in SECTIONS:
        for part in parts:
            content = part.content
            for key in section:
                content = (content or {}).get(key)
            for name, value in (content or {}).items():
                if value is not None:
                    places[*section, name] = part.where((*section, name))
    return places


def _read(design, needed: set[str]) -> set[Defined]:
    """Return all names that a design reads, by section."""
    expressions = [*design.checks.values(), design.array_width]
    components, read = set(), set()
    for section, events in (("gemm", design.gemm), ("nonlinear", design.nonlinear)):
        inside = _reached(_names(events), events.symbols)
        read |= {(section, "symbols", name) for name in inside & events.symbols.keys()}
        needed = needed | inside
        for event in events.events.values():
            components |= {target.partition(".")[0] for target in event.use}
            expressions += event.use.values()
    for component in design.components.values():
        expressions += [component.kind, component.instances, *component.sizes.values()]
    needed = needed.union(*(expression.names for expression in expressions))
    parameters = _reached(needed, design.parameters) & design.parameters.keys()
    return (
        read
        | {("components", name) for name in components}
        | {("parameters", name) for name in parameters}
    )


def _names(events: Events) -> set[str]:
    """Return the names in counts and cycles, without what these stand for."""
    ways = [(event.count, event.cycles, event.unit) for event in events.events.values()]
    return set().union(*(expression.names for way in ways for expression in way))


def _reached(names: set[str], meanings: dict) -> set[str]:
    """Return `names` and all that their meanings, expressions by name, are made of."""
    reached, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= (meanings[name].names if name in meanings else set()) - reached
    return reached
