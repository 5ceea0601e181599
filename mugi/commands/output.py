"""What commands print: the line that ends each, and tables as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `mugi doctor` has to work where it is missing
    import pandas as pd


def closing(written: Mapping[object, pd.DataFrame | str], beside_data: bool = False) -> None:
    """Print the last line of a command: each file (or None for one not asked for), what is in it.

    A table stands for its number of rows. The line goes to stderr if stdout has data.
    """
    told = [
        f"{path}: {content if isinstance(content, str) else f'{len(content):,} rows'}"
        for path, content in written.items()
        if path is not None
    ]
    print("; ".join(told), file=sys.stderr if beside_data else sys.stdout)


def as_json(content: object) -> str:
    """Return a table (as a list of its rows) or a mapping as JSON; what is not there is null."""
    if hasattr(content, "columns"):
        content = rows(content)
    return json.dumps(content, indent=2, allow_nan=False)


def rows(table: pd.DataFrame) -> list[dict]:
    """Return the rows of a table as mappings of plain values, empty and missing cells as None."""
    plain = table.astype(object)
    return plain.where(table.notna() & (table != ""), None).to_dict("records")
