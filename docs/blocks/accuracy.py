"""What approximations and INT4 cost the models."""

from pathlib import Path

import pandas as pd

from docs.blocks.text import KEPT, NOT_MEASURED, to_markdown
from mugi.files import read_table
from mugi.judge.stand import said

METHODS = ["softmax", "activation", "woq", "kvq"]
VLP = {"softmax": "vlp:", "activation": "vlp:", "woq": "native", "kvq": "native"}
INT4 = {"softmax": "native", "activation": "native", "woq": "int4:", "kvq": "int4:"}
COSTS = {
    "added_log_loss_nats": ("Δ log-loss [nats]", "{:+.4f}"),
    "kl_divergence_nats": ("KL [nats]", "{:.4f}"),
    "kl_beyond_rounding_nats": ("KL beyond rounding [nats]", "{:+.4f}"),
    "added_word_error_rate": ("Δ word error rate", "{:+.4f}"),
    "cosine_distance": ("1 - cosine", "{:.5f}"),
    "added_accuracy": ("Δ accuracy", "{:+.4f}"),
    "added_probe_accuracy": ("Δ accuracy of a linear probe", "{:+.4f}"),
}


def prose(results: Path) -> pd.DataFrame:
    """Return the accuracy of the first model on the text `prose`, a row a metric and reference."""
    table = read_table(results / "accuracy" / "accuracy.csv", ["unit", "window_tokens"])
    table = table[(table["task"] == "prose") & (table["model"] == table["model"].iloc[0])]
    ends = ["value", "ci_low", "ci_high"]
    return table.assign(**table[ends].apply(pd.to_numeric))


def interval(row: pd.Series, look: str) -> str:
    """Return a number and its interval as text."""
    value, low, high = (look.format(row[end]) for end in ["value", "ci_low", "ci_high"])
    return f"{value} [{low}, {high}]"


def accuracy(results: Path) -> str:
    """Return a row an approximation: perplexity, and what it costs against its fair control."""
    table = prose(results)
    rows = []
    for methods, group in table.groupby(METHODS, sort=False):
        control = "exact" if "exact" in set(group["reference"]) else "native"
        row = dict(zip(["softmax", "activation", "weights", "KV cache"], methods, strict=True))
        row["against"] = "" if set(methods) == {"native"} else control
        for heading, metric, reference, look in [
            ("token perplexity", "token_perplexity", "", "{:.2f}"),
            ("Δ log-loss [nats]", "log_loss_nats_difference", control, "{:+.4f}"),
            ("KL [nats]", "kl_divergence_nats", control, "{:.4f}"),
            ("top-1 agreement", "top1_agreement", control, "{:.3f}"),
        ]:
            found = group[(group["metric"] == metric) & (group["reference"] == reference)]
            row[heading] = interval(found.iloc[0], look) if len(found) else ""
        rows.append(row)
    return f"{to_markdown(pd.DataFrame(rows))}\n\n{conditions(table)}"


def conditions(table: pd.DataFrame) -> str:
    """Return under which conditions numbers hold, in a sentence."""
    if not len(table):
        return ""
    first = table[table["metric"] == "token_perplexity"].iloc[0]
    return (
        f"{first['model']} in {first['dtype']}; {first['documents']} documents of English prose, "
        f"windows of {first['window_tokens']} tokens, {first['tokens']} tokens scored; "
        "95 % intervals (Student's t over documents)."
    )


def effect(
    table: pd.DataFrame, wanted: dict[str, str], metric: str, reference: str
) -> pd.DataFrame:
    """Return the rows of a metric of approximations whose methods start as wanted."""
    for operation, start in wanted.items():
        table = table[table[operation].str.startswith(start)]
    adaptive = table["softmax"].str.contains("adapt=")
    return table[(table["metric"] == metric) & (table["reference"] == reference) & ~adaptive]


def summary(results: Path) -> str:
    """Return what VLP and what INT4 does to the model, in a sentence each, if it was measured."""
    table, sentences = prose(results), []
    divergence = effect(table, VLP, "kl_divergence_nats", "exact")
    loss = effect(table, VLP, "log_loss_nats_difference", "exact")
    int4 = effect(table, INT4, "log_loss_nats_difference", "native")
    if len(divergence):
        sentences.append(
            "VLP in softmax and activation moves the distribution of the next token by a KL "
            f"divergence of {interval(divergence.iloc[0], '{:.4f}')} nats from the exact functions "
            f"in BF16, and the log-loss by {interval(loss.iloc[0], '{:+.4f}')} nats "
            f"({said(loss['ci_low'].iloc[0], loss['ci_high'].iloc[0])}, which another processor "
            "may turn round)."
        )
    if len(int4):
        sentences.append(
            "INT4 weights and KV cache, on which Mugi relies and which the paper does not "
            f"evaluate, cost {interval(int4.iloc[0], '{:+.2f}')} nats of log-loss (no calibration; "
            "weights that had been through 4 bits before)."
        )
    return "\n\n".join([" ".join(sentences) or NOT_MEASURED, conditions(table)])


def quantisation(results: Path) -> str:
    """Return what INT4 costs, alone and together, and VLP on top of it."""
    table = prose(results)
    rows = []
    for methods, group in table.groupby(METHODS, sort=False):
        if methods[2:] == ("native", "native"):
            continue
        for reference in ["native", "exact"]:
            chosen = group[group["reference"] == reference].set_index("metric")
            if "log_loss_nats_difference" not in chosen.index:
                continue
            row = dict(zip(["softmax", "activation", "weights", "KV cache"], methods, strict=True))
            row["against"] = reference
            row["Δ log-loss [nats]"] = interval(chosen.loc["log_loss_nats_difference"], "{:+.3f}")
            row["KL [nats]"] = interval(chosen.loc["kl_divergence_nats"], "{:.4f}")
            rows.append(row)
    return f"{to_markdown(pd.DataFrame(rows))}\n\n{conditions(table)}"


def stand(results: Path) -> str:
    """Return what approximations cost each model, on the text or data with most sequences."""
    path = results / "judge" / "accuracy.csv"
    if not path.is_file():
        return NOT_MEASURED
    table = read_table(path, ["reference"], ["sequences"])
    parts = []
    for name, model in table.groupby("model", sort=False):
        corpus, dtype, count = model.loc[
            model["sequences"].idxmax(), ["corpus", "dtype", "sequences"]
        ]
        parts.append(f"**{name}** in {dtype}, {corpus}, {count} sequences:")
        parts.append(to_markdown(costs(model[model["corpus"] == corpus])))
    return "\n\n".join(parts)


def stand_in_full(results: Path) -> str:
    """Return the same of `make full`, if it was run here."""
    larger = results.parent / "results-full" / "results"
    return stand(larger) if (larger / "judge" / "accuracy.csv").is_file() else KEPT


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row an approximation and its nearest references, a column a cost."""
    table = table.rename(columns={"low": "ci_low", "high": "ci_high"})
    table = table.assign(**table[["value", "ci_low", "ci_high"]].apply(pd.to_numeric))
    rows = []
    for (changed, reference), group in table.groupby(["approximation", "reference"], sort=False):
        nearer = set(table.loc[table["approximation"] == changed, "reference"]) - {"native"}
        if reference == "native" and nearer:
            continue
        row, found = {"changed": changed, "against": reference}, group.set_index("metric")
        for metric, (heading, look) in COSTS.items():
            if metric in found.index:
                row[heading] = interval(found.loc[metric], look)
        first = next(metric for metric in COSTS if metric in found.index)
        told_of = COSTS[first][0].partition(" [")[0]
        rows.append(row | {f"{told_of} is": found.loc[first, "what_it_says"]})
    costs = pd.DataFrame(rows).fillna("")
    last = [name for name in costs if name.endswith(" is")]
    return costs[[name for name in costs if name not in last] + last]


def datapath(results: Path) -> str:
    """Return how far off the array and its emulation are, over the layers, in a sentence."""
    table = read_table(results / "accuracy" / "datapath.csv")

    def span(column: str) -> str:
        return f"{100 * table[column].min():.2f} to {100 * table[column].max():.2f} %"

    return (
        f"Over {len(table)} linear layers of the first, middle and last block, relative to the "
        "product of the same inputs and quantised weights in float64 (RMS): the array's sums are "
        f"off by {span('array_error')}, the emulation's by {span('torch_error')}, while INT4 "
        f"itself moves the products by {span('int4_error')}."
    )
