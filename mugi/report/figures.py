"""All figures and tables: caption, data, script and command of each."""

from pathlib import Path

from mugi.figures import FIGURES, OWN_SCRIPTS, add_figures, captioned, output_paths
from mugi.report.blocks import (
    Block,
    Caption,
    Cell,
    Code,
    Facts,
    Heading,
    Link,
    Missing,
    Number,
    Page,
    Picture,
    Row,
    Table,
    Text,
)
from mugi.report.results import MANIFEST, Results
from mugi.report.sources import PREFIX

MOST_ROWS = 300  # of a table that is shown whole


def page(results: Results) -> Page:
    """Return the page of figures."""
    for own in results.config.get("own_figures", []):
        add_figures(own)
    there = [name for name in FIGURES if results.has(stem(name) + ".csv")]
    blocks: list[Block] = [] if results.config else [*results.missing(MANIFEST)]
    blocks += [
        Missing(f"{FIGURES[name].number} ({name}) is not made yet", f"snakemake {name}")
        for name in FIGURES
        if name not in there
    ]
    for name in there:
        blocks += [Heading(f"{FIGURES[name].number}: {FIGURES[name].title}", name)]
        blocks += shown(results, name)
    about = "Each figure and table with its caption, its data, the script and the command."
    return Page("figures", "Figures", about, blocks)


def stem(name: str) -> str:
    """Return the path in results of a figure's files, without suffix."""
    return output_paths(name)[0].removeprefix(PREFIX).removesuffix(".csv")


def shown(results: Results, name: str) -> list[Block]:
    """Return a figure or table with all that belongs to it."""
    figure = FIGURES[name]
    blocks: list[Block] = []
    if figure.kind == "figure":
        link = results.link(f"{stem(name)}.png")
        if isinstance(link, Link):
            blocks.append(Picture(link.href, alternative(name)))
    else:
        blocks.append(as_table(results, name))
    if results.config or "{{" not in FIGURES[name].caption:
        blocks.append(Caption(captioned(name, results.config)))
    inputs = [
        path if path.startswith("mugi/") else results.link(path.removeprefix(PREFIX))
        for path in inputs_of(results, name)  # those of the package are no results
    ]
    facts = {
        "files": spaced([results.link(path.removeprefix(PREFIX)) for path in output_paths(name)]),
        "data": spaced(inputs),
        "script": Code(str(OWN_SCRIPTS.get(name, Path("figures") / f"{name}.py"))),
        "command": Code(f"snakemake {name}"),
        "log": spaced(results.logs(name)) or "none",
    }
    return [*blocks, Facts(facts)]


def spaced(parts: list) -> list:
    """Return parts with blanks between them."""
    return [piece for part in parts for piece in (part, " ")]


def inputs_of(results: Results, name: str) -> list[str]:
    """Return the tables that a figure reads; as patterns where the configuration is not known."""
    figure = FIGURES[name]
    return figure.input_paths(results.config) if results.config else figure.inputs


def alternative(name: str) -> str:
    """Return what a picture shows, for those who do not see it."""
    figure = FIGURES[name]
    return f"{figure.number}: {figure.title}. Its numbers are in {name}.csv, linked below."


def as_table(results: Results, name: str) -> Block:
    """Return a table whole, or a word on where it is if it is long."""
    path = f"{stem(name)}.csv"
    table = results.table(path)
    if table is None or len(table) > MOST_ROWS:
        return Text([f"{0 if table is None else len(table):,} rows, in ", results.link(path)])
    rows = [Row(list(map(celled, row))) for row in table.itertuples(index=False)]
    return Table(name, FIGURES[name].title, list(table.columns), rows)


def celled(value: object) -> Cell:
    """Return a cell of a table, floats as numbers of few digits."""
    return Number(value) if isinstance(value, float) else str(value)


def drawn_from(results: Results, *sources: str) -> list[Block]:
    """Return the figures that read tables whose paths begin so, with a link to all about them."""
    blocks: list[Block] = []
    for name, figure in FIGURES.items():
        reads = [path.removeprefix(PREFIX) for path in figure.inputs]
        if not any(path.startswith(source) for path in reads for source in sources):
            continue
        if not results.has(f"{stem(name)}.csv"):
            blocks.append(Missing(f"{figure.number} ({name}) is not made yet", f"snakemake {name}"))
            continue
        blocks += [Heading(f"{figure.number}: {figure.title}", name), *shown(results, name)]
    return blocks
