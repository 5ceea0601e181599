"""Reading the claims ledger: `claims.yaml`, whose keys are explained at its top.

Nothing in a ledger can run a program: its arithmetic is that of `mugi.expressions`, its selections
are compared with cells, its words are filled in by name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from mugi.claim import COMPARISONS, Claim, Conditions, Quantity, Selection
from mugi.documents import Document, read_yaml
from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.schema import Section, validated

LEDGER = files("mugi") / "claims.yaml"
# what ledgers said under `verdict` before there were comparisons
FORMER = {"reproduced": None, "reproduced, but": None, **{name: name for name in COMPARISONS}}


@dataclass(frozen=True)
class Broken:
    """A claim that cannot be judged: what of it can be read, and its mistakes."""

    mistakes: tuple[Mistake, ...]
    texts: Mapping[str, str] = field(default_factory=dict)


class Head(Section):
    """A ledger but for its claims; `tables` names the Snakemake target that makes each table."""

    tables: dict[str, str]
    shared: dict[str, dict] = Field(default_factory=dict)  # what claims merge in with `<<`
    selections: dict[str, Selection] = Field(default_factory=dict)
    claims: dict[str, object]  # each checked by itself


class Claims(Section):
    """The claims of a ledger."""

    claims: dict[str, Claim]


def load_ledger(path: str | Path = LEDGER) -> dict[str, Claim]:
    """Return the claims by id, in order, with targets and with selections as plain conditions.

    Raises InputError with file, line and key of every mistake.
    """
    return load_ledgers([path])


def load_ledgers(paths: Iterable[str | Path]) -> dict[str, Claim]:
    """Return the claims of several ledgers by id; raises InputError with all their mistakes."""
    claims = read_ledgers(paths)
    broken = [claim for claim in claims.values() if isinstance(claim, Broken)]
    raise_all([mistake for claim in broken for mistake in claim.mistakes])
    return claims


def read_ledgers(paths: Iterable[str | Path]) -> dict[str, Claim | Broken]:
    """Return the claims of several ledgers by id, the broken ones among them.

    Raises InputError only for mistakes outside of claims.
    """
    claims: dict[str, Claim | Broken] = {}
    taken: dict[str, str] = {}  # every id, those in `also` too -> whose it is
    for path in paths:
        for name, claim in _read_ledger(path).items():
            ids = [name, *(claim.also if isinstance(claim, Claim) else [])]
            twice = sorted(one for one, n in Counter(ids).items() if one in taken or n > 1)
            owner = f"claim '{name}' of {path}"
            where = [taken.get(one, "here") for one in twice]
            mistakes = [
                Mistake(f"id '{one}' is there twice, first: {first}", owner)
                for one, first in zip(twice, where, strict=True)
            ]
            taken |= {one: owner for one in ids if one not in taken}
            if twice:  # the first stands
                claim = Broken(tuple(mistakes), _texts(getattr(claim, "texts", vars(claim))))
            claims[f"{name} of {path}" if name in claims else name] = claim
    return claims


def _read_ledger(path: str | Path) -> dict[str, Claim | Broken]:
    """Return the claims of a ledger, resolved, and those that are broken."""
    repeats: list[tuple[tuple, Mistake]] = []
    document = read_yaml(path, repeats=repeats)
    mistakes: dict[str, list[Mistake]] = {}  # of claims
    outside = []
    for key, mistake in repeats:
        is_of_claim = key[0] == "claims" and len(key) > 1
        (mistakes.setdefault(key[1], []) if is_of_claim else outside).append(mistake)
    raise_all(outside)
    head = validated(Head, document)
    selections, unnamed = _selections(head, document)
    raise_all(unnamed)
    claims: dict[str, Claim | Broken] = {}
    for name, content in head.claims.items():
        try:
            place = document.where(("claims", name, "verdict"))
            claim = _validated(name, _renamed(content, place), document)
            claims[name] = _resolved(name, claim, head, selections, document)
        except InputError as error:
            mistakes.setdefault(name, []).extend(error.mistakes)
        if name in mistakes:
            claims[name] = Broken(tuple(mistakes[name]), _texts(content))
    return claims


def _texts(content: object) -> dict[str, str]:
    """Return what of a claim is text."""
    entries = content.items() if isinstance(content, dict) else ()
    return {key: value for key, value in entries if isinstance(value, str)}


def _renamed(content: object, place: str) -> object:
    """Return a claim with what older ledgers called `verdict`, at `place`, as `comparison`."""
    if not isinstance(content, dict) or "verdict" not in content or "comparison" in content:
        return content
    said = str(content["verdict"])
    if said not in FORMER:
        raise InputError(unknown("verdict", said, FORMER).at(place))
    rest = {key: value for key, value in content.items() if key != "verdict"}
    return rest | {"comparison": FORMER[said]}


def _validated(name: str, content: object, document: Document) -> Claim:
    """Return a claim as it is written; mistakes have their place in the file."""
    alone = Document(document.name, {"claims": {name: content}}, document.places)
    return validated(Claims, alone).claims[name]


Plain = dict[str, list[Conditions]]


def _selections(head: Head, document: Document) -> tuple[Plain, list[Mistake]]:
    """Return the named selections as plain conditions, each made of those above it."""
    known: Plain = {}
    mistakes: list[Mistake] = []
    for name, selection in head.selections.items():
        known[name] = _plain(selection, known, document.where(("selections", name)), mistakes)
    return known, mistakes


def _plain(selection: list, known: Plain, place: str, mistakes: list[Mistake]) -> list[Conditions]:
    """Return a selection as conditions; add a mistake for each name that is not known."""
    unnamed = [entry for entry in selection if isinstance(entry, str) and entry not in known]
    mistakes += [unknown("selection", name, known).at(place) for name in unnamed]
    parts = [known.get(entry, []) if isinstance(entry, str) else [entry] for entry in selection]
    return [conditions for part in parts for conditions in part]


def _resolved(name: str, claim: Claim, head: Head, known: Plain, document: Document) -> Claim:
    """Return a claim with its target, its selections and those of its values written out."""
    mistakes: list[Mistake] = []

    def resolved(quantity: Quantity, *key: str, **changes) -> Quantity:
        def plain(field_name: str) -> list[Conditions]:
            place = document.where(("claims", name, *key, field_name))
            return _plain(getattr(quantity, field_name), known, place, mistakes)

        if quantity.table and quantity.table not in head.tables:
            place = document.where(("claims", name, *key, "table"))
            mistakes.append(unknown("table", quantity.table, head.tables).at(place))
        among = plain("among")
        changes |= {"where": among + plain("where"), "among": []}
        return quantity.model_copy(
            update={"over": quantity.over and among + plain("over"), **changes}
        )

    values = {}
    for word, value in claim.values.items():
        left_out = Quantity.model_fields.keys() - value.model_fields_set
        own = {field_name: getattr(claim, field_name) for field_name in left_out}
        values[word] = resolved(value.model_copy(update=own), "values", word)
    target = claim.target or head.tables.get(claim.table, "")
    done = resolved(claim, values=values, target=target)
    raise_all(mistakes)
    return done
