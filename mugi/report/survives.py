"""What the conclusions rest on: single switches, universes, and plain words."""

import pandas as pd

from mugi.report.blocks import (
    Block,
    Code,
    Heading,
    Items,
    Link,
    Number,
    Page,
    Row,
    Table,
    Text,
    percent,
)
from mugi.report.claims import arrows, carriers, claim_link, claims_of, moves
from mugi.report.figures import drawn_from
from mugi.report.results import Results
from mugi.report.tables import (
    CLAIMS,
    CONCLUSIONS,
    CURVE,
    INDICES,
    SWITCHES,
    UNIVERSES,
    WORDS_OF_CURVE,
)
from mugi.report.verdict import WORDS

TOLD = 0.01  # of the spread: what explains less is not shown


def page(results: Results) -> Page:
    """Return the page of what survives."""
    about = (
        "Which conclusions stand when assumptions of the model are set otherwise, one at a time "
        "and all together."
    )
    blocks: list[Block] = [
        *results.missing(CONCLUSIONS, CLAIMS, SWITCHES, CURVE, INDICES, WORDS_OF_CURVE)
    ]
    blocks += in_words(results)
    blocks += told(results)
    blocks += universes(results)
    blocks += drawn_from(results, UNIVERSES, CURVE)
    blocks += shares(results)
    blocks += drawn_from(results, INDICES)
    blocks += one_switch(results)
    blocks += drawn_from(results, SWITCHES)
    return Page("survives", "What survives", about, blocks)


def in_words(results: Results) -> list[Block]:
    """Return the conclusions by verdict, in a sentence each."""
    conclusions = results.table(CONCLUSIONS)
    if conclusions is None:
        return []
    blocks: list[Block] = []
    for verdict in WORDS:
        own = conclusions[conclusions["verdict"] == verdict]
        if len(own):
            blocks.append(Heading(f"{verdict[0].upper()}{verdict[1:]} ({len(own)})", level=2))
            items = [
                [f"{one.sentence}: {lowered(arrows(one.in_words))} ", *carriers(one)]
                for one in own.itertuples()
            ]
            blocks.append(Items(items))
    return blocks


def lowered(text: str) -> str:
    """Return text that goes on in a sentence."""
    return text[:1].lower() + text[1:]


def told(results: Results) -> list[Block]:
    """Return what `mugi judge survives` wrote: its headings and lists; its table stands below."""
    if not results.has(WORDS_OF_CURVE):
        return []
    blocks: list[Block] = []
    for line in (results.folder / WORDS_OF_CURVE).read_text("utf-8").splitlines():
        if line.startswith("## "):
            blocks.append(Heading(line[3:], level=3))
        elif line.startswith("* ") and blocks and isinstance(blocks[-1], Items):
            blocks[-1] = Items([*blocks[-1].items, line[2:]])
        elif line.startswith("* "):
            blocks.append(Items([line[2:]]))
    return [Heading("The abstract's figures, in words", "abstract"), *blocks]


def universes(results: Results) -> list[Block]:
    """Return how the abstract's claims fare in draws of all assumptions."""
    curve, claims = results.table(CURVE), claims_of(results)
    if curve is None:
        return []
    names = {} if claims is None else claims.set_index("id")["statement"].to_dict()
    rows = []
    for one in curve.itertuples():
        cells = [claim_link(one.claim), names.get(one.claim, ""), Number(one.printed)]
        cells += [Number(one.as_published), Number(one.corrected)]
        cells += [percent(one.share_above_1), percent(one.share_within_5_percent)]
        cells += [percent(one.share_below_as_published)]
        cells += [Number(value, 3) for value in (one.least, one.p05, one.median, one.p95, one.most)]
        rows.append(Row(cells))
    columns = ["claim", "statement", "printed", "as published", "corrected", "above 1 [%]"]
    columns += [
        "within 5 % of printed [%]",
        "below as published [%]",
        "least",
        "5 %",
        "median",
        "95 %",
    ]
    count = int(curve["universes"].iloc[0])
    title = f"The abstract in {count:,} universes"
    words = (
        "A universe is a draw of every assumption, each of its named values as likely as any other "
        "(a specification curve: Simonsohn, Simmons, Nelson 2020). The share of universes in which "
        "a ratio is above 1 says how much of the statement is in the design rather than in the "
        "assumptions; the share near the printed value, how much of the number is."
    )
    return [
        Heading(title, "universes"),
        Text(words),
        Table("universes", title, [*columns, "most"], rows),
    ]


def shares(results: Results) -> list[Block]:
    """Return which assumptions explain the spread over universes."""
    indices = results.table(INDICES)
    if indices is None:
        return []
    rows = [
        Row(
            [claim_link(one.claim), Code(one.assumption)]
            + [Number(value, 3) for value in (one.first_order, one.low, one.high)],
            tags={"claim": [one.claim]},
        )
        for one in indices[indices["first_order"].abs() > TOLD].itertuples()
    ]
    words = (
        "Share of the variance (of the logarithm, over universes) that an assumption explains "
        "alone; a pair with * is what the two explain jointly beyond that."
    )
    columns = ["claim", "assumption", "share", "low", "high"]
    table = Table("indices", "Shares of the spread above 1 %", columns, rows, ("claim",))
    return [Heading("What the spread rests on", "indices"), Text(words), table]


def one_switch(results: Results) -> list[Block]:
    """Return a matrix of claims and the switches that move them, on top of all corrected."""
    moved, claims = moves(results), claims_of(results)
    if not moved:
        return []
    table = pd.concat(moved.values())
    table = table.assign(ratio=table["computed"] / table["base_value"])
    table["far"] = (table["ratio"].clip(lower=1e-9)).map(lambda ratio: max(ratio, 1 / ratio))
    widest = table.loc[table.groupby(["claim", "assumption"], sort=False)["far"].idxmax()]
    names = {} if claims is None else claims.set_index("id")["statement"].to_dict()
    rows = [
        Row(
            [
                *[claim_link(one.claim), names.get(one.claim, "")],
                Code(f"{one.assumption}={one.value}"),
                *[Number(one.base_value), Number(one.computed), Number(one.ratio, 3)],
            ],
            tags={"claim": [one.claim], "assumption": [one.assumption]},
        )
        for one in widest.itertuples()
    ]
    words = [
        "On top of all corrected assumptions: the value of each switch that moves a claim most. "
        "All values, also on top of the published ones: ",
        results.link(SWITCHES),
        ". What the switches mean: ",
        Link("docs/reference/assumptions.md", "yourself.html#documentation"),
        ".",
    ]
    columns = ["claim", "statement", "switch", "corrected", "then", "ratio"]
    filters = ("claim", "assumption")
    title = "One switch at a time"
    return [
        Heading(title, "switches"),
        Text(words),
        Table("switches", title, columns, rows, filters),
    ]
