"""Reading the claims ledger: `claims.yaml`, whose keys are explained at its top.

Nothing in a ledger can run a program: its arithmetic is that of `mugi.expressions`, its selections
are compared with cells, its words are filled in by name.
"""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.expressions import Expression, parse
from mugi.files import read_yaml
from mugi.schema import Section, validated

LEDGER = files("mugi") / "claims.yaml"
Verdict = Literal["reproduced", "reproduced, but", "differs", "not reproducible here", "not yet"]
VERDICTS = list(get_args(Verdict))
REPRODUCED, BUT, DIFFERS, NOT_HERE, NOT_YET = VERDICTS
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
PLACEHOLDER = re.compile(r"\{(\w+)\}")

# column -> the values its cells may have, or limits of its numbers by the keys of SIGNS
Conditions = dict[str, list | dict[str, float]]


def _conditions(mapping: dict) -> Conditions:
    """Return the conditions of a mapping from YAML; one value stands for a list of one."""
    conditions, mistakes = {}, []
    for column, condition in mapping.items():
        values = condition if isinstance(condition, list | dict) else [condition]
        if isinstance(values, dict):
            odd = [unknown("comparison", key, SIGNS) for key in values if key not in SIGNS]
            cells, kinds, kind = values.values(), int | float, "number"
        else:
            odd, cells, kinds, kind = [], values, str | int | float, "value"
        odd += [
            Mistake(f"must be a {kind}, not {cell!r}")
            for cell in cells
            if not isinstance(cell, kinds)
        ]
        if not values:
            odd.append(Mistake(f"must have a {kind}"))
        mistakes += [mistake.at(column) for mistake in odd]
        conditions[str(column)] = values
    raise_all(mistakes)
    return conditions


def _selection(value: object) -> list[str | Conditions]:
    """Return the names and conditions of a selection; one of them stands for a list of one."""
    entries = value if isinstance(value, list) else [value]
    raise_all(
        [
            Mistake(f"must be a name or a mapping of columns, not {entry!r}")
            for entry in entries
            if not isinstance(entry, str | dict)
        ]
    )
    return [entry if isinstance(entry, str) else _conditions(entry) for entry in entries]


Selection = Annotated[list[str | Conditions], BeforeValidator(_selection)]
Arithmetic = Annotated[Expression, BeforeValidator(lambda text: parse(text, ""))]
Text = Annotated[str, Field(min_length=1)]


class Quantity(Section):
    """A number computed from a table: the arithmetic `column` on the rows `where`, over others.

    `among` is what both sides have in common; `load_ledger` writes it out.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    table: str | None = None
    column: Arithmetic | None = None
    among: Selection = Field(default_factory=list)
    where: Selection = Field(default_factory=list)
    over: Selection = Field(default_factory=list)
    aggregate: Literal["geomean", "min", "max", "sum"] | None = None


class Value(Quantity):
    """A number that a claim's words show; what it leaves out is that of the claim itself."""

    decimals: Annotated[int, Field(ge=0, le=12)] = 2


class Comparison(Section):
    """How a value must compare: `within` a relative distance of `printed`, `above` or `below`."""

    within: Annotated[float, Field(ge=0)] | None = None
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise InputError("one of within, above and below is needed")
        return self


class Claim(Quantity):
    """One claim of the paper, how it is judged, and the verdict on record."""

    location: Text
    statement: Text
    printed: Text
    unit: str = ""
    design: str = ""
    baseline: str = ""
    configuration: str = ""
    source: Text
    note: str = ""
    target: str = ""
    test: Comparison | None = None
    corrected_column: Arithmetic | None = None
    verdict: Verdict
    reason: str = ""
    values: dict[str, Value] = Field(default_factory=dict)

    @property
    def is_judged(self) -> bool:
        """Return whether tables decide; if not, the verdict on record stands."""
        return self.verdict not in [NOT_HERE, NOT_YET]

    @property
    def printed_number(self) -> float | None:
        """Return the number that was printed, or None where the test is a limit."""
        is_limit = self.test and self.test.within is None
        return None if is_limit else float(self.printed.lstrip("~<>"))

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        mistakes = []
        if self.verdict != REPRODUCED and not self.reason:
            mistakes.append(Mistake(f"'{self.verdict}' needs a reason"))
        if self.is_judged:
            needed, excluded = ["table", "column", "where"], ["target"]
        else:
            needed, excluded = ["target"], [*Quantity.model_fields, "test", "corrected_column"]
        mistakes += [Mistake("missing", key) for key in needed if not getattr(self, key)]
        why = "the table has one" if self.is_judged else "not judged"
        mistakes += [Mistake(f"{why}, leave it out", k) for k in excluded if getattr(self, k)]
        try:
            _ = self.is_judged and self.printed_number
        except ValueError:
            mistakes.append(Mistake(f"'{self.printed}' is not a number; give a test", "printed"))
        shown = set(PLACEHOLDER.findall(self.reason + self.note))
        mistakes += [unknown("value", name, self.values) for name in sorted(shown - {*self.values})]
        mistakes += [Mistake("not used", f"values.{n}") for n in self.values if n not in shown]
        raise_all(mistakes)
        return self


class Ledger(Section):
    """A ledger as it is written; `tables` names the Snakemake target that makes each table."""

    tables: dict[str, str]
    shared: dict[str, dict] = Field(default_factory=dict)  # what claims merge in with `<<`
    selections: dict[str, Selection] = Field(default_factory=dict)
    claims: dict[str, Claim]


def load_ledger(path: str | Path = LEDGER) -> dict[str, Claim]:
    """Return the claims by id, in order, with targets and with selections as plain conditions.

    Raises InputError with file, line and key of every mistake.
    """
    document = read_yaml(path)
    ledger = validated(Ledger, document)
    known: dict[str, list[Conditions]] = {}
    mistakes = []

    def plain(selection: list, *key: str) -> list[Conditions]:
        unnamed = [entry for entry in selection if isinstance(entry, str) and entry not in known]
        mistakes.extend(
            unknown("selection", name, known).at(document.where(key)) for name in unnamed
        )
        parts = [known.get(entry, []) if isinstance(entry, str) else [entry] for entry in selection]
        return [conditions for part in parts for conditions in part]

    def resolved(quantity: Quantity, *key: str, **changes) -> Quantity:
        if quantity.table and quantity.table not in ledger.tables:
            place = document.where((*key, "table"))
            mistakes.append(unknown("table", quantity.table, ledger.tables).at(place))
        among = plain(quantity.among, *key, "among")
        where = among + plain(quantity.where, *key, "where")
        over = quantity.over and among + plain(quantity.over, *key, "over")
        return quantity.model_copy(update={"among": [], "where": where, "over": over, **changes})

    for name, selection in ledger.selections.items():  # of those above it
        known[name] = plain(selection, "selections", name)
    claims = {}
    for name, claim in ledger.claims.items():
        values = {}
        for word, value in claim.values.items():
            left_out = Quantity.model_fields.keys() - value.model_fields_set
            own = {field: getattr(claim, field) for field in left_out}
            place = ("claims", name, "values", word)
            values[word] = resolved(value.model_copy(update=own), *place)
        target = claim.target or ledger.tables.get(claim.table, "")
        claims[name] = resolved(claim, "claims", name, values=values, target=target)
    raise_all(mistakes)
    return claims


def load_ledgers(paths: Iterable[str | Path]) -> dict[str, Claim]:
    """Return the claims of several ledgers by id; raises InputError for an id that stands twice."""
    claims: dict[str, Claim] = {}
    for path in paths:
        more = load_ledger(path)
        twice = [name for name in more if name in claims]
        raise_all(
            [Mistake(f"claim '{name}' is in another ledger too", str(path)) for name in twice]
        )
        claims |= more
    return claims
