"""Every rule of the two columns of a verdict, at its edges."""

import numpy as np
import pytest

from mugi.claim import DIFFERS, ELSEWHERE, EQUAL, QUALITATIVE, WITHIN, Claim
from mugi.verdicts import (
    CORRECTIONS,
    RULES,
    SAID,
    Choice,
    compare,
    is_true,
    outcome,
    stands,
    verdicts_in_words,
)

SIDE = [{"design": ["mugi"]}]


def claim(printed: str, *, ratio: bool = True, test: dict | None = None, **more) -> Claim:
    """Return a claim of a ratio, or of an absolute value."""
    content = {"location": "§1", "source": "§1", "statement": "x", "table": "runs", "where": SIDE}
    content |= {"column": "speed", "printed": printed, "test": test, **more}
    return Claim.model_validate(content | ({"over": SIDE} if ratio else {}))


@pytest.mark.parametrize(
    ("one", "value", "found"),
    [
        (claim("2.07"), 2.0664, EQUAL),
        (claim("2.07"), 2.0649, DIFFERS),
        (claim("22"), 22.4999, EQUAL),
        (claim("22", test={"within": 0.1}), 22.3, EQUAL),
        (claim("22", test={"within": 0.1}), 23.97, WITHIN),
        (claim("22", test={"within": 0.1}), 24.3, DIFFERS),
        (claim("~2"), 2.09, QUALITATIVE),
        (claim("~2"), 2.11, DIFFERS),
        (claim(">1"), 1.001, QUALITATIVE),
        (claim(">1"), 1.0, DIFFERS),
        (claim("8", test={"below": 1}), 0.503, QUALITATIVE),
        (claim("<0", ratio=False), -0.1, QUALITATIVE),
        (claim("-3", ratio=False, stand_in="small"), -3.0, ELSEWHERE),
        (claim("1.08", test={"below": 1.08}, stand_in="small"), 1.005, ELSEWHERE),
        (claim("<1", stand_in="small"), 1.2, DIFFERS),
    ],
)
def test_comparison_with_the_printed_value(one, value, found):
    assert compare(one, value) == found


@pytest.mark.parametrize(
    ("one", "value", "true"),
    [
        (claim("2.07"), 1.005, True),
        (claim("2.07"), 1.0049, False),  # a tie is not above
        (claim("2.07", test={"within": 0.01}), 1.5, True),  # the direction, not the size
        (claim("0.5"), 0.995, True),
        (claim("0.5"), 0.9951, False),
        (claim("~1"), 1.05, True),
        (claim("~1"), 1.051, False),
        (claim("~1", test={"within": 0.01}), 1.02, False),
        (claim(">1"), 1.005, True),
        (claim(">1"), 1.004, False),
        (claim("<1"), 0.995, True),
        (claim("<1"), 0.996, False),
        (claim("8", test={"below": 1}), 0.9, True),
        (claim("x", test={"above": 3}), 3.0001, True),
        (claim("x", test={"below": 1.08}), 1.079, True),
        (claim("<0", ratio=False), -1e-6, True),
        (claim("2.58", ratio=False), 0.1, True),  # an absolute value has no direction
    ],
)
def test_what_is_true(one, value, true):
    assert is_true(one, value) == true


@pytest.mark.parametrize(
    ("one", "value", "verdict"),
    [
        (claim("2.00"), 1.9, "holds"),  # 5 %
        (claim("2.00"), 1.899, "shrinks"),
        (claim("2.00"), 2.1, "holds"),
        (claim("2.00"), 2.101, "grows"),
        (claim("3"), 2.51, "holds"),  # rounds to it
        (claim("0.2", ratio=False), 0.161, "holds"),
        (claim("~2"), 1.89, "shrinks"),  # `~` rounds to nothing
        (claim("~2"), 1.9, "holds"),
        (claim(">1"), 17.0, "holds"),
        (claim("-10", ratio=False), -10.6, "grows"),
        (claim("-10", ratio=False), -9.4, "shrinks"),
    ],
)
def test_size_of_what_is_true(one, value, verdict):
    assert outcome(one, value, value).verdict == stands(one, value) == verdict


HALF = Choice("ws_load_rows", "sram_width", 0.5)
ALMOST = Choice("noc_link_bits", "64", 1.004)
MORE = Choice("softmax_passes", "1", 3.0)


def test_the_first_rule_that_fits():
    """No verdict, not a result, reverses, depends, then the size."""
    redefined = {"corrected_column": "area"}
    cell = claim("68.64", ratio=False, **redefined)
    assert outcome(cell, 68.64, 3.2, [HALF]).verdict == "no verdict"
    tick = claim("6", ratio=False, reading=True)
    assert outcome(tick, 6.2, 0.1).verdict == "not a result"
    assert outcome(claim("2.07"), 2.07, 1.0, [HALF]).verdict == "reverses"
    assert outcome(claim("2.07"), 2.07, 2.06, [MORE, HALF]).verdict == "depends"
    assert outcome(claim("2.07"), 2.07, 2.06, [MORE]).verdict == "holds"
    assert outcome(claim("2.58", ratio=False), 2.58, 2.6, [HALF]).verdict == "holds"


def test_what_a_verdict_depends_on_comes_strongest_first():
    done = outcome(claim("2.07"), 2.07, 2.06, [ALMOST, MORE, HALF])
    assert list(map(str, done.depends_on)) == ["ws_load_rows=sram_width", "noc_link_bits=64"]
    against = "ws_load_rows=sram_width (0.5) and noc_link_bits=64 (1.004)"
    assert done.change == f"2.06 instead of 2.07; not true with {against}"


def test_a_reversal_says_whether_it_is_new():
    assert outcome(claim(">1"), 0.9923, 0.9922).change == (
        "0.9922, not above 1, already as published"
    )
    assert outcome(claim("2.07"), 2.0664, 0.9).change == "0.9 instead of 2.07"
    assert outcome(claim("1.08", test={"below": 1.08}), 1.009, 1.003).change == "1.003, below 1.08"
    assert outcome(claim("8", ratio=False), 8, 8).change == "8, as printed"


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.90, 1.13, 2), "no verdict"),
        ((1.00, 1.07, 17), "holds"),
        ((1.09, 1.13, 17), "reverses"),
        ((-np.inf, np.inf, 1), "no verdict"),
    ],
)
def test_what_a_sample_cannot_tell_has_no_verdict(interval, verdict):
    """Its interval holds values that make the claim true and values that do not."""
    value = 1.1 if verdict == "reverses" else 1.03
    done = outcome(
        claim("1.08", test={"below": 1.08}, ratio=False), value, value, (), None, interval
    )
    assert done.verdict == verdict
    told = "which cannot be told on"
    assert (told in done.change) == (verdict == "no verdict")


def test_every_verdict_has_a_rule_and_a_verb():
    assert set(RULES) == set(CORRECTIONS) <= set(SAID)
    assert verdicts_in_words({"shrinks": 2, "holds": 1}) == "1 holds and 2 shrink"


def test_both_metrics_are_said_where_one_is_redefined():
    done = outcome(claim("3.11", corrected_column="area"), 3.107, 1.535, (), 3.168)
    assert done.verdict == "shrinks"
    assert done.change == (
        "1.535 instead of 3.11, as work per joule "
        "(3.168 as throughput per joule, which counts speed twice)"
    )
