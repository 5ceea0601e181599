"""Fill in what README.md and docs/ say of results/ and of the code.

    python docs/update.py                    fill in all marked blocks, copy the pictures
    python docs/update.py --check            name the blocks that no longer hold, write nothing
    python docs/update.py --write FOLDER     write what comes from the tables, a file a block

Both also take the tables of `mugi compare` along, mugi/reference: those of `make` from results/,
those of `make smoke` from results-smoke/results/.

A block stands between `<!-- NAME -->` and `<!-- end -->`. The rule `document_results` writes those
of the tables into results/docs; the others come from the code, or from how long jobs took.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
import yaml

from mugi.assumptions import markdown
from mugi.claims_text import counted
from mugi.compare import compare, inside, near, rule_of, write_reference
from mugi.config.docs import key_table, parameter_table
from mugi.documents import Document, read_yaml
from mugi.files import read_table, write_text
from mugi.hardware.families import known
from mugi.hardware.huggingface import translated
from mugi.hardware.model import Model
from mugi.judge.stand import said
from mugi.machine import processor, usable_cores
from mugi.pace import CHAIN, MODEL_RULES, TIMES, model_speed, plain_speed
from mugi.report import chart
from mugi.report.claims import claims_of
from mugi.report.jobs import by_rule, jobs
from mugi.report.results import Results
from mugi.report.run import needs
from mugi.report.tables import CONCLUSIONS
from mugi.report.verdict import counted as by_section
from mugi.report.verdict import headlines, quotes
from mugi.rtl import units
from mugi.runs import end_with_run
from mugi.schema import validated
from mugi.verdicts import MEANING, RULES

ROOT = Path(__file__).parent.parent
PICTURES = ["fig06", "pareto"]
CHART = "docs/images/verdicts.svg"
CLAIMS = ["id", "also", "statement", "design", "baseline", "printed", "unit", "computed"]
CLAIMS += ["corrected", "comparison", "correction", "depends_on", "reason", "moved_by"]
EXACT_TARGETS = rule_of("claims/claims.csv").exact_where["target"]
METHODS = ["softmax", "activation", "woq", "kvq"]
VLP = {"softmax": "vlp:", "activation": "vlp:", "woq": "native", "kvq": "native"}
INT4 = {"softmax": "native", "activation": "native", "woq": "int4:", "kvq": "int4:"}
NUMBER = r"[-+]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER}) \[({NUMBER}), ({NUMBER})\]")
MANY = 5  # ids that begin alike, from which on they are counted
DECIMAL = re.compile(r"[-+]?\d+\.\d+")
KEPT = ""  # instead of a block's text: what stands there stays
MEASURED_S = 10
NOT_MEASURED = "Not measured in this run."


def to_markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table of texts, without padding: one longer cell must not move the rest."""
    if not len(table):
        return NOT_MEASURED
    cells = table.astype(str).replace(r"\|", r"\\|", regex=True)
    padded = cells.to_markdown(index=False, disable_numparse=True, tablefmt="pipe")
    return re.sub(r" {2,}", " ", re.sub(r"-{3,}", "---", padded))


# --- accuracy -------------------------------------------------------------------------------------


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


COSTS = {
    "added_log_loss_nats": ("Δ log-loss [nats]", "{:+.4f}"),
    "kl_divergence_nats": ("KL [nats]", "{:.4f}"),
    "kl_beyond_rounding_nats": ("KL beyond rounding [nats]", "{:+.4f}"),
    "added_word_error_rate": ("Δ word error rate", "{:+.4f}"),
    "cosine_distance": ("1 - cosine", "{:.5f}"),
    "added_accuracy": ("Δ accuracy", "{:+.4f}"),
    "added_probe_accuracy": ("Δ accuracy of a linear probe", "{:+.4f}"),
}


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


# --- claims ---------------------------------------------------------------------------------------


def judged(results: Path) -> pd.DataFrame:
    """Return the judged claims, numbers as text of five digits."""
    claims = read_table(results / "claims" / "claims.csv")
    for name in ["computed", "corrected"]:
        numbers = pd.to_numeric(claims[name], errors="coerce")
        claims[name] = ["" if pd.isna(number) else f"{number:.5g}" for number in numbers]
    return claims


def verdicts(results: Path) -> str:
    """Return how many claims have which verdict under correction."""
    counts = counted(judged(results))["correction"].loc[lambda count: count > 0]
    return to_markdown(counts.rename_axis("verdict").reset_index(name="claims"))


def findings(results: Path) -> str:
    """Return what the front page of the report says to repeat, if it is known in this run."""
    sentences = [quote.text for quote in quotes(Results(results))]
    return "\n".join(f"* {sentence}" for sentence in sentences) or NOT_MEASURED


def draw_chart(results: Path, root: Path) -> None:
    """Draw the chart of verdicts that README shows."""
    conclusions = Results(results).table(CONCLUSIONS)
    if conclusions is not None:
        write_text(root / CHART, chart.drawn(by_section(conclusions)))


def headline(results: Path) -> str:
    """Return the claims of the paper's abstract, as the report's first page has them."""
    claims = claims_of(Results(results))
    if claims is None:
        return NOT_MEASURED
    table = headlines(claims)
    lists = table["depends on"].str.replace("; ", ", ")
    return to_markdown(table.assign(**{"depends on": lists}))


def ledger(results: Path, exact: bool) -> str:
    """Return the claims judged without a model's forward passes, or those judged on some."""
    claims = judged(results).fillna("")
    measured = ~claims["target"].isin(EXACT_TARGETS) & (claims["computed"] != "")
    return to_markdown(claims.loc[measured != exact, CLAIMS])


def concluded(results: Path) -> str:
    """Return the paper's conclusions with their verdicts."""
    table = read_table(results / "claims" / "conclusions.csv")
    columns = ["section", "sentence", "verdict", "printed", "computed", "corrected", "in_words"]
    return to_markdown(table[columns].fillna(""))


def rules() -> str:
    """Return what each verdict means."""
    return "\n".join([*(f"* *{name}*: {words};" for name, words in RULES.items()), "", MEANING])


# --- models of the cost model ---------------------------------------------------------------------

WINDOWS = {
    "": "",
    "all": "all layers, where there is one",
    "upper": "layers from max_window_layers on",
    "alternate": "every second layer before max_window_layers",
    "pattern": "all but every n-th layer",
    "with_rope": "chunks, in layers that have positions",
    "without_rope": "layers without positions",
    "attention_types": "layers said to be local",
}


def families() -> str:
    """Return a row a family of config.json that is read: what it may have, what is left out."""
    rows = []
    for name, family in known().families.items():
        reads = family.reads
        windows = WINDOWS[family.windows]
        if family.pattern or "sliding_window_pattern" in reads:
            nth = family.pattern or family.defaults.sliding_window_pattern
            windows = windows.replace("n-th", f"{nth}th").replace("2th", "second")
        latent = "latent" if "kv_lora_rank" in reads else ""
        grouped = "grouped" if {"num_key_value_heads", "multi_query"} & reads else "all heads"
        row = {"model_type": f"`{name}`", "class": family.config, "heads": latent or grouped}
        row |= {"FFN": "gated" if family.gated else "two matrices", "windows": windows}
        row |= {"experts": "yes" if "num_experts" in reads else ""}
        rows.append(row | {"also left out": ", ".join(family.left_out)})
    return to_markdown(pd.DataFrame(rows))


def units_in_gates() -> str:
    """Return a row a unit of the Verilog: its area and that of the published components."""
    table = units.beside_published(units.read_areas())
    rows = [
        {
            "unit": f"`{one.unit}`",
            "published components": one.components,
            "published": f"{one.published_adders:.3f}",
            "synthesised": f"{one.open_adders:.3f}",
            "ratio": f"{one.open_over_published:.2f}",
        }
        for one in table.itertuples()
    ]
    return to_markdown(pd.DataFrame(rows))


def arrays_in_gates() -> str:
    """Return a row an array: its area over that of SA (16), published and synthesised."""
    sums = units.array_sums(units.arrays(units.read_areas()))
    over = (sums / sums.loc["SA (16)"]).map(lambda ratio: "" if pd.isna(ratio) else f"{ratio:.2f}")
    names = {"published_adders": "published", "corrected_adders": "corrected"}
    names |= {"listed_adders": "synthesised, listed", "open_adders": "synthesised, all"}
    return to_markdown(over[[*names]].rename(columns=names).rename_axis("array").reset_index())


def composites() -> str:
    """Return a row a family that keeps its layers in text_config."""
    rows = [
        {"model_type": f"`{name}`", "read as": f"`{composite.text}`, or what text_config says"}
        for name, composite in known().composites.items()
    ]
    return to_markdown(pd.DataFrame(rows))


def refused() -> str:
    """Return a row a reason for which families cannot be costed."""
    rows = [
        {"what": refusal.what}
        | {"model_type": ", ".join(f"`{name}`" for name in refusal.types)}
        | {"nearest": f"`{refusal.nearest}`"}
        for refusal in known().refused
    ]
    return to_markdown(pd.DataFrame(rows))


def public_models() -> str:
    """Return parameters of public models, in billions, beside those that are published."""
    rows = []
    for entry in read_yaml(ROOT / "docs" / "examples" / "public_models.yaml", list).content:
        document = Document(entry["name"], entry["config"], {})
        read = Document(entry["name"], translated(document, entry["name"]).content, {})
        model = validated(Model, read)
        active = model.active_parameters
        if entry.get("active_without_embedding"):
            active -= model.dim * model.vocabulary
        rows.append(
            {
                "model": entry["name"],
                "parameters": f"{model.parameters / 1e9:.4g}",
                "published": f"{entry['published_b']:g}",
                "for one token": f"{active / 1e9:.3g}" if model.experts else "",
                "published ": f"{entry['active_b']:g}" if "active_b" in entry else "",
                "source": entry["source"],
            }
        )
    return to_markdown(pd.DataFrame(rows))


def survives(results: Path) -> str:
    """Return what survives of the abstract's figures, as `mugi judge survives` wrote it."""
    page = results / "judge" / "survives.md"
    if not page.is_file():
        return NOT_MEASURED
    _, _, text = page.read_text(encoding="utf-8").partition("\n\n")
    return re.sub(r" {2,}", " ", text).strip()


# --- time, memory, disk ---------------------------------------------------------------------------


def busy_s(table: pd.DataFrame) -> float:
    """Return for how long at least one of the jobs ran."""
    running = changes(table)["jobs"].cumsum() > 0
    return changes(table)["at"].diff().shift(-1)[running].sum()


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the moments at which jobs and their memory come (+) and go (-), in order."""
    start = {"at": table["start"], "jobs": 1, "memory_mib": table["memory_mib"]}
    end = {"at": table["end"], "jobs": -1, "memory_mib": -table["memory_mib"]}
    both = pd.concat([pd.DataFrame(start), pd.DataFrame(end)])
    return both.sort_values("at", kind="stable", ignore_index=True).fillna(0)


def run(results: Path) -> str:
    """Return how long install and run took, on what, with which memory and disk."""
    table, environment = jobs(results), Path(sys.prefix)
    memory_gib = changes(table)["memory_mib"].cumsum().max() / 1024
    install = f"{gigabytes(environment):.1f} GB"
    installed = environment / "bin" / ".installed"
    if installed.exists():
        took = installed.stat().st_mtime - (environment / "pyvenv.cfg").stat().st_mtime
        install = f"{took / 60:.0f} min and {install}"
    return (
        f"On {processor()}, {os.cpu_count()} cores: the install takes {install}; then `make` runs "
        f"{len(table)} jobs in {busy_s(table) / 60:.0f} min, with at most {memory_gib:.1f} GiB "
        f"of memory and {gigabytes(results):.1f} GB of results."
    )


def full(results: Path) -> str:
    """Return how long `make full` took, if it was run here."""
    larger = results.parent / "results-full" / "results"
    if not (larger / "benchmarks").is_dir():
        return KEPT
    return f"`make full` took {busy_s(jobs(larger)) / 3600:.1f} hours on {processor()}."


def gigabytes(folder: Path) -> float:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def times(results: Path) -> str:
    """Return the seconds of every rule, the longest first."""
    rules = by_rule(results)
    shown = pd.DataFrame(
        {
            "rule": rules.index,
            "seconds, all jobs": rules["seconds"].map("{:.0f}".format).to_numpy(),
            "peak memory of a job [MiB]": [
                "" if pd.isna(peak) else f"{peak:.0f}" for peak in rules["memory_mib"]
            ],
        }
    )
    return f"On {processor()}, {os.cpu_count()} cores.\n\n{to_markdown(shown)}"


def claim_times(results: Path) -> str:
    """Return which command makes which claims, in how many seconds and with which memory."""
    found = Results(results)
    claims = claims_of(found)
    if claims is None:
        return NOT_MEASURED
    needed = needs(found, claims, by_rule(results))
    shown = pd.DataFrame(
        {
            "claims": needed["claims"].map(in_short),
            "command": needed["command"].map("`{}`".format),
            "seconds": needed["seconds"].map("{:.0f}".format),
            "peak memory [MiB]": needed["memory_mib"].map("{:.0f}".format),
        }
    )
    return f"On {processor()}, {os.cpu_count()} cores.\n\n{to_markdown(shown)}"


def in_short(names: list[str]) -> str:
    """Return ids, many of one beginning as `T3-* (96)`."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition("-")[0], []).append(name)
    return ", ".join(
        ", ".join(own) if len(own) < MANY else f"{start}-* ({len(own)})"
        for start, own in groups.items()
    )


def forward(results: Path) -> str:
    """Return the forward passes of benchmarks/forward.py, if it was run."""
    path = results / "benchmarks" / "forward.csv"
    return to_markdown(read_table(path)) if path.is_file() else NOT_MEASURED


# --- blocks ---------------------------------------------------------------------------------------


def equal(old: str, new: str) -> bool:
    """Whether a block says the same: hardware, carbon, verdicts, the schema."""
    return old == new


def measured(old: str, new: str) -> bool:
    """Whether every measured number lies in the interval printed before, and all else is equal."""
    before, after = INTERVAL.findall(old), INTERVAL.findall(new)
    within = all(
        inside(float(value), float(low), float(high))
        for (_, low, high), (value, *_) in zip(before, after, strict=False)
    )
    old, new = INTERVAL.sub("#", old), INTERVAL.sub("#", new)
    decimals = zip(DECIMAL.findall(old), DECIMAL.findall(new), strict=False)
    alike = all(as_printed(before, after) for before, after in decimals)
    return within and alike and DECIMAL.sub("#", old) == DECIMAL.sub("#", new)


def told(old: str, new: str) -> bool:
    """The same of numbers of which another machine may tell one from 0, or not."""
    old, new = (text.replace("not told from 0", "told from 0") for text in (old, new))
    return measured(old, new)


def as_printed(before: str, after: str) -> bool:
    """Whether two decimals differ by the tolerance, or by what rounding in print can make of it."""
    unit = 10.0 ** -len(before.partition(".")[2])
    return bool(near(float(after), float(before), slack=1.001 * unit))


def unchecked(old: str, new: str) -> bool:
    """Times and sizes are those of one machine."""
    return True


class Block(NamedTuple):
    """A generated part of a page: its text from the results folder, and what may differ."""

    page: str
    name: str
    text: Callable[[Path], str]
    holds: Callable[[str, str], bool] = equal
    made_by: Literal["code", "rule", "jobs"] = "rule"


BLOCKS = [
    Block("README.md", "verdicts", verdicts),
    Block("README.md", "headline", headline),
    Block("README.md", "findings", findings),
    Block("README.md", "summary", summary, told),
    Block("README.md", "run", run, unchecked, "jobs"),
    Block("README.md", "full", full, unchecked, "jobs"),
    Block("docs/explained/accuracy.md", "accuracy", accuracy, measured),
    Block("docs/explained/accuracy.md", "stand", stand, told),
    Block("docs/explained/quantisation.md", "quantisation", quantisation, measured),
    Block("docs/explained/quantisation.md", "datapath", datapath, measured),
    Block("docs/explained/survives.md", "survives", survives),
    Block("docs/explained/gates.md", "units", lambda _: units_in_gates(), equal, "code"),
    Block("docs/explained/gates.md", "arrays", lambda _: arrays_in_gates(), equal, "code"),
    Block("docs/reference/assumptions.md", "assumptions", lambda _: markdown(), equal, "code"),
    Block("docs/reference/claims.md", "rules", lambda _: rules(), equal, "code"),
    Block("docs/reference/claims.md", "conclusions", concluded, measured),
    Block("docs/reference/claims.md", "claims", lambda results: ledger(results, True)),
    Block(
        "docs/reference/claims.md",
        "claims_of_models",
        lambda results: ledger(results, False),
        measured,
    ),
    Block("docs/reference/configuration.md", "keys", lambda _: key_table(), equal, "code"),
    Block("docs/reference/configuration.md", "methods", lambda _: parameter_table(), equal, "code"),
    Block("docs/reference/models.md", "families", lambda _: families(), equal, "code"),
    Block("docs/reference/models.md", "composites", lambda _: composites(), equal, "code"),
    Block("docs/reference/models.md", "refused", lambda _: refused(), equal, "code"),
    Block("docs/reference/models.md", "public_models", lambda _: public_models(), equal, "code"),
    Block("docs/reference/artifact.md", "run", run, unchecked, "jobs"),
    Block("docs/reference/artifact.md", "claim_times", claim_times, unchecked, "jobs"),
    Block("docs/reference/times.md", "times", times, unchecked, "jobs"),
    Block("docs/reference/times.md", "forward", forward, unchecked, "jobs"),
]


def replaced(page: str, name: str, new: str) -> tuple[str, str]:
    """Return a page with a new text in a block, and the block's old text."""
    pattern = re.compile(rf"(<!-- {name} -->\n)((?:(?!<!--).)*?)\n?(<!-- end -->)", re.DOTALL)
    blocks = pattern.findall(page)
    if len(blocks) != 1:
        raise SystemExit(f"{len(blocks)} blocks '{name}' in a page, expected 1")
    return pattern.sub(lambda match: f"{match[1]}{new}\n{match[3]}", page), blocks[0][1]


def update(results: Path, root: Path, check: bool) -> list[str]:
    """Fill in all blocks (or none, to check); return the names of those that did not hold.

    Without results those of the code are all there is to fill in.
    """
    there = (results / "docs").is_dir()
    wrong = []
    for block in BLOCKS if there else [block for block in BLOCKS if block.made_by == "code"]:
        written = results / "docs" / f"{block.name}.md"
        new = written.read_text("utf-8") if block.made_by == "rule" else block.text(results)
        path = root / block.page
        if new == KEPT:
            continue
        page, old = replaced(path.read_text("utf-8"), block.name, new.strip())
        if not block.holds(old, new.strip()):
            wrong.append(f"{block.page}: {block.name}")
        if not check:
            write_text(path, page)
    if there and not check:
        draw_chart(results, root)
    for name in PICTURES if there and not check else []:
        picture = f"{name}.png"
        shutil.copyfile(results / "figures" / picture, root / "docs" / "images" / picture)
    return wrong


def references(results: Path, root: Path, check: bool) -> list[str]:
    """Write the packaged tables of runs that are there, or return which of them differ."""
    runs = {"default": results, "smoke": root / "results-smoke" / "results"}
    finished = {name: run for name, run in runs.items() if (run / "claims").is_dir()}
    if not check:
        for name, run in finished.items():
            write_reference(run, name)
        return []
    return [
        f"mugi/reference/{name}/{one.table}"
        for name, run in finished.items()
        for one in compare(results=run, reference=name)
        if len(one.differences)
    ]


def write_times(results: Path) -> None:
    """Write what `mugi doctor` estimates from: seconds of each rule, and this machine's speed."""
    rules = by_rule(results)
    if not {*MODEL_RULES, *CHAIN} <= set(rules.index):  # not the default run
        return
    note = "".join(line for line in TIMES.open(encoding="utf-8") if line.startswith("#"))
    speeds = {"model": model_speed(MEASURED_S), "plain": plain_speed(MEASURED_S)}
    known = {
        "machine": processor(),
        "cores": usable_cores(),
        "speeds": {kind: float(f"{speed:.3g}") for kind, speed in speeds.items()},
        "seconds": {rule: round(float(s), 1) for rule, s in rules["seconds"].items()},
    }
    write_text(TIMES, note + yaml.safe_dump(known, sort_keys=False))


def main() -> int:
    """Write, update or check; return 1 if a checked block does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if one is off")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="what comes from the tables")
    args = parser.parse_args()
    end_with_run()
    if args.write:
        for block in BLOCKS:
            if block.made_by == "rule":
                write_text(args.write / f"{block.name}.md", f"{block.text(args.results)}\n")
        return 0
    if not (args.results / "docs").is_dir():
        print(f"no {args.results}/docs: only what comes from the code")
    wrong = update(args.results, ROOT, args.check)
    wrong += references(args.results, ROOT, args.check)
    if not args.check:
        write_times(args.results)
    if args.check and wrong:
        print(*(f"no longer so (make update-docs): {name}" for name in wrong), sep="\n")
    return int(args.check and bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
