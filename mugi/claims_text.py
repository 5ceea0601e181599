"""Judged claims for reading: in a terminal, and as a page of Markdown."""

import pandas as pd

from mugi.claim import COMPARISONS, NOT_YET
from mugi.verdicts import CORRECTIONS, ERROR, NOT_RUN

SHOWN = ["id", "statement", "design", "baseline", "printed", "unit", "computed", "corrected"]
SHOWN += ["comparison", "correction"]
WIDTHS = {"id": 23, "statement": 40, "design": 12, "baseline": 12, "printed": 7, "computed": 8}
WIDTHS |= {"corrected": 9, "correction": 15, "depends_on": 24, "comparison": 0}


def readable(results: pd.DataFrame) -> pd.DataFrame:
    """Return the columns a reader wants, as text, numbers to five digits."""
    numbers = {
        name: ["" if pd.isna(value) else f"{value:.5g}" for value in results[name]]
        for name in ["computed", "corrected"]
    }
    texts = ["change", "depends_on", "judged_on", "also", "reason"]
    return results[[*SHOWN, *texts]].assign(**numbers).astype(object).fillna("")


def counted(results: pd.DataFrame) -> dict[str, pd.Series]:
    """Return how many claims have each comparison and each verdict under correction."""
    known = {"comparison": [name for name in COMPARISONS if name != NOT_YET]}
    known["correction"] = CORRECTIONS
    counts = {}
    for column, names in known.items():
        found = results[column].value_counts()
        more = [name for name in (NOT_YET, NOT_RUN, ERROR) if name in found]
        counts[column] = found.reindex([*names, *more], fill_value=0)
    return counts


def text(results: pd.DataFrame) -> str:
    """Return all claims, one a line, and the counts of comparisons and verdicts."""
    table = readable(results)[[*WIDTHS]].rename(columns=lambda name: name.replace("_", " "))
    rows = [list(table), *table.to_numpy().tolist()]
    sizes = list(WIDTHS.values())
    lines = [
        "  ".join(cell[: size or None].ljust(size) for cell, size in zip(row, sizes, strict=True))
        for row in rows
    ]
    for counts in counted(results).values():
        lines += ["", *(f"{count:5} {name}" for name, count in counts.items())]
    return "\n".join(lines)


def markdown(results: pd.DataFrame, conclusions: pd.DataFrame) -> str:
    """Return conclusions, counts of verdicts and all claims, as Markdown tables, one a section."""
    parts = ["# Claims of the paper", f"{len(results)} claims."]
    for column, counts in counted(results).items():
        parts.append(counts.rename_axis(column).rename("claims").to_markdown())
    if len(conclusions):
        parts += ["## Conclusions", _table(conclusions.drop(columns=["conclusion", "claims"]))]
    table = readable(results)
    for location, section in table.groupby(results["location"].fillna(""), sort=False):
        parts += [f"## {location or 'Wrong as they are written'}", _table(section)]
    return "\n\n".join(parts) + "\n"


def _table(table: pd.DataFrame) -> str:
    cells = table.replace(r"\|", r"\|", regex=True).replace(r"\n", " ", regex=True)
    return cells.to_markdown(index=False, disable_numparse=True)
