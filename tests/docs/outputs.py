"""What the page of outputs describes, and what it lacks of tables."""

import fnmatch
import re
from pathlib import Path

from pyarrow import parquet

from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "outputs.md"
GROUPS = re.compile("projection|attention|ffn|output|softmax|silu")
NOT_DESCRIBED = ("benchmarks/", "explore/", "report/")  # Snakemake's; of the user; copies


def sections() -> tuple[dict[str, set[str]], set[str]]:
    """Return the columns by pattern of paths, and those that many tables have."""
    text = PAGE.read_text(encoding="utf-8")
    described, shared = {}, set()
    for head, table in re.findall(r"((?:.+\n)+)\n(?=\| column)((?:\|.*\n)+)", text):
        cells = [row.split("|")[1] for row in table.splitlines()[2:]]
        columns = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
        patterns = re.findall(r"`([\w*./]+\.(?:csv|parquet))`", head)
        if not patterns:
            shared |= columns
        for pattern in patterns:
            described.setdefault(pattern, set()).update(columns)
    return described, shared


def columns_of(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return parquet.read_schema(path).names
    with path.open(encoding="utf-8") as lines:
        return lines.readline().strip().split(",")


def undescribed_of(name: str, columns: list[str]) -> list[str]:
    """Return which columns of a table, by its path in results, the page does not describe."""
    described, shared = sections()
    own = [known for pattern, known in described.items() if fnmatch.fnmatch(name, pattern)]
    known = shared.union(*own)
    lacking = [] if own else ["not on the page"]
    for column in columns:
        value = re.sub(r"_ratio(_same_model)?$", "", column)
        ratio = column.replace(value, "VALUE", 1)
        general = GROUPS.sub("G", column)
        general = re.sub(r"^assumption\..*", "assumption.NAME", general)
        general = re.sub(r"^on_front_.*", "on_front_COST", general)
        if not {column, general} & known and not (ratio in known and value in known):
            lacking.append(column)
    return lacking


def undescribed(results: Path) -> list[str]:
    """Return what the page lacks of the tables in a folder of results."""
    paths = sorted([*results.rglob("*.csv"), *results.rglob("*.parquet")])
    names = [str(path.relative_to(results)) for path in paths]
    return [
        f"{name}: {lacking}"
        for name, path in zip(names, paths, strict=True)
        if "/" in name and not name.startswith(NOT_DESCRIBED)  # beside folders lies what users make
        for lacking in undescribed_of(name, columns_of(path))
    ]
