"""What Tables 1, 2 and 3 share: rows of text as Markdown and LaTeX, and writing them."""

from pathlib import Path

import pandas as pd

from mugi.files import write_table, write_text

MARKS = {"²": "$^2$", "×": r"$\times$", "µ": r"\textmu ", "%": r"\%", "_": r"\_"}


def markdown(title: str, headings: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table; numbers stand to the right."""
    sides = ["--:" if is_number(cell) else "---" for cell in rows[0]]
    lines = [f"| {' | '.join(cells)} |" for cells in [headings, sides, *rows]]
    return [f"**{title}**", "", *lines, ""]


def latex(title: str, headings: list[str], rows: list[list[str]], rules: list[int]) -> list[str]:
    """Return the lines of a LaTeX `tabular` (package booktabs), a rule before the rows `rules`."""
    sides = "".join("r" if is_number(cell) else "l" for cell in rows[0])
    lines = [f"% {title}", rf"\begin{{tabular}}{{{sides}}}", r"\toprule", escaped(headings)]
    for number, cells in enumerate(rows):
        lines += [r"\midrule"] * (number in rules) + [escaped(cells)]
    return [*lines, r"\bottomrule", r"\end{tabular}", ""]


def is_number(cell: str) -> bool:
    """Return whether `cell` is printed as a number."""
    return cell.replace(".", "").replace("-", "").isdigit()


def escaped(cells: list[str]) -> str:
    """Return a LaTeX row, with what is not ASCII written as commands."""
    line = " & ".join(cells)
    for mark, command in MARKS.items():
        line = line.replace(mark, command)
    return rf"{line} \\"


def save(
    stem: Path,
    table: pd.DataFrame,
    parts: dict[str, list[list[str]]],
    note: str,
    rules: list[int] = (0,),
) -> None:
    """Write stem.csv from `table`, and stem.md and stem.tex from `parts`.

    A part is a title with its rows, the headings first.
    """
    text, tex = [], []
    for title, (headings, *rows) in parts.items():
        text += markdown(title, headings, rows)
        tex += latex(title, headings, rows, rules)
    write_table(table, stem.with_name(f"{stem.name}.csv"))
    write_text(stem.with_name(f"{stem.name}.md"), "\n".join([*text, note, ""]))
    write_text(stem.with_name(f"{stem.name}.tex"), "\n".join([*tex, f"% {note}", ""]))
