"""`name:key=value,…` and grids of it."""

from typing import Literal

import pytest
from pydantic import Field

from mugi.errors import InputError
from mugi.named import MOST_CHOICES, Named, choices, crossed, parse_named


class Circle(Named):
    """A kind with a parameter that has a default."""

    name: Literal["circle"] = "circle"
    radius: float = Field(gt=0)
    colour: Literal["red", "blue"] = "red"

    def check(self) -> None:
        """Refuse small blue ones."""
        if self.colour == "blue" and self.radius < 1:
            raise ValueError("blue needs a radius of 1 or more")


class Dot(Named):
    """A kind without parameters."""

    name: Literal["dot"] = "dot"


def parse(text: str) -> Named:
    return parse_named(text, {"circle": Circle, "dot": Dot}, "shape")


@pytest.mark.parametrize("text", ["circle:radius=2", "circle:radius=0.5", "dot"])
def test_what_is_named_names_itself(text):
    assert str(parse(text)) == text
    assert parse(f" {text.replace(',', ' , ')} ") == parse(text)


def test_defaults_are_left_out():
    assert str(parse("circle:colour=red,radius=3.0")) == "circle:radius=3"
    assert Circle.parameters() == ["radius", "colour"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("cirle:radius=1", ["unknown shape 'cirle' (did you mean 'circle'?); one of: circle, dot"]),
        ("dot:size=1", ["'dot:size=1': unknown parameter 'size'"]),
        ("circle", ["'circle': radius: missing"]),
        ("circle:radius", ["'circle:radius': 'radius' is not parameter=value"]),
        (
            "circle:radius=1,radius=1",
            ["'circle:radius=1,radius=1': parameter radius is given twice"],
        ),
        ("circle:name=dot,radius", ["unknown parameter 'name'", "'radius' is not parameter=value"]),
        ("circle:radius=0,colour=rde", ["radius: must be greater than 0", "did you mean 'red'?"]),
        ("circle:radius=0.5,colour=blue", ["': blue needs a radius of 1 or more"]),
    ],
)
def test_mistakes_are_told_in_a_line_each(text, lines):
    with pytest.raises(InputError) as error:
        parse(text)
    for mistake, line in zip(error.value.mistakes, lines, strict=True):
        assert line in str(mistake)


def test_choices_and_spans_are_crossed():
    assert choices("circle:radius=1|4..5,colour=red|blue") == [
        f"circle:radius={radius},colour={colour}"
        for radius in (1, 4, 5)
        for colour in ("red", "blue")
    ]
    assert choices("a:x=-2..-1") == ["a:x=-2", "a:x=-1"]
    assert choices("dot") == ["dot"]
    assert choices("softmax=circle:radius=1|2") == [
        "softmax=circle:radius=1",
        "softmax=circle:radius=2",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:x=3..1", "'a:x=3..1': 3..1 must go from lower to higher"),
        (f"a:x=1..{MOST_CHOICES + 1}", "too many methods; allowed: up to 10,000"),
        ("a:x=1..99999999999999999999", "too many methods"),
        ("a:x=1..1000,y=1..1000", "too many methods"),
        ("a:x=" + "|".join(["1..9999999"] * 2000), "too many methods"),
    ],
)
def test_grids_that_fall_or_are_too_large(text, line):
    with pytest.raises(InputError) as error:
        choices(text)
    assert line in str(error.value)


def test_lists_are_crossed_the_last_fastest():
    assert list(crossed("", [["a", "b"], ["c", "d"]])) == [
        ("a", "c"),
        ("a", "d"),
        ("b", "c"),
        ("b", "d"),
    ]
