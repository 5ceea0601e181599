"""Where the paper's conclusions hold: over batch, sequence length, array size and models."""

import pandas as pd

from mugi.report.blocks import (
    Block,
    Code,
    Heading,
    Items,
    Number,
    Page,
    Row,
    Table,
    Text,
    percent,
)
from mugi.report.figures import drawn_from
from mugi.report.results import Results
from mugi.report.tables import BREAK_EVEN, WHERE

FIRST = ["throughput", "tokens_per_joule"]  # metrics that are told of before the table
# kinds of rivals and metrics in words (mugi/judge/where.py)
MEANINGS = {
    "equal_area": "of each design the largest that takes no more area than Mugi, the best of them",
    "equal_peak": "of each design the size with as many multiply-accumulates a cycle as Mugi, the "
    "best of them",
    "systolic_equal_peak": "of these the systolic array, the paper's comparison",
    "tensor_core": "the paper's tensor core, whatever the size of Mugi",
    "tokens_per_joule": "energy of the chip alone",
    "tokens_per_joule_with_dram_traffic": "with the energy of reading and writing DRAM",
    "tokens_per_joule_with_dram": "with DRAM's background power too",
    "throughput_per_area": "tokens a second and mm²",
    "tokens_per_carbon": "tokens a kilogram of CO₂e, of use and of making the chip",
}


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
        "Mugi leads where it is ahead by half a per cent or more. A point is a batch size, a "
        "sequence length and an array height; each is compared with the best rival of its kind."
    )
    first = where["model"].iloc[0]
    told = [
        f"{first}, {metric}: {by_rival(own, leads)}"
        for metric, own in where[where["model"] == first].groupby("metric", sort=False)
        if metric in FIRST
    ]
    columns = ["model", "against", "metric", "leads in [%]", "at the paper's point"]
    title = "Where Mugi leads"
    table = Table("where", title, [*columns, "most", "least"], rows, tuple(by))
    return [
        Heading(title, "regions"),
        Text([words, " All points: ", results.link(WHERE)]),
        Items(told),
        Text("Against which rival, and by what:"),
        Items([[Code(name), f": {meaning}."] for name, meaning in MEANINGS.items()]),
        table,
    ]


def by_rival(own: pd.DataFrame, leads: pd.Series) -> str:
    """Return in how many points Mugi leads each kind of rival."""
    told = [
        f"{percent(leads[rows.index].mean()).text} % against {kind}"
        for kind, rows in own.groupby("rival_kind", sort=False)
    ]
    return f"it leads in {', '.join(told)}"


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
