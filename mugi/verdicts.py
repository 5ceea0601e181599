"""What becomes of a claim: its comparison with the printed value, and its verdict under correction.

Rules for all claims alike; a ledger states facts of a claim, never its verdict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mugi.claim import DIFFERS, ELSEWHERE, EQUAL, QUALITATIVE, WITHIN, Claim

NO_VERDICT = "no verdict"
NOT_A_RESULT = "not a result"
REVERSES = "reverses"
DEPENDS = "depends"
HOLDS = "holds"
SHRINKS = "shrinks"
GROWS = "grows"
NOT_RUN = "not in this run"  # tables or rows that a claim needs are not there
ERROR = "error"  # the claim cannot be judged as it is written
# from no objection to the strongest
OBJECTIONS = [HOLDS, GROWS, SHRINKS, DEPENDS, REVERSES]
CORRECTIONS = [*OBJECTIONS, NO_VERDICT, NOT_A_RESULT]
# the rules in words, for docs and report alike
RULES = {
    NO_VERDICT: "not reproducible here, or an absolute value whose unit the correction redefines, "
    "or measured on so few documents that its 95 % interval holds values that make it true and "
    "values that do not",
    NOT_A_RESULT: "a reading of a drawing, such as a tick of an axis",
    REVERSES: "corrected, the statement is not true (already as published: it never was)",
    DEPENDS: "true, but one value of one choice that the paper leaves open, on top of all "
    "corrections, makes it untrue",
    HOLDS: "an inequality that is true, a ~ within 5 %, or a number that rounds to the printed one "
    "or is within 5 % of it",
    SHRINKS: "true in its direction, and smaller than that",
    GROWS: "true in its direction, and larger than that",
}
MEANING = (
    "Corrected means with every error and omission of the published model set right; choices stay "
    "as the paper has them. True is the direction, not the size: a ratio is above 1 (1.005 or "
    "more: nearer is a tie, which is not above) where the printed one is. Absolute values have no "
    "direction. By one choice: the least and the greatest value that a single choice, or another "
    "way to correct a single error, leads to, where that moves it by 5 % or more. A conclusion "
    "stands as the weakest of its claims does: reverses before depends, shrinks, grows and holds; "
    "a claim without a verdict does not count."
)
# the same as verbs, of one and of several
SAID = {
    HOLDS: ("holds", "hold"),
    GROWS: ("grows", "grow"),
    SHRINKS: ("shrinks", "shrink"),
    DEPENDS: ("depends on a choice", "depend on a choice"),
    REVERSES: ("reverses", "reverse"),
    NOT_A_RESULT: ("is not a result", "are not results"),
    NO_VERDICT: ("has no verdict", "have no verdict"),
    NOT_RUN: ("is not in this run", "are not in this run"),
    ERROR: ("is wrong as it is written", "are wrong as they are written"),
}
ABOVE_A_TIE, BELOW_A_TIE = 1.005, 0.995  # nearer to 1 is a tie, which is neither above nor below
NEAR = 0.05  # relative to the printed value
ALREADY = "already as published"
# efficiencies as published, and as the assumption energy_efficiency corrects them
METRICS = ("as throughput per joule, which counts speed twice", "as work per joule")


@dataclass(frozen=True)
class Choice:
    """A claim's value with one assumption of kind choice set otherwise, all else corrected."""

    assumption: str
    value: str
    computed: float

    def __str__(self) -> str:
        return f"{self.assumption}={self.value}"


@dataclass(frozen=True)
class Outcome:
    """A verdict, what of the choices it depends on, and the corrected value, in words."""

    verdict: str
    depends_on: Sequence[Choice] = ()
    change: str = ""


def compare(claim: Claim, value: float) -> str:
    """Return how a value as published compares with what is printed."""
    if not agrees(claim, value):
        return DIFFERS
    if claim.stand_in:
        return ELSEWHERE
    if claim.limit or claim.is_about:
        return QUALITATIVE
    return EQUAL if rounds(claim, value) else WITHIN


def agrees(claim: Claim, value: float) -> bool:
    """Return whether a value is what the paper printed, by the claim's test.

    Without a test it must round to what was printed, with as many decimals; `~` is within 5 %.
    """
    if claim.limit:
        side, limit = claim.limit
        return value > limit if side == "above" else value < limit
    within = claim.test.within if claim.test else NEAR if claim.is_about else None
    return rounds(claim, value) if within is None else _is_near(claim, value, within)


def rounds(claim: Claim, value: float) -> bool:
    """Return whether a value rounds to the printed number."""
    decimals = len(claim.printed.partition(".")[2])
    printed = claim.printed_number
    return abs(value - printed) <= 0.5 * 10**-decimals + 1e-9 * abs(printed)


def _is_near(claim: Claim, value: float, within: float) -> bool:
    """Return whether a value is within a relative distance of the printed number, or at its end."""
    return abs(value - claim.printed_number) <= (within + 1e-12) * abs(claim.printed_number)


def is_true(claim: Claim, value: float) -> bool:
    """Return whether a claim is true in its direction, whatever its size.

    An inequality says its direction; a ratio is above 1 where the printed one is, below where that
    is, and about 1, by the claim's test or within 5 %, where it is 1. An absolute value has none.
    """
    if claim.limit:
        side, limit = claim.limit
        if limit == 1:
            return value >= ABOVE_A_TIE if side == "above" else value <= BELOW_A_TIE
        return value > limit if side == "above" else value < limit
    if not claim.over:
        return True
    if claim.printed_number == 1:
        return _is_near(claim, value, claim.test.within if claim.test else NEAR)
    return value >= ABOVE_A_TIE if claim.printed_number > 1 else value <= BELOW_A_TIE


def stands(claim: Claim, value: float) -> str:
    """Return whether a true claim holds at its size, shrinks or grows."""
    if claim.limit or _is_near(claim, value, NEAR):
        return HOLDS
    if not claim.is_about and rounds(claim, value):
        return HOLDS
    return SHRINKS if abs(value) < abs(claim.printed_number) else GROWS


def outcome(
    claim: Claim,
    published: float,
    corrected: float,
    choices: Sequence[Choice] = (),
    by_published_metric: float | None = None,
    interval: tuple[float, float, int] | None = None,
) -> Outcome:
    """Return the verdict under correction: the first rule that fits.

    published, corrected: the claim's values under the two presets (the same where no assumption
    touches them); choices: its values under each other value of a choice on top of all corrected;
    by_published_metric: the corrected value by the metric that the correction redefines;
    interval: low and high end of what was measured, and on how many documents.
    """
    if claim.is_judged and claim.corrected_column and not claim.over:
        return Outcome(NO_VERDICT, change="the correction redefines the unit")
    if claim.reading:
        return Outcome(NOT_A_RESULT)
    if interval and is_true(claim, interval[0]) != is_true(claim, interval[1]):
        low, high, documents = interval
        told = f"{short(corrected)}, which cannot be told on one document"
        if documents > 1:
            told = f"{short(corrected)} [{short(low)}, {short(high)}]"
            told += f", which cannot be told on {documents} documents"
        return Outcome(NO_VERDICT, change=told)
    change = _beside(claim, corrected)
    if by_published_metric is not None:
        change += f", {METRICS[1]} ({short(by_published_metric)} {METRICS[0]})"
    if not is_true(claim, corrected):
        already = "" if is_true(claim, published) else f", {ALREADY}"
        return Outcome(REVERSES, change=change + already)
    against = [choice for choice in choices if not is_true(claim, choice.computed)]
    against.sort(key=lambda choice: abs(choice.computed - corrected), reverse=True)
    if against:
        told = in_a_row([f"{choice} ({short(choice.computed)})" for choice in against])
        return Outcome(DEPENDS, against, f"{change}; not true with {told}")
    return Outcome(stands(claim, corrected), change=change)


def _beside(claim: Claim, value: float) -> str:
    """Return a value and how it lies beside what is printed, in words."""
    if claim.limit:
        side, limit = claim.limit
        return f"{short(value)}, {'' if is_true(claim, value) else 'not '}{side} {limit:g}"
    if value == claim.printed_number and not claim.is_about:
        return f"{short(value)}, as printed"
    return f"{short(value)} instead of {claim.printed}"


def verdicts_in_words(verdicts: Mapping[str, int]) -> str:
    """Return how many of something have which verdict: `2 hold and 1 reverses`."""
    found = {name: verdicts[name] for name in SAID if name in verdicts}
    return in_a_row(
        [f"{n} {SAID[name][0] if n == 1 else SAID[name][1]}" for name, n in found.items()]
    )


def in_a_row(words: Sequence[str]) -> str:
    """Return words with commas, the last with `and`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def short(number: float) -> str:
    """Return a number of four digits, or all before the point."""
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"
