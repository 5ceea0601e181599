"""What the conclusions rest on: single switches, universes, and plain words."""

import pandas as pd

from mugi.assumptions import REGISTRY
from mugi.report.blocks import (
    Block,
    Cell,
    Code,
    Heading,
    Items,
    Link,
    Number,
    Page,
    Row,
    Table,
    Text,
    Verdict,
    percent,
)
from mugi.report.claims import claim_link, claims_of, moves, named, switch
from mugi.report.figures import drawn_from
from mugi.report.results import Results
from mugi.report.tables import (
    CLAIMS,
    CONCLUSIONS,
    CURVE,
    HARDWARE,
    INDICES,
    SWITCHES,
    UNIVERSES,
    WHERE,
    WORDS_OF_CURVE,
)
from mugi.report.verdict import WORDS

TOLD = 0.01  # what explains or moves less is not shown


def page(results: Results) -> Page:
    """Return the page of what survives."""
    about = (
        "Which conclusions stand when assumptions of the model are set otherwise, one at a time "
        "and all together."
    )
    blocks: list[Block] = [
        *results.missing(CONCLUSIONS, CLAIMS, SWITCHES, CURVE, INDICES, WORDS_OF_CURVE)
    ]
    blocks += in_short(results)
    for sources in ((UNIVERSES, CURVE), (SWITCHES,), (INDICES,)):
        blocks += drawn_from(results, *sources)
    blocks += told(results)
    blocks += universes(results)
    blocks += shares(results)
    blocks += one_switch(results)
    blocks += explained()
    return Page("survives", "What survives", about, blocks)


def in_short(results: Results) -> list[Block]:
    """Return the conclusions by verdict, each linked to what is said of it."""
    conclusions = results.table(CONCLUSIONS)
    if conclusions is None:
        return []
    items = []
    for verdict in WORDS:
        own = conclusions[conclusions["verdict"] == verdict]
        links = [
            part
            for one in own.itertuples()
            for part in ("; ", Link(one.sentence, f"index.html#{one.conclusion}"))
        ]
        if links:
            items.append([Verdict(verdict), f" {len(own)}: ", *links[1:]])
    title = "What becomes of the conclusions"
    return [Heading(title, "conclusions"), Items(items)]


NAMES = (
    "Mugi(256) is Mugi with 256 rows, SA(16) a systolic and SD(16) a SIMD array of 16 × 16, each "
    "also with FIGNA's multipliers (-F); Carat is the design that Mugi builds on, VLP its way to "
    "compute (value level parallelism), PWL a vector unit with piecewise-linear segments. In MHA "
    "every head of attention has keys and values of its own, in GQA groups of heads share them."
)


def explained() -> list[Block]:
    """Return every switch with its values and what it is about."""
    rows = [
        Row(
            [
                *[Code(name), entry.kind, str(entry.published)],
                "" if entry.corrected is None else str(entry.corrected),
                *[", ".join(map(str, entry.others)), entry.reason, entry.source],
            ],
            f"switch-{name}",
            {"kind": [entry.kind]},
        )
        for name, entry in REGISTRY.items()
    ]
    title = "What names and switches mean"
    words = (
        "An error or omission of the published model has a corrected value; a choice is what the "
        "paper does not settle."
    )
    columns = ["switch", "kind", "published", "corrected", "other values", "about", "source"]
    return [
        Heading(title, "meaning"),
        Text(NAMES),
        Text(words),
        Table("meaning", title, columns, rows, ("kind",)),
    ]


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
    numbers = (CURVE, SWITCHES, INDICES, WHERE, HARDWARE)
    links = [part for path in numbers for part in (", ", results.link(path))]
    about = Text(["Its numbers: ", *links[1:], "."])
    return [Heading("The abstract's figures, in words", "abstract"), *blocks, about]


def universes(results: Results) -> list[Block]:
    """Return how the abstract's claims fare in draws of all assumptions."""
    curve, claims = results.table(CURVE), claims_of(results)
    if curve is None:
        return []
    names = {} if claims is None else named(claims)
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
        "(a specification curve: Simonsohn, Simmons, Nelson 2020), values known as errors among "
        "them. The share of universes in which a ratio is above 1 says how much of the statement "
        "is in the design rather than in the assumptions; the share near the printed value, how "
        "much of the number is. Of ABS-2 and ABS-4, two metrics mix: throughput per joule, and the "
        "corrected work per joule."
    )
    return [
        Heading(title, "universes"),
        Text([words, " All digits: ", results.link(CURVE)]),
        Table("universes", title, [*columns, "most"], rows),
    ]


def shares(results: Results) -> list[Block]:
    """Return which assumptions explain the spread over universes."""
    indices = results.table(INDICES)
    if indices is None:
        return []
    rows = [
        Row(
            [claim_link(one.claim), switches_of(one.assumption)]
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
    text = Text([words, " All of them: ", results.link(INDICES)])
    return [Heading("What the spread rests on", "indices"), text, table]


def one_switch(results: Results) -> list[Block]:
    """Return a matrix of claims and the switches that move them, on top of all corrected."""
    moved, claims = moves(results), claims_of(results)
    if not moved:
        return []
    table = pd.concat(moved.values())
    table = table.assign(ratio=table["computed"] / table["base_value"])
    table["far"] = (table["ratio"].clip(lower=1e-9)).map(lambda ratio: max(ratio, 1 / ratio))
    widest = table.loc[table.groupby(["claim", "assumption"], sort=False)["far"].idxmax()]
    shown = widest[widest["far"] >= 1 + TOLD]
    names = {} if claims is None else named(claims)
    rows = [
        Row(
            [
                *[claim_link(one.claim), names.get(one.claim, "")],
                switch(one.assumption, one.value),
                *[Number(one.base_value), Number(one.computed), Number(one.ratio, 3)],
            ],
            tags={"claim": [one.claim], "assumption": [one.assumption]},
        )
        for one in shown.itertuples()
    ]
    words = [
        "On top of all corrected assumptions: the value of each switch that moves a claim most, if "
        f"by 1 % or more ({len(shown):,} of {len(widest):,}). All values, also on top of the "
        "published ones: ",
        results.link(SWITCHES),
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


def switches_of(names: str) -> Cell:
    """Return links to a switch, or to the two of a pair."""
    first, _, second = names.partition(" * ")
    return [switch(first), " * ", switch(second)] if second else switch(first)
