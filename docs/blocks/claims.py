"""Claims, conclusions and verdicts."""

import re
from pathlib import Path

import pandas as pd

from docs.blocks.text import NOT_MEASURED, to_markdown
from mugi.claims_text import counted
from mugi.compare import rule_of
from mugi.files import read_table, write_text
from mugi.report import chart
from mugi.report.claims import claims_of
from mugi.report.results import Results
from mugi.report.tables import CONCLUSIONS
from mugi.report.verdict import counted as by_section
from mugi.report.verdict import headlines, quotes
from mugi.verdicts import MEANING, RULES

CHART = "docs/images/verdicts.svg"
CLAIMS = ["id", "also", "statement", "design", "baseline", "printed", "unit", "computed"]
CLAIMS += ["corrected", "comparison", "correction", "depends_on", "reason", "moved_by"]
EXACT_TARGETS = rule_of("claims/claims.csv").exact_where["target"]


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


def survives(results: Path) -> str:
    """Return what survives of the abstract's figures, as `mugi judge survives` wrote it."""
    page = results / "judge" / "survives.md"
    if not page.is_file():
        return NOT_MEASURED
    _, _, text = page.read_text(encoding="utf-8").partition("\n\n")
    return re.sub(r" {2,}", " ", text).strip()
