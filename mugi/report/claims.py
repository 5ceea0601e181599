"""The page of all claims: each with its values, what moves it, and how to make it again."""

import re
from functools import cache
from urllib.parse import quote, urlencode

import pandas as pd

from mugi.assumptions import REGISTRY
from mugi.figures import FIGURES, SHOWN, output_paths
from mugi.ledger import LEDGER, read_ledgers
from mugi.report.blocks import Block, Cell, Code, Link, Number, Page, Row, Table, Text, Verdict
from mugi.report.results import Results
from mugi.report.sources import PREFIX, SOURCES, rule_of, section_of
from mugi.report.tables import CLAIMS, CONCLUSIONS, SURE, SWITCHES

NUMBERED = re.compile(r"(?:Fig\.|Table) \d+")
PAGE = "claims.html"
SHOWN_OF_MANY = 6
FIRST = re.compile(r"\. (?=[A-Z\"])|: `")  # ends the first sentence of a reason
FEW_FIGURES = 3  # of more that read the same table none is a claim's own
LISTED = "; "  # between ids in a cell


def page(results: Results) -> Page:
    """Return the page of claims."""
    about = "Every quantitative claim of the paper: as printed, computed here, and corrected."
    blocks: list[Block] = [*results.missing(CLAIMS, SWITCHES)]
    claims = claims_of(results)
    if claims is not None:
        blocks += [Text(LEGEND), table(results, claims)]
    return Page("claims", "Claims", about, blocks)


LEGEND = (
    "Why says what we know of a claim beyond its numbers. "
    "Compared says how the value computed with the published assumptions lies to the printed one; "
    "corrected, what becomes of the statement when the errors of the published model are set "
    "right. Open a claim for what moves it and for the command that makes it again."
)


def claims_of(results: Results) -> pd.DataFrame | None:
    """Return the judged claims with numbers as numbers, or None if there are none."""
    claims = results.table(CLAIMS)
    if claims is None:
        return None
    # an empty cell, of a claim that was not computed, becomes NaN and is shown as nothing
    numbers = {name: pd.to_numeric(claims[name], errors="coerce") for name in VALUES}
    return claims.assign(**numbers)


VALUES = ["computed", "corrected"]


def claim_link(name: str) -> Link:
    """Return a link to a claim."""
    return Link(name, f"{PAGE}#{anchor(name)}")


def named(claims: pd.DataFrame) -> dict[str, str]:
    """Return what each claim is about: its statement, design and baseline."""
    over = " over " + claims["baseline"].fillna("").astype(str)
    of = claims["design"].fillna("").astype(str) + over.where(
        claims["baseline"].fillna("") != "", ""
    )
    texts = claims["statement"] + (": " + of).where(of != "", "")
    return dict(zip(claims["id"], texts, strict=True))


def switch(name: str, value: object = "") -> Cell:
    """Return a switch, and what it is set to, linked to what it means."""
    text = f"{name}={value}" if value != "" else name
    return Link(text, f"survives.html#switch-{name}") if name in REGISTRY else Code(text)


def anchor(name: str) -> str:
    """Return what a claim is called in addresses; one that is wrong may have blanks in its id."""
    return re.sub(r"\s+", "_", name)


def filtered(count: int, **filters: str) -> Cell:
    """Return a number of claims, linked to the page that shows these alone."""
    query = f"?{urlencode(filters, quote_via=quote)}" if filters else ""
    return Link(f"{count:,}", f"{PAGE}{query}") if count else "0"


def claim_links(names: str) -> list[Cell]:
    """Return links to the claims that a cell lists."""
    links = [claim_link(name) for name in str(names).split(LISTED) if name]
    return [part for link in links for part in (link, " ")]


def carriers(conclusion) -> list[Cell]:
    """Return links to the claims of a conclusion, of many the first and one to all of them."""
    names = str(conclusion.claims).split(LISTED)
    links = claim_links(LISTED.join(names[:SHOWN_OF_MANY]))
    more = len(names) - SHOWN_OF_MANY
    every = Link(f"and {more} more", f"{PAGE}?conclusion={conclusion.conclusion}")
    return [*links, every] if more > 0 else links


def table(results: Results, claims: pd.DataFrame) -> Table:
    """Return all claims, a row each."""
    moved = moves(results)
    columns = ["claim", "statement", "verdict", "printed", "computed", "corrected", "compared"]
    columns += ["why"]
    rows = []
    for claim in claims.itertuples():
        own = moved.get(claim.id)
        unit = f" {claim.unit}" if claim.unit else ""
        switches = [] if own is None else list(dict.fromkeys(own["assumption"]))
        tags = {
            "verdict": [claim.correction],
            "compared": [claim.comparison],
            "section": [claim.location],
            "assumption": switches,
            "command": [claim.target],
            "conclusion": [one for one in str(claim.conclusion).split(LISTED) if one],
        }
        cells: list[Cell] = [claim.id, claim.statement, Verdict(claim.correction)]
        cells += [f"{claim.printed}{unit}", Number(claim.computed), Number(claim.corrected)]
        cells += [claim.comparison, FIRST.split(str(claim.reason))[0], claim.location]
        rows.append(Row(cells, anchor(claim.id), tags, details(results, claim, own)))
    filters = ("verdict", "compared", "section", "assumption", "command", "conclusion")
    return Table("claims", "All claims", [*columns, "where"], rows, filters)


def details(results: Results, claim, moved: pd.DataFrame | None) -> dict[str, Cell]:
    """Return what a claim's row opens to."""
    source = source_of(results, claim)
    rule = rule_of(source) if source else ""
    section = section_of(source) if source else ""
    over = f"{claim.design} over {claim.baseline}" if claim.baseline else claim.design
    facts: dict[str, Cell] = {
        "of": over,
        "also in the paper": claim.also,
        "judged on": claim.judged_on,
        "under correction": [
            claim.change,
            f"; by one choice {claim.by_one_choice}" * bool(claim.by_one_choice),
        ],
        "95 % interval for unsure unit costs": interval(results, claim.id),
        "one switch at a time": span(moved),
        "moved by": [claim.moved_by, " ", results.link(SWITCHES)] if claim.moved_by else "",
        "make it again": again(claim, source),
        "time and memory": Link("of its rules", "run.html#claims"),
        "table": results.link(source) if source else "",
        "computed as": arithmetic(results, claim),
        "figure": figures_of(results, claim, source),
        "configuration": ["section ", results.section(section)] if section else "",
        "log": spaced(results.logs(rule)) if rule else "",
        "reason": claim.reason,
        "note": claim.note,
        "in the paper": claim.source,
        "conclusion": conclusion_of(results, claim),
    }
    return {name: cell for name, cell in facts.items() if said(cell)}


def arithmetic(results: Results, claim) -> Cell:
    """Return what is computed from the rows of the table, as published and corrected."""
    known = ledger_of(tuple(results.config.get("own_claims", []))).get(claim.id)
    column, corrected = (getattr(known, name, None) for name in ("column", "corrected_column"))
    if not column:
        return ""
    words: list[Cell] = [Code(column.text), f" of {claim.design}"]
    words += [f" over that of {claim.baseline}"] if known.over else []
    return [*words, "; corrected ", Code(corrected.text)] if corrected else words


def conclusion_of(results: Results, claim) -> Cell:
    """Return links to the conclusions that a claim carries."""
    conclusions = results.table(CONCLUSIONS)
    known = set() if conclusions is None else {*conclusions["conclusion"]}
    names = [name for name in str(claim.conclusion).split(LISTED) if name]
    return spaced([Link(one, f"index.html#{one}") if one in known else one for one in names])


def again(claim, source: str) -> Cell:
    """Return the commands that make a claim's table and judge the claim."""
    if not claim.target:
        return ""
    made = Code(f"snakemake {claim.target} {PREFIX}{SWITCHES}")
    if not source:
        return Code(f"snakemake {claim.target}")
    judged = f"mugi claims {PREFIX}{source} {PREFIX}{SWITCHES} --partial -o claims.csv"
    return [made, ", then ", Code(judged)]


def said(cell: Cell) -> bool:
    """Return whether a cell has anything to read."""
    return any(map(said, cell)) if isinstance(cell, list | tuple) else bool(cell)


def spaced(parts: list) -> list:
    """Return parts with blanks between them."""
    return [piece for part in parts for piece in (part, " ")]


@cache
def ledger_of(own: tuple[str, ...]):
    """Return the packaged claims and those of the user's ledgers, the wrong ones too."""
    return read_ledgers([LEDGER, *own])


def source_of(results: Results, claim) -> str:
    """Return the table a claim is computed from, as a path in results; "" if it is not judged."""
    ledger = ledger_of(tuple(results.config.get("own_claims", [])))
    name = getattr(ledger.get(claim.id), "table", None)  # one that is wrong has none
    if not name:
        return ""
    figures = [output_paths(name)[0].removeprefix(PREFIX)] if name in FIGURES else []
    made = [path for source in SOURCES.values() for path in source.makes]
    return next((path for path in [*figures, *made] if path.endswith(f"/{name}.csv")), "")


def figures_of(results: Results, claim, source: str) -> Cell:
    """Return links to the figures that a claim names as its source, or else to few of its table."""
    numbers = NUMBERED.findall(f"{claim.source} {claim.location} {claim.also}")
    shown = [
        name
        for name, figure in FIGURES.items()
        if {*NUMBERED.findall(figure.number)} & {*numbers} or name == claim.target
    ]
    of_table = [name for name, figure in FIGURES.items() if PREFIX + source in figure.inputs]
    shown = shown or of_table * (len(of_table) <= FEW_FIGURES)
    links = [
        Link(FIGURES[name].number, f"figures.html#{name}")
        for name in shown
        if results.has(shown_path(name))
    ]
    return spaced(links)


def shown_path(name: str) -> str:
    """Return the file of a figure that is shown, as a path in results."""
    suffix = SHOWN[FIGURES[name].kind]
    paths = [path for path in output_paths(name) if path.endswith(suffix)]
    return paths[0].removeprefix(PREFIX)


def moves(results: Results) -> dict[str, pd.DataFrame]:
    """Return what single switches make of each claim, on top of all corrected."""
    switches = results.table(SWITCHES)
    if switches is None:
        return {}
    corrected = switches[switches["base"] == "corrected"]
    return dict(iter(corrected.groupby("claim", sort=False)))


def span(moved: pd.DataFrame | None) -> Cell:
    """Return the least and the greatest value that one switch leads to, if any moves it."""
    if moved is None:
        return ""
    ends = [moved.loc[moved["computed"].idxmin()], moved.loc[moved["computed"].idxmax()]]
    parts: list[Cell] = []
    for word, end in zip(["from ", " to "], ends, strict=True):
        parts += [
            word,
            Number(end["computed"]),
            " (",
            switch(end["assumption"], end["value"]),
            ")",
        ]
    return [*parts, f"; {moved['assumption'].nunique()} switches move it"]


def interval(results: Results, name: str) -> Cell:
    """Return a claim's 95 % interval for unsure unit costs, if it has one."""
    sure = results.table(SURE)
    if sure is None:
        return ""
    own = sure[sure["metric"] == name]
    if not len(own) or own["low"].iloc[0] == own["high"].iloc[0]:  # such as of times
        return ""
    return [Number(own["low"].iloc[0]), " to ", Number(own["high"].iloc[0])]
