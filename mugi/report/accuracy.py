"""What the approximations do to real models: the end-to-end table, and what it can tell."""

import pandas as pd

from mugi.report.blocks import Block, Cell, Code, Heading, Number, Page, Row, Table, Text
from mugi.report.figures import drawn_from
from mugi.report.results import Results
from mugi.report.tables import ACCURACY, METHODS

# metric -> heading; the first needs no reference
METRICS = {
    "token_perplexity": "token perplexity",
    "log_loss_nats_difference": "Δ log-loss [nats]",
    "kl_divergence_nats": "KL [nats]",
    "top1_agreement": "top-1 agreement",
}
ALONE = "token_perplexity"


def page(results: Results) -> Page:
    """Return the page of accuracy."""
    about = "What VLP, its rivals and INT4 do to the predictions of real language models."
    blocks: list[Block] = [*results.missing(ACCURACY)]
    accuracy = results.table(ACCURACY)
    if accuracy is not None:
        blocks += [Text(LEGEND), *measured(results, accuracy)]
    blocks += drawn_from(results, "accuracy/")
    return Page("accuracy", "Accuracy", about, blocks)


LEGEND = (
    "Measured on models whose weights come inside installed packages. The paper's own models are "
    "gated or need a network: their accuracy is shown as published and has no verdict here. "
    "A difference is told from noise where its interval leaves out 0; a KL divergence is never "
    "negative, so that its interval says how large it is, not whether it is there."
)


def measured(results: Results, accuracy: pd.DataFrame) -> list[Block]:
    """Return a table a model and text: a row an approximation, against its fair control."""
    texts = accuracy[accuracy["metric"] == ALONE]
    blocks: list[Block] = []
    for (model, task), _ in texts.groupby(["model", "task"], sort=False):
        own = accuracy[(accuracy["model"] == model) & (accuracy["task"] == task)]
        rows = [approximation(methods, rows) for methods, rows in own.groupby(METHODS, sort=False)]
        title = f"{model} on {task}"
        columns = ["softmax", "activation", "weights", "KV cache", "against", *METRICS.values()]
        blocks += [
            Heading(title, f"{model}-{task}"),
            Text([conditions(own), " All numbers: ", results.link(ACCURACY)]),
            Table(f"{model}-{task}", title, columns, rows),
        ]
    return blocks


def approximation(methods: tuple[str, ...], rows: pd.DataFrame) -> Row:
    """Return what one approximation does, against the exact functions where they were measured."""
    control = "exact" if "exact" in set(rows["reference"]) else "native"
    against = "" if set(methods) == {"native"} else control
    cells: list[Cell] = [*map(Code, methods), against]
    for metric in METRICS:
        reference = "" if metric == ALONE else control
        chosen = rows[(rows["metric"] == metric) & (rows["reference"] == reference)]
        known = len(chosen) and (against or metric == ALONE)
        cells.append(interval(chosen.iloc[0]) if known else "")
    return Row(cells)


def interval(row: pd.Series) -> Cell:
    """Return a number and its interval; without documents to tell from there is none."""
    ends = [Number(pd.to_numeric(row[end]), 3) for end in ("ci_low", "ci_high")]
    parts: list[Cell] = [Number(float(row["value"]))]
    return [*parts, " [", ends[0], ", ", ends[1], "]"] if all(end.text for end in ends) else parts


def conditions(rows: pd.DataFrame) -> str:
    """Return under which conditions the numbers hold."""
    first = rows.iloc[0]
    known = [
        f"{first[column]} {word}".strip()
        for column, word in {
            "dtype": "",
            "documents": "documents",
            "tokens": "tokens scored",
            "window_tokens": "tokens a window",
            "interval": "",
        }.items()
        if column in rows and str(first[column])
    ]
    return f"{', '.join(known)}."
