"""What a YAML file says against pydantic models: file, line and key of every mistake."""

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from mugi.documents import parse_yaml
from mugi.errors import InputError, unknown
from mugi.schema import MOST, Section, mistakes_of, validated


def known(name: str) -> str:
    if name != "mugi":
        raise InputError(unknown("design", name, ["mugi"]), "and a second mistake")
    return name


class Inner(Section):
    kind: Literal["read", "write"]
    count: int = Field(1, ge=1)


class Outer(Section):
    inner: dict[str, Inner]
    design: Annotated[str, AfterValidator(known)] = "mugi"
    extra: Inner | None = None


GOOD = "inner:\n  a: {kind: read}\n"


def said(text: str) -> list[str]:
    with pytest.raises(InputError) as error:
        validated(Outer, parse_yaml("f.yaml", text))
    return [str(mistake) for mistake in error.value.mistakes]


def test_what_is_right_becomes_a_section():
    assert validated(Outer, parse_yaml("f.yaml", GOOD)).inner["a"].count == 1


def test_unknown_keys_name_the_keys_of_their_section():
    keys = "one of: kind, count"
    assert said(f"{GOOD}  b:\n    kind: read\n    cuont: 2\n") == [
        f"f.yaml:5: inner.b.cuont: unknown key 'cuont' (did you mean 'count'?); {keys}"
    ]
    assert said(f"{GOOD}extra: {{kind: read, x: 1}}\n") == [
        f"f.yaml:3: extra.x: unknown key 'x'; {keys}"
    ]
    assert "one of: inner, design, extra" in said(f"{GOOD}desing: mugi\n")[0]


def test_values_name_what_is_allowed():
    assert said("inner:\n  a: {kind: raed}\n") == [
        "f.yaml:2: inner.a.kind: 'raed' is not allowed (did you mean 'read'?); one of: read, write"
    ]
    (line,) = said("inner:\n  a: {kind: read, count: 0}\n")
    assert line.startswith("f.yaml:2: inner.a.count: must be greater than or equal to 1 (got 0)")
    assert said("inner:\n  a: {count: 1}\n") == ["f.yaml:2: inner.a.kind: missing"]


def test_mistakes_of_a_validator_are_taken_over():
    assert said(f"{GOOD}design: mugy\n") == [
        "f.yaml:3: design: unknown design 'mugy' (did you mean 'mugi'?); one of: mugi",
        "f.yaml:3: design: and a second mistake",
    ]


def test_values_from_no_file_have_only_their_key():
    class Plain(BaseModel):
        count: int

    with pytest.raises(ValidationError) as error:
        Plain(count="many")
    (mistake,) = mistakes_of(error.value, Plain)
    assert str(mistake).startswith("count: must be a valid integer")


def test_the_first_mistakes_are_told_and_how_many_more():
    lines = said(GOOD + "".join(f"key{n}: 1\n" for n in range(5000)))
    assert len(lines) == MOST + 1 and lines[-1] == f"f.yaml: {5000 - MOST:,} more mistakes"
