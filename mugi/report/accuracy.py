"""What the approximations do to real models: what they cost beside INT4, and perplexities."""

import pandas as pd

from mugi.report.blocks import Block, Cell, Code, Heading, Number, Page, Row, Table, Text
from mugi.report.figures import drawn_from
from mugi.report.results import Results
from mugi.report.tables import ACCURACY, METHODS, STAND

PERPLEXITY = "token_perplexity"
ENOUGH = 3  # documents: of two the interval of a perplexity reaches below 1, which none is


def page(results: Results) -> Page:
    """Return the page of accuracy."""
    about = "What VLP, its rivals and INT4 do to the predictions of real models."
    blocks: list[Block] = [*results.missing(STAND, ACCURACY), Text(LEGEND)]
    blocks += costs(results)
    blocks += perplexities(results)
    blocks += drawn_from(results, STAND, "accuracy/")
    return Page("accuracy", "Accuracy", about, blocks)


LEGEND = (
    "Measured on models whose weights come inside installed packages. The paper's own models are "
    "gated or need a network: their accuracy is shown as published and has no verdict here. "
    "A cost is told from 0 if its 95 % interval, paired by sequence, leaves out 0; for one as "
    "small as that of VLP to log-loss another processor or text may turn that round. KL divergence "
    "is never below 0: its interval says how large it is. No number carries over to Llama 2, whose "
    "weights, windows and texts are others; what carries over is which costs are larger, where "
    "that is so on every model and their intervals lie far apart."
)


def costs(results: Results) -> list[Block]:
    """Return what each approximation costs, against its references."""
    stand = results.table(STAND)
    if stand is None:
        return []
    rows = []
    for one in stand.to_dict("records"):
        cells = [Code(one["approximation"]), one["reference"], one["metric"]]
        cells += [interval(one["value"], one["low"], one["high"]), one["what_it_says"]]
        cells += [one["model"], one["corpus"], Number(one["sequences"])]
        tags = {"model": [one["model"]], "metric": [one["metric"]], "text": [one["corpus"]]}
        rows.append(Row(cells, tags=tags | {"told": [one["what_it_says"]]}))
    columns = ["changed", "against", "cost", "value", "it is", "model", "text or data"]
    title = "What approximations cost, beside what INT4 costs"
    filters = ("model", "metric", "text", "told")
    return [
        Heading(title, "costs"),
        Text(["All digits: ", results.link(STAND)]),
        Table("costs", title, [*columns, "sequences"], rows, filters),
    ]


def perplexities(results: Results) -> list[Block]:
    """Return the perplexity of every model and approximation on every text."""
    accuracy = results.table(ACCURACY)
    if accuracy is None:
        return []
    shown = accuracy[accuracy["metric"] == PERPLEXITY]
    rows = [
        Row(
            [
                *[one["model"], one["task"], *(Code(one[method]) for method in METHODS)],
                interval(one["value"], *ends(one)),
            ],
            tags={"model": [one["model"]], "text": [one["task"]]},
        )
        for one in shown.to_dict("records")
    ]
    title = "Token perplexity"
    columns = ["model", "text", "softmax", "activation", "weights", "KV cache", "perplexity"]
    return [
        Heading(title, "perplexity"),
        Text(
            [
                f"With 95 % intervals over documents, if they are {ENOUGH} or more. All metrics: ",
                results.link(ACCURACY),
            ]
        ),
        Table("perplexity", title, columns, rows, ("model", "text")),
    ]


def ends(row: dict) -> list[object]:
    """Return the ends of an interval, empty if too few documents are behind it."""
    enough = float(row["documents"]) >= ENOUGH
    return [row["ci_low"], row["ci_high"]] if enough else ["", ""]


def interval(value: float, low: object, high: object) -> Cell:
    """Return a number and its interval; of one document there is none."""
    ends = [Number(float(end), 3) for end in pd.to_numeric([low, high], errors="coerce")]
    number = Number(float(value))
    if not all(end.text for end in ends):
        return number
    return [number, " [", ends[0], ", ", ends[1], "]"]
