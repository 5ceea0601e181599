"""One claim of a ledger: a quantity of result tables, and what the paper prints for it."""

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.expressions import Expression, parse
from mugi.schema import Section
from mugi.units import ONE, unit_of, unit_of_arithmetic

Comparison = Literal[
    "equal at the printed precision",
    "within tolerance",
    "qualitative",
    "on another model",
    "differs",
    "not reproducible here",
    "not yet",
]
COMPARISONS = list(get_args(Comparison))
EQUAL, WITHIN, QUALITATIVE, ELSEWHERE, DIFFERS, NOT_HERE, NOT_YET = COMPARISONS
RESULTS = ["computed", "corrected", "change"]  # of the claim itself, in its words
LARGEST = 1e150  # of what is printed and computed, so that their ratio is finite too
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


class Interval(Section):
    """Ends of the 95 % interval of a number measured on a sample, and how many documents it has."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    low: Arithmetic
    high: Arithmetic
    documents: Arithmetic


class Test(Section):
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
    """One claim of the paper, how it is judged, and the comparison on record if there is one.

    also: ids of rows elsewhere in the paper that say the same -> where; reading: of a drawing, not
    a number that is printed as a result; stand_in: a model that is judged in place of the paper's;
    interval: of a number measured on a sample, which decides if it can be told whether it is true.
    """

    location: Text
    statement: Text
    printed: Text
    unit: str = ""
    design: str = ""
    baseline: str = ""
    configuration: str = ""
    source: Text
    also: dict[str, Text] = Field(default_factory=dict)
    note: str = ""
    target: str = ""
    test: Test | None = None
    corrected_column: Arithmetic | None = None
    reading: bool = False
    stand_in: str = ""
    interval: Interval | None = None
    comparison: Comparison | None = None
    reason: str = ""
    values: dict[str, Value] = Field(default_factory=dict)

    @property
    def is_judged(self) -> bool:
        """Return whether tables decide; if not, the comparison on record stands."""
        return self.comparison not in (NOT_HERE, NOT_YET)

    @property
    def limit(self) -> tuple[str, float] | None:
        """Return `above` or `below` and the number, where the claim is an inequality."""
        if self.test and self.test.within is None:
            return (
                ("above", self.test.above)
                if self.test.below is None
                else ("below", self.test.below)
            )
        signs = {">": "above", "<": "below"}
        is_one = not self.test and self.printed[0] in signs
        return (signs[self.printed[0]], float(self.printed[1:])) if is_one else None

    @property
    def is_about(self) -> bool:
        """Return whether the paper says about how much."""
        return self.printed.startswith("~")

    @property
    def printed_number(self) -> float | None:
        """Return the number that was printed, or None for an inequality."""
        return None if self.limit else float(self.printed.lstrip("~"))

    @property
    def is_directional(self) -> bool:
        """Return whether there is something to be true or not: a ratio or an inequality."""
        return bool(self.over or self.limit)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        mistakes = []
        if self.comparison in (DIFFERS, NOT_HERE, NOT_YET) and not self.reason:
            mistakes.append(Mistake(f"'{self.comparison}' needs a reason"))
        if self.is_judged:
            needed, excluded = ["table", "column", "where"], ["target"]
        else:
            needed = ["target"]
            excluded = [*Quantity.model_fields, "test", "corrected_column", "interval"]
        mistakes += [Mistake("missing", key) for key in needed if not getattr(self, key)]
        of_one_row = not self.over and self.aggregate in (None, "min", "max")
        if self.interval and not (of_one_row and self.limit):
            mistakes.append(Mistake("is of one row and an inequality", "interval"))
        why = "the table has one" if self.is_judged else "not judged"
        mistakes += [Mistake(f"{why}, leave it out", k) for k in excluded if getattr(self, k)]
        mistakes += _printed(self)
        mistakes += _units(self)
        shown = set(PLACEHOLDER.findall(self.reason + self.note)) - {*RESULTS}
        mistakes += [unknown("value", name, self.values) for name in sorted(shown - {*self.values})]
        mistakes += [Mistake("not used", f"values.{n}") for n in self.values if n not in shown]
        raise_all(mistakes)
        return self


def _printed(claim: Claim) -> list[Mistake]:
    """Return a mistake if a claim that is judged has no number, or one that ratios overflow of."""
    if not claim.is_judged:
        return []
    try:
        number = claim.limit[1] if claim.limit else claim.printed_number
    except ValueError:
        return [Mistake(f"'{claim.printed}' is not a number; give a test", "printed")]
    if number == 0 or 1 / LARGEST <= abs(number) <= LARGEST:
        return []
    what = f"'{claim.printed}' is not 0 or a number from {1 / LARGEST:g} to {LARGEST:g}"
    return [Mistake(what, "printed")]


def _units(claim: Claim) -> list[Mistake]:
    """Return a mistake for sums of two units, and for a value in another unit than the claim's."""
    columns = {key: getattr(claim, key) for key in ("column", "corrected_column")}
    columns |= {f"values.{name}.column": value.column for name, value in claim.values.items()}
    units, mistakes = {}, []
    for key, column in columns.items():
        try:
            units[key] = column and unit_of_arithmetic(column.text)
        except ValueError as error:
            mistakes.append(Mistake(str(error), key))
    stated, found = unit_of(claim.unit), ONE if claim.over else units.get("column")
    if stated and found and not stated.is_same(found):
        value = "a ratio has no unit" if claim.over else f"'{claim.column.text}' is in {found}"
        mistakes.append(Mistake(f"'{claim.unit}', but {value}", "unit"))
    return mistakes
