"""The first page: the conclusions, how they fare, and three sentences to repeat."""

import pandas as pd

from mugi.errors import raise_all, unknown
from mugi.report import chart
from mugi.report.blocks import (
    Block,
    Heading,
    Items,
    Number,
    Page,
    Picture,
    Quote,
    Row,
    Table,
    Verdict,
)
from mugi.report.claims import arrows, carriers, claim_link, claims_of
from mugi.report.results import Results
from mugi.report.tables import CLAIMS, CONCLUSIONS, CURVE
from mugi.verdicts import (
    DEPENDS,
    ERROR,
    GROWS,
    HOLDS,
    NO_VERDICT,
    NOT_A_RESULT,
    NOT_RUN,
    REVERSES,
    SHRINKS,
)

# every verdict under correction, and what it says
WORDS = {
    HOLDS: "is as printed when the errors of the published model are set right",
    GROWS: "is true, and more than printed",
    SHRINKS: "is true in its direction, and less than printed",
    DEPENDS: "is true or not by one choice that the paper does not state",
    REVERSES: "is not true when the errors are set right",
    NOT_A_RESULT: "is read off a drawing",
    NO_VERDICT: "cannot be judged here",
    NOT_RUN: "needs tables or runs that are not there",
    ERROR: "is wrong as it is written in a ledger",
}

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


def page(results: Results) -> Page:
    """Return the page of conclusions."""
    about = "Which conclusions of the paper would you repeat? The answers, from the tables alone."
    blocks: list[Block] = [*results.missing(CONCLUSIONS, CLAIMS, CURVE)]
    conclusions = results.table(CONCLUSIONS)
    if sentences := quotes(results):
        blocks += [Heading("To repeat"), *sentences]
    if conclusions is not None:
        counts = counted(conclusions)
        blocks += [
            Heading("Conclusions by section"),
            Picture(chart.NAME, chart.described(counts)),
            Items([[Verdict(name), f" {WORDS[name]}"] for name in counts]),
            Heading("All conclusions"),
            listed(conclusions),
        ]
    claims = claims_of(results)
    if claims is not None:
        blocks += [Heading("The claims behind them"), crossed(claims)]
    return Page("index", "Verdict", about, blocks)


def counted(conclusions: pd.DataFrame) -> pd.DataFrame:
    """Return how many conclusions of each section (rows) have each verdict (columns)."""
    counts = pd.crosstab(conclusions["section"], conclusions["verdict"])
    sections = list(dict.fromkeys(conclusions["section"]))
    return counts.loc[sections, known(counts)]


def known(counts: pd.DataFrame) -> list[str]:
    """Return the verdicts among columns, in order; raises InputError for one that is none."""
    raise_all([unknown("verdict", name, WORDS) for name in counts if name not in WORDS])
    return [name for name in WORDS if name in counts]


def listed(conclusions: pd.DataFrame) -> Table:
    """Return all conclusions, a row each."""
    rows = [
        Row(
            [
                one.section,
                one.sentence,
                Verdict(one.verdict),
                arrows(one.in_words),
                carriers(one),
            ],
            one.conclusion,
            {"verdict": [one.verdict], "section": [one.section]},
        )
        for one in conclusions.itertuples()
    ]
    columns = ["section", "the paper says", "verdict", "in words", "claims"]
    return Table("conclusions", "Conclusions", columns, rows, ("verdict", "section"))


def crossed(claims: pd.DataFrame) -> Table:
    """Return how many claims compare how, by what happens under correction."""
    counts = pd.crosstab(claims["comparison"], claims["correction"])
    names = known(counts)
    rows = [Row([how, *map(Number, row[names])]) for how, row in counts.iterrows()]
    title = "Claims by how they compare with print (rows) and by verdict (columns)"
    return Table("crossed", title, ["compared", *names], rows)


def quotes(results: Results) -> list[Block]:
    """Return up to three sentences, each with links to its numbers."""
    sentences = [of_conclusions(results), of_abstract(results), of_universes(results)]
    return [sentence for sentence in sentences if sentence]


def of_conclusions(results: Results) -> Quote | None:
    """Return how many conclusions have which verdict."""
    conclusions = results.table(CONCLUSIONS)
    if conclusions is None:
        return None
    counts = conclusions["verdict"].value_counts()
    said = [f"{counts[name]} {verb(name, counts[name])}" for name in WORDS if name in counts]
    return Quote(
        f"Of {len(conclusions)} conclusions of the paper, once the errors of its published model "
        f"are set right, {in_a_row(said)}.",
        ["from ", results.link(CONCLUSIONS)],
    )


def verb(verdict: str, count: int) -> str:
    """Return what conclusions do, as a verb for their number."""
    singular, plural = SAID[verdict]
    return singular if count == 1 else plural


def in_a_row(words: list[str]) -> str:
    """Return words with commas, the last with `and`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def of_abstract(results: Results) -> Quote | None:
    """Return which number of the abstract correction moves least, and which most."""
    claims = claims_of(results)
    if claims is None:
        return None
    abstract = claims[(claims["location"] == "Abstract") & claims["corrected"].notna()]
    printed = pd.to_numeric(abstract["printed"].astype(str).str.strip("~<>"), errors="coerce")
    moved = (abstract["corrected"] / printed).dropna()
    if len(moved) < 2:
        return None
    distance = moved.map(lambda ratio: max(ratio, 1 / ratio))
    least, most = (abstract.loc[index] for index in (distance.idxmin(), distance.idxmax()))
    text = (
        f"Of the abstract's numbers, the {named(least)} moves least when the errors of the "
        f"published model are set right ({both(least)}), and the {named(most)} most ({both(most)})."
    )
    return Quote(text, ["claims ", claim_link(least["id"]), " and ", claim_link(most["id"])])


def named(claim: pd.Series) -> str:
    """Return what a claim is about, within a sentence."""
    text = claim["statement"]
    text = text if text[:2].isupper() else text[:1].lower() + text[1:]
    text += f" of {claim['design']}" if claim["design"] else ""
    return text + (f" over {claim['baseline']}" if claim["baseline"] else "")


def both(claim: pd.Series) -> str:
    """Return a claim's printed and corrected value."""
    return f"printed {claim['printed']}, corrected {Number(claim['corrected'], 3).text}"


def of_universes(results: Results) -> Quote | None:
    """Return which number of the abstract is above 1 most often, and which least."""
    curve, claims = results.table(CURVE), claims_of(results)
    if curve is None or claims is None:
        return None
    claims = claims.set_index("id")
    curve = curve[curve["claim"].isin(claims.index)]
    if len(curve) < 2:
        return None
    least, most = (
        curve.loc[index]
        for index in (curve["share_above_1"].idxmin(), curve["share_above_1"].idxmax())
    )

    def told(row: pd.Series) -> str:
        above, near = (100 * row[f"share_{which}"] for which in ("above_1", "within_5_percent"))
        return (
            f"the {named(claims.loc[row['claim']])} is above 1 in {above:.0f} % of them "
            f"(and within 5 % of the printed number in {near:.0f} %)"
        )

    text = (
        f"In {int(most['universes']):,} universes, in which every assumption has one of its values "
        f"at random, {told(most)}, and {told(least)}."
    )
    links = [claim_link(most["claim"]), " and ", claim_link(least["claim"])]
    return Quote(text, ["claims ", *links, ", shares from ", results.link(CURVE)])
