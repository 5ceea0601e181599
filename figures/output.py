"""Figure scripts as commands: arguments, one line for a mistake, and the files they write.

A figure is PDF, PNG and a CSV of exactly what is drawn; a table is CSV, Markdown and LaTeX.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from mugi.errors import InputError
from mugi.files import pictures, write_bytes, write_table, write_text

LATEX = {"²": "$^2$", "×": r"$\times$", "µ": r"\textmu "}


def run_script(make: Callable, description: str, tables: str | None = None) -> int:
    """Run a figure script: call `make(table, stem)` with the paths on the command line.

    With `tables="+"` the first is a list of paths. Returns 0, or 2 after printing one line for each
    mistake in the input.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("table", type=Path, nargs=tables, help="result table to draw")
    parser.add_argument("-o", "--output", type=Path, required=True, help="path without suffix")
    args = parser.parse_args()
    try:
        make(args.table, args.output)
    except InputError as error:
        for line in str(error).splitlines():
            print(f"{Path(sys.argv[0]).stem}: {line}", file=sys.stderr)
        return 2
    return 0


def save_figure(figure, stem: Path, drawn: pd.DataFrame) -> None:
    """Write `figure` as stem.pdf and stem.png, without dates, and its table as stem.csv."""
    contents = pictures(figure)
    plt.close(figure)
    write_table(drawn, stem.with_name(f"{stem.name}.csv"))
    for suffix, content in contents.items():
        write_bytes(stem.with_name(f"{stem.name}.{suffix}"), content)


def save_table(
    stem: Path,
    table: pd.DataFrame,
    printed: dict[str, pd.DataFrame],
    note: str,
    rules: Iterable[int] = (),
) -> None:
    """Write stem.csv from `table`, and stem.md and stem.tex from `printed` (title -> text cells).

    LaTeX has a line before the rows `rules`.
    """
    markdown = [f"**{title}**\n\n{markdown_of(cells)}\n" for title, cells in printed.items()]
    latex = [f"% {title}\n{latex_of(cells, rules)}" for title, cells in printed.items()]
    write_table(table, stem.with_name(f"{stem.name}.csv"))
    write_text(stem.with_name(f"{stem.name}.md"), "\n".join([*markdown, note, ""]))
    write_text(stem.with_name(f"{stem.name}.tex"), "\n".join([*latex, f"% {note}", ""]))


def sides(cells: pd.DataFrame) -> list[str]:
    """Return where the text of each column stands: numbers to the right."""
    first = cells.iloc[0].str.replace(r"[.-]", "", regex=True)
    return ["right" if number else "left" for number in first.str.isdigit()]


def markdown_of(cells: pd.DataFrame) -> str:
    """Return a table of texts in Markdown, as they are."""
    return cells.to_markdown(index=False, disable_numparse=True, colalign=sides(cells))


def latex_of(cells: pd.DataFrame, rules: Iterable[int]) -> str:
    """Return a table of texts as a LaTeX `tabular` (package booktabs)."""
    columns = "".join(side[0] for side in sides(cells))
    style = cells.style.format(escape="latex").format_index(escape="latex", axis=1)
    lines = style.hide(axis="index").to_latex(hrules=True, column_format=columns).splitlines()
    body = lines.index(r"\midrule") + 1
    for place in sorted(set(rules) - {0}, reverse=True):
        lines.insert(body + place, r"\midrule")
    text = "\n".join([*lines, ""])
    for mark, command in LATEX.items():
        text = text.replace(mark, command)
    return text
