"""Where the paper's conclusions hold: over batch, sequence length, array size and models."""

import pandas as pd

from mugi.report.blocks import Block, Heading, Number, Page, Row, Table, Text, percent
from mugi.report.figures import drawn_from
from mugi.report.results import Results
from mugi.report.tables import BREAK_EVEN, WHERE


def page(results: Results) -> Page:
    """Return the page of maps."""
    about = (
        "Where Mugi leads the best rival of equal area and of equal peak throughput, and when "
        "carbon of use outweighs that of making the chip."
    )
    blocks: list[Block] = [*results.missing(WHERE, BREAK_EVEN)]
    blocks += regions(results)
    blocks += break_even(results)
    blocks += drawn_from(results, WHERE, BREAK_EVEN)
    return Page("where", "Where it holds", about, blocks)


def regions(results: Results) -> list[Block]:
    """Return by model, rival and metric where Mugi leads."""
    where = results.table(WHERE)
    if where is None:
        return []
    rows = []
    by = ["model", "rival_kind", "metric"]
    leads = where["holds"].astype(str) == "True"
    at_paper = where["is_paper_point"].astype(str) == "True"
    for keys, own in where.groupby(by, sort=False):
        paper = own.loc[at_paper[own.index], "ratio"]
        best, worst = own.loc[own["ratio"].idxmax()], own.loc[own["ratio"].idxmin()]
        cells = [*keys, percent(leads[own.index].mean())]
        cells.append(Number(paper.iloc[0], 3) if len(paper) else "")
        for end in (best, worst):
            cells += [[Number(end["ratio"], 3), f" at {placed(end)}"]]
        rows.append(Row(cells, tags=dict(zip(by, ([key] for key in keys), strict=True))))
    words = (
        f"In {100 * leads.mean():.0f} % of {len(where):,} points Mugi is ahead by more than half a "
        "per cent. A point is a batch size, a sequence length and an array height; each is "
        "compared with the best rival of its kind."
    )
    columns = ["model", "against", "metric", "leads in [%]", "at the paper's point"]
    title = "Where Mugi leads"
    table = Table("where", title, [*columns, "most", "least"], rows, tuple(by))
    return [Heading(title, "regions"), Text([words, " All points: ", results.link(WHERE)]), table]


def placed(point: pd.Series) -> str:
    """Return a point in words."""
    return (
        f"batch {point['batch_size']}, {point['seq_len']:,} tokens, height {point['array_height']}"
    )


def break_even(results: Results) -> list[Block]:
    """Return when operational carbon reaches the embodied one."""
    table = results.table(BREAK_EVEN)
    if table is None:
        return []
    keys = ["design", "variant", "array_height", "energy_scope", "cpa", "break_even_g_per_kwh"]
    grids = list(dict.fromkeys(table["grid"]))
    years = table.set_index([*keys, "grid"])["break_even_years"].unstack("grid", sort=False)
    rows = [
        Row(
            [
                " ".join(map(str, filter(None, key[:3]))),
                *key[3:5],
                *[Number(number, 3) for number in (key[5], *row[grids])],
            ],
            tags={"design": [key[0]], "scope": [key[3]], "fab": [key[4]]},
        )
        for key, row in years.iterrows()
    ]
    words = (
        "Years of use, by the grid that the chip is used on, after which its use has emitted what "
        "its making did. On a grid cleaner than the fourth column that is not within its life."
    )
    columns = ["chip", "power counts", "fab", "grid at end of life [g/kWh]", *grids]
    title = "Break-even of carbon, in years"
    return [
        Heading(title, "break-even"),
        Text([words, " All columns: ", results.link(BREAK_EVEN)]),
        Table("breakeven", title, columns, rows, ("design", "scope", "fab")),
    ]
