"""Kinds of values that several sections of the configuration hold."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mugi.errors import InputError, raise_all
from mugi.hardware import expand as expand_runs
from mugi.hardware import mistakes_by_run
from mugi.llm.texts import check_text
from mugi.methods import parse_operations
from mugi.methods.grid import expand
from mugi.named import MOST_CHOICES, choices
from mugi.schema import Section


def checked(check: Callable[..., object], *arguments: str):
    """Return the kind of texts that `check` accepts; its InputError becomes the mistake."""

    def validate(text: str) -> str:
        check(text, *arguments)
        return text

    return Annotated[str, AfterValidator(validate)]


def _no_repeats(values: list) -> list:
    known = set()
    for value in values:
        if value in known:
            raise ValueError(f"'{value}' is there twice")
        known.add(value)
    return values


def grids(operation: str):
    """Return the kind of lists of methods for an operation; `a|b` and `a..b` stand for several."""
    methods = list[checked(lambda text: expand([text], operation))]
    example = ", such as vlp:lut=8..12,max_exp=-2..4" if operation == "softmax" else ""
    description = Field(description=f"grids of methods{example}")
    return Annotated[methods, BeforeValidator(_few_methods), Distinct, description]


def _few_methods(texts: object) -> object:
    total = 0
    for text in texts if isinstance(texts, list) else []:
        # what cannot be spelled out is told by the check of the text itself
        with suppress(InputError):
            total += len(choices(text)) if isinstance(text, str) else 0
        if total > MOST_CHOICES:
            raise ValueError(f"more than {MOST_CHOICES:,} methods in all")
    return texts


def distinct(least: int, most: int | None = None):
    """Return the kind of lists of whole numbers within bounds, each of them once."""
    return Annotated[list[Annotated[int, Field(ge=least, le=most)]], Distinct]


Distinct = AfterValidator(_no_repeats)
_YES_NO = {True: "yes", False: "no"}
PositiveInt = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
ModelNames = Annotated[
    list[str], Distinct, Field(min_length=1, description="keys of the section `models`")
]
Bos = Annotated[
    Literal["auto", "yes", "no"],
    # YAML reads yes and no as true and false
    BeforeValidator(lambda value: _YES_NO[value] if isinstance(value, bool) else value),
    Field(description="whether texts and prompts begin with a BOS token; auto: as the tokenizer"),
]
Operations = checked(parse_operations)
Text = checked(check_text)


def _check_entry(entry: object) -> object:
    values = entry if isinstance(entry, list) else [entry]
    if not all(isinstance(value, str | int | float) and value is not True for value in values):
        raise ValueError("must be a value or a list of values")
    return entry


def _check_runs(grid: dict) -> dict:
    try:
        mistakes = [mistake for _, mistake in mistakes_by_run(expand_runs([grid]))]
    except InputError as error:  # of the grid as a whole
        mistakes = [replace(mistake, where="") for mistake in error.mistakes]
    raise_all(list(dict.fromkeys(mistakes)))  # runs of a grid share their mistakes
    return grid


Column = Annotated[
    str, BeforeValidator(lambda name: name if isinstance(name, str) else _check_entry(None))
]
Entry = Annotated[object, AfterValidator(_check_entry)]
Runs = Annotated[dict[Column, Entry], AfterValidator(_check_runs)]


def _check_windows(value: int | str) -> int | str:
    if value != "all" and (not isinstance(value, int) or value is True or value < 1):
        raise ValueError("must be a valid integer of at least 1, or all")
    return value


Windows = Annotated[
    int | str,
    BeforeValidator(_check_windows),
    Field(description="number of windows of a text, the first ones, or all that are whole"),
]


class Perplexity(Section):
    """Windows of text whose tokens are scored."""

    window: int = Field(ge=2, description="tokens in a window")
    stride: int = Field(
        ge=1,
        description="tokens from one window's start to the next; less than a window only if joined",
    )
    windows: Windows
    cut: Literal["documents", "joined"] | None = Field(
        None,
        description="windows are the beginnings of documents that are long enough, one each, or "
        "run over all documents, joined by blank lines; if left out, joined of a file and "
        "wikitext2, documents of the others",
    )
    kl_context: PositiveInt = Field(
        16, description="tokens of a window before the first whose KL divergence is scored"
    )

    @model_validator(mode="after")
    def _stride_within_window(self) -> Self:
        if self.stride > self.window:
            raise ValueError(f"stride {self.stride} must be 1 to {self.window} (the window)")
        if self.cut != "joined" and self.stride != self.window:
            raise ValueError(
                f"stride {self.stride} must be {self.window} (the window) unless cut is joined"
            )
        if self.kl_context >= self.window:
            raise ValueError(f"kl_context {self.kl_context} must be less than {self.window}")
        return self
