"""Tables as Markdown."""

import re

import pandas as pd

KEPT = ""  # instead of a block's text: what stands there stays
NOT_MEASURED = "Not measured in this run."


def to_markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table of texts, without padding: one longer cell must not move the rest."""
    if not len(table):
        return NOT_MEASURED
    cells = table.astype(str).replace(r"\|", r"\\|", regex=True)
    padded = cells.to_markdown(index=False, disable_numparse=True, tablefmt="pipe")
    return re.sub(r" {2,}", " ", re.sub(r"-{3,}", "---", padded))
