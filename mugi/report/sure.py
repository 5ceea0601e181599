"""How sure the headline ratios are when unit costs are not known exactly."""

from mugi.report.blocks import Block, Heading, Items, Link, Number, Page, Row, Table, Text, percent
from mugi.report.figures import drawn_from
from mugi.report.gates import measured_spread
from mugi.report.results import Results
from mugi.report.tables import SURE, UNITS, VARIANCE

SURE_ENOUGH = 0.975
IN_GATES = Link("In gates", "gates.html#areas")
TOLD = 3  # sources of a lead that are named


def page(results: Results) -> Page:
    """Return the page of intervals."""
    about = (
        "95 % intervals of the headline ratios for unsure unit costs, SRAM fits, grids and fabs, "
        "and how likely Mugi is ahead of each rival."
    )
    blocks: list[Block] = [*results.missing(SURE, VARIANCE)]
    blocks.append(Text(GIVEN))
    units = results.table(UNITS)
    blocks += [] if units is None else [Text([measured_spread(units), " ", IN_GATES])]
    blocks += ratios(results)
    blocks += sources(results)
    blocks += drawn_from(results, SURE, VARIANCE)
    return Page("sure", "How sure", about, blocks)


GIVEN = (
    "Given every choice of the corrected model: what is unsure here are unit costs alone, so that "
    "a probability of 100 % says nothing about assumptions. What those do is on the page What "
    "survives."
)


def ratios(results: Results) -> list[Block]:
    """Return the ratios with their intervals."""
    sure = results.table(SURE)
    if sure is None:
        return []
    rows = [
        Row(
            [
                *[one.metric, one.design, one.rival, one.model],
                *[Number(one.value), *ends(one)],
                *[percent(one.probability), percent(one.probability_behind)],
            ],
            tags={"metric": [one.metric], "rival": [one.rival], "model": [one.model]},
        )
        for one in sure.itertuples()
    ]
    ahead = int((sure["probability"] >= SURE_ENOUGH).sum())
    behind = int((sure["probability_behind"] >= SURE_ENOUGH).sum())
    words = (
        f"Of {len(sure)} comparisons (a metric, a rival and a model each) Mugi is ahead with a "
        f"probability of at least 97.5 % in {ahead}, behind with as much in {behind}, and "
        f"{len(sure) - ahead - behind} are level within half a per cent, or cannot be told with "
        "unit costs known as well as assumed here. A ratio without an interval does not depend on "
        "unit costs, such as all of times."
    )
    columns = ["metric", "design", "over", "model", "ratio", "low", "high"]
    columns += ["ahead [%]", "behind [%]"]
    title = "Ratios and their 95 % intervals"
    by_metric = [
        f"{metric}: ahead in {(own['probability'] >= SURE_ENOUGH).sum()}, behind in "
        f"{(own['probability_behind'] >= SURE_ENOUGH).sum()} of {len(own)}"
        for metric, own in sure.groupby("metric", sort=False)
        if len(own) > 1
    ]
    return [
        Text(words),
        Items(by_metric),
        Heading(title, "ratios"),
        Table("ratios", title, columns, rows, ("metric", "rival", "model")),
    ]


def ends(one) -> list[Number | str]:
    """Return the ends of an interval, or nothing where costs move nothing."""
    return ["", ""] if one.low == one.high else [Number(one.low), Number(one.high)]


def sources(results: Results) -> list[Block]:
    """Return what the variance of each lead comes from."""
    variance = results.table(VARIANCE)
    if variance is None:
        return []
    items = []
    for (metric, rival), own in variance.groupby(["metric", "rival"], sort=False):
        top = own.sort_values("share", ascending=False, kind="stable").head(TOLD)
        said = ", ".join(f"{one.source} {100 * one.share:.0f} %" for one in top.itertuples())
        items.append(f"{metric} over {rival}: {said}")
    rows = [
        Row(
            [one.metric, one.rival, one.source, percent(one.share), percent(one.total)],
            tags={"metric": [one.metric], "rival": [one.rival]},
        )
        for one in variance.itertuples()
    ]
    title = "What the intervals come from"
    columns = ["metric", "over", "source", "alone [%]", "with interactions [%]"]
    return [
        Heading(title, "variance"),
        Text("Shares of the variance of each lead (Sobol's indices); the largest three:"),
        Items(items),
        Table("variance", title, columns, rows, ("metric", "rival")),
    ]
