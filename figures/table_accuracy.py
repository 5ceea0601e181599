"""The table of Fig. 6: models end to end under each approximation, and as the paper prints it."""

import sys
from pathlib import Path

import pandas as pd

from figures import output
from figures.paper import ACCURACY_MODELS
from mugi.files import read_table

METHODS = {"softmax": "softmax", "activation": "activation", "woq": "weights", "kvq": "KV cache"}
KEYS = ["model", *METHODS]
# metric, reference -> heading and how it is written; `{}` stands for the task
TOKEN = {
    ("token_perplexity", ""): ("token perplexity, {}", "{:.2f}"),
    ("token_perplexity_difference", "exact"): ("above exact, {}", "{:+.2f}"),
    ("kl_divergence_nats", "exact"): ("KL to exact [nats], {}", "{:.4f}"),
    ("kl_divergence_nats", "native"): ("KL to native [nats], {}", "{:.4f}"),
    ("top1_agreement", "native"): ("agreement with native, {}", "{:.3f}"),
}
TASK = {
    ("word_perplexity", ""): ("word perplexity, {}", "{:.1f}"),
    ("acc", ""): ("accuracy, {}", "{:.2f}"),
}
PUBLISHED = {
    ("native", "native"): "exact",
    ("vlp", "vlp"): "VLP",
    ("pwl", "pwl"): "PWL",
    ("taylor", "native"): "Taylor (softmax only)",
}
NOTE = (
    "In brackets the 95 % interval (Student t over documents, paired). *exact* is the exact "
    "function rounded to BF16 where the row replaces one, with the row's weights and KV cache (an "
    "INT4 cache amplifies the rounding of both, so that rows with it compare little else); "
    "*native* is the untouched model. The paper gives neither intervals nor an exact control in "
    "BF16, and takes the lowest loss for the best."
)


def make(paths: list[Path], stem: Path) -> None:
    """Write a part a model from the accuracy table, and one from the published results."""
    accuracy, published = paths
    needed = [*KEYS, "task", "metric", "reference", "ci_low", "ci_high", "tokens", "documents"]
    measured = read_table(accuracy, needed, ["value"])
    printed = read_table(published, ["series", "model", "softmax", "activation", "metric", "value"])
    printed = printed[printed["series"] == "fig06_table"]
    parts = {title(rows): cells(rows) for _, rows in measured.groupby("model", sort=False)}
    parts["Published: perplexity, loss of SwinV2 and ViViT; relative to exact"] = as_printed(
        printed
    )
    shown = [(*key, heading) for key, (heading, _) in [*TOKEN.items(), *TASK.items()]]
    shown = pd.DataFrame(shown, columns=["metric", "reference", "heading"])
    table = measured.merge(shown[["metric", "reference"]]).assign(source="measured")
    printed = printed.assign(source="paper Fig. 6, table", value=pd.to_numeric(printed["value"]))
    columns = ["source", *needed, "value"]
    output.save_table(stem, pd.concat([table, printed]).reindex(columns=columns), parts, NOTE)


def title(rows: pd.DataFrame) -> str:
    """Return a model's name and the text behind its token perplexities."""
    counted = rows[rows["metric"] == "token_perplexity"].drop_duplicates("task")
    texts = ", ".join(
        f"{row.tokens} tokens in {row.documents} documents of {row.task}"
        for row in counted.itertuples()
    )
    return f"{rows['model'].iloc[0]}: {texts or 'no token perplexity'}"


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of one model, as text, in the order of the accuracy table."""
    columns = {}
    for (metric, reference), (heading, look) in [*TOKEN.items(), *TASK.items()]:
        measured = rows[(rows["metric"] == metric) & (rows["reference"] == reference)]
        for task, values in measured.groupby("task", sort=False):
            written = [cell(row, look) for row in values.itertuples()]
            columns[heading.format(task)] = pd.Series(
                written, pd.MultiIndex.from_frame(values[list(METHODS)])
            )
    runs = rows[list(METHODS)].drop_duplicates()
    table = pd.DataFrame(columns).reindex(pd.MultiIndex.from_frame(runs)).fillna("")
    return table.reset_index().rename(columns=METHODS)


def cell(row, look: str) -> str:
    """Return a value and its interval."""
    interval = ""
    if row.ci_low != "" and row.reference:
        interval = f" [{look.format(float(row.ci_low))}, {look.format(float(row.ci_high))}]"
    return look.format(row.value) + interval


def as_printed(published: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of the paper's models, each value over exact, as text."""
    values = published.set_index(["model", "softmax", "activation"])["value"]
    rows = []
    for model, name in ACCURACY_MODELS.items():
        exact = float(values[model, "native", "native"])
        row = [name]
        for methods in PUBLISHED:
            value = float(values[(model, *methods)])
            change = "" if methods == ("native", "native") else f" ({value / exact - 1:+.1%})"
            row.append(f"{value:.2f}{change}")
        rows.append(row)
    return pd.DataFrame(rows, columns=["model", *PUBLISHED.values()])


if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__, tables="+"))
