"""Every place where the published hardware model is silent or wrong, as a switch.

`assumptions.yaml` holds them, with the files in which their branches are. `published` reproduces
the paper's numbers; the preset `corrected` sets every error and omission right and leaves choices
as published.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Annotated, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, closest, raise_all, unknown
from mugi.schema import Section, validated

REGISTRY_FILE = files("mugi") / "assumptions.yaml"
PRESETS = ("as-published", "corrected")
DEFAULT_PRESET = "corrected"  # of commands and functions; the paper's own runs state theirs
STAGES = {
    "evaluate": "In the cost model (`mugi evaluate`)",
    "carbon": "In the carbon accounting (`mugi carbon`)",
    "figures": "In the scripts of the figures",
}
# what synthesis says in place of the published list: not among the draws of the paper's own curve
SYNTHESISED = ("row_storage", "figna_pe")
Value = str | int | float
Text = Annotated[str, Field(min_length=1)]


class Assumption(Section):
    """A switch, as explained at the top of `assumptions.yaml`; `name` is its key there."""

    name: str = ""
    kind: Literal["error", "omission", "choice"]
    published: Value
    corrected: Value | None = None
    others: list[Value] = Field(default_factory=list)
    interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    unit: str = ""
    names: dict[str, float] = Field(default_factory=dict)
    stages: list[Literal["evaluate", "carbon", "figures"]] = Field(
        default_factory=lambda: ["evaluate"], min_length=1
    )
    branch: Annotated[list[Text], Field(min_length=1)]
    reason: Text
    source: Text

    @model_validator(mode="after")
    def _corrects_what_is_wrong(self) -> Self:
        if (self.kind == "choice") != (self.corrected in (None, self.published)):
            raise InputError("errors and omissions have a corrected value of their own, no others")
        return self

    @property
    def choices(self) -> tuple[Value, ...]:
        """Return the named values, the published one first."""
        return tuple(dict.fromkeys((self.published, self.corrected, *self.others)))

    @property
    def allowed(self) -> str:
        """Return the allowed values in words."""
        values = ", ".join(map(str, self.choices))
        if self.names:
            first, *_, last = self.names
            values += f", {first} … {last} (`mugi assumptions {self.name}` lists them)"
        if not self.interval:
            return values
        low, high = self.interval
        return f"{values} or a number from {low:g} to {high:g} {self.unit}".rstrip()

    def parse(self, value: object) -> Value | None:
        """Return the allowed value that `value` spells or is a name of, or None."""
        value = self.names.get(value, value) if isinstance(value, str) else value
        for allowed in self.choices:
            if value == allowed or str(value) == str(allowed):
                return allowed
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        for allowed in self.choices:
            if isinstance(allowed, int | float) and number == allowed:
                return allowed
        low, high = self.interval or (1, 0)
        return number if low <= number <= high else None


def load_assumptions(path=REGISTRY_FILE) -> dict[str, Assumption]:
    """Read assumptions by name; raises InputError with file, line and key of every mistake."""
    named = {}
    for name, entry in validated(dict[str, Assumption], read_yaml(path)).items():
        corrected = entry.published if entry.kind == "choice" else entry.corrected
        named[name] = entry.model_copy(update={"name": name, "corrected": corrected})
    return named


REGISTRY: dict[str, Assumption] = load_assumptions()


def acting_in(stage: str) -> list[str]:
    """Return the names of the assumptions that act in a stage: evaluate, carbon or figures."""
    return [name for name, entry in REGISTRY.items() if stage in entry.stages]


def preset(name: str) -> dict[str, Value]:
    """Return the value of every assumption under a preset; raises InputError for another name."""
    if name not in PRESETS:
        raise InputError(unknown("preset", name, PRESETS))
    field = "corrected" if name == "corrected" else "published"
    return {key: getattr(assumption, field) for key, assumption in REGISTRY.items()}


def check(name: str, value: object) -> Mistake | None:
    """Return the mistake of an unknown assumption or of a value it does not allow, or None."""
    if name not in REGISTRY:
        what = f"unknown assumption '{name}'; `mugi assumptions` lists them"
        return Mistake(what, nearest=closest(name, REGISTRY))
    if REGISTRY[name].parse(value) is None:
        what = f"assumption.{name} is {REGISTRY[name].allowed}, not '{value}'"
        choices = [*REGISTRY[name].choices, *REGISTRY[name].names]
        return Mistake(what, nearest=closest(value, choices))
    return None


def resolve(preset_name: str, flips: Mapping[str, object]) -> dict[str, Value]:
    """Return a preset with single assumptions flipped; raises InputError naming every mistake."""
    raise_all([mistake for name, value in flips.items() if (mistake := check(name, value))])
    return preset(preset_name) | {
        name: REGISTRY[name].parse(value) for name, value in flips.items()
    }


def pairs(texts: Iterable[str], option: str, allowed: Iterable[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as a mapping; raises InputError naming every mistake."""
    flips, mistakes = {}, []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            mistakes.append(Mistake(f"NAME=VALUE is needed, not '{text}'"))
        elif name in flips:
            mistakes.append(Mistake(f"'{name}' is set twice"))
        elif name not in allowed:
            mistakes.append(unknown("assumption", name, allowed))
        elif mistake := check(name, value):
            mistakes.append(mistake)
        else:
            flips[name] = value
    raise_all([mistake.at(option) for mistake in mistakes])
    return flips


def table(names: Iterable[str] = REGISTRY) -> pd.DataFrame:
    """Return what is known of assumptions as text, one row each."""
    rows = []
    for entry in map(REGISTRY.__getitem__, names):
        ends = [f"{end:g}" for end in entry.interval or ()]
        interval = f" ({' to '.join(ends)} {entry.unit}".rstrip() + ")" if ends else ""
        rows.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "published": str(entry.published),
                "corrected": str(entry.corrected),
                "others": (", ".join(map(str, entry.others)) + interval).lstrip(),
                "names": ", ".join(f"{name} {value:g}" for name, value in entry.names.items()),
                "reason": entry.reason,
                "source": entry.source,
                "acts in": ", ".join(entry.stages),
                "branch": ", ".join(entry.branch),
            }
        )
    return pd.DataFrame(rows)


def markdown() -> str:
    """Return all assumptions as a page of Markdown, a table for each stage they act in."""
    published, corrected = PRESETS
    parts = [
        "# Assumptions",
        "Every place where the published model is silent or wrong, as a switch: an *error*"
        " contradicts the paper or arithmetic, an *omission* leaves out something that costs time"
        f" or energy, a *choice* is defensible. The preset `{published}` has every published value"
        f" and reproduces the paper's numbers; `{corrected}` sets errors and omissions right and"
        " leaves choices as published. `--assume NAME=VALUE` of `mugi evaluate`, `--set` of"
        " `mugi carbon` and columns `assumption.NAME` flip single ones.",
    ]
    for stage, heading in STAGES.items():
        known = table(acting_in(stage)).drop(columns=["acts in", "names"])
        known[["name", "branch"]] = "`" + known[["name", "branch"]] + "`"
        parts += [f"## {heading}", known.to_markdown(index=False, disable_numparse=True)]
        parts += _names(stage)
    return "\n\n".join(parts) + "\n"


def _names(stage: str) -> list[str]:
    """Return the named numbers of a stage's assumptions, a line for those that share them."""
    of_names: dict[tuple, list[str]] = {}
    for entry in map(REGISTRY.__getitem__, acting_in(stage)):
        if entry.names:
            shown = ", ".join(f"`{name}` {value:g}" for name, value in entry.names.items())
            of_names.setdefault((shown, entry.unit), []).append(f"`{entry.name}`")
    return [
        f"Names of {' and '.join(entries)}, in {unit}: {shown}."
        for (shown, unit), entries in of_names.items()
    ]
