"""Writing the report: pages, one Markdown file, what they need, and copies of what they link to."""

import base64
import json
from importlib.resources import files
from pathlib import Path

from docutils.core import publish_parts
from itables import options
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mugi.errors import InputError, Mistake
from mugi.files import write_bytes
from mugi.report import (
    accuracy,
    chart,
    claims,
    figures,
    gates,
    run,
    sure,
    survives,
    verdict,
    where,
    yourself,
)
from mugi.report.blocks import Page
from mugi.report.results import FILES, Results
from mugi.report.tables import CONCLUSIONS

MADE_BY_US = 'name="generator" content="mugi report"'
MARKDOWN = "report.md"
# in the order of the navigation; in Markdown long ones come later, and *Run*, which alone differs
# from one run to another, comes last
PAGES = [verdict, claims, figures, accuracy, survives, sure, where, gates, run, yourself]
LATER = ["yourself", "figures", "claims", "run"]
# captions come from figures.yaml and from users: nothing in them may read files or write HTML
CAPTIONS = {"file_insertion_enabled": False, "raw_enabled": False, "_disable_config": True}


def write_report(results: str | Path, folder: str | Path) -> list[Page]:
    """Write the report of a folder of results into a folder of its own; return its pages.

    Nothing is needed but some of the tables: pages say what is missing and what makes it. Raises
    InputError for tables that cannot be read, and for a folder with other things in it.
    """
    found, folder = Results(results), Path(folder)
    _check_folder(folder)
    pages = [module.page(found) for module in PAGES]
    written = rendered(found, pages)
    for path in sorted(found.linked):
        written[f"{FILES}/{path}"] = (found.folder / path).read_bytes()
    for path, content in written.items():
        write_bytes(folder / path, content)
    for path in sorted(folder.rglob("*")):  # of an earlier report
        if path.is_file() and str(path.relative_to(folder)) not in written:
            path.unlink()
    return pages


def _check_folder(folder: Path) -> None:
    """Raise InputError for a folder that holds something else than an earlier report."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(Mistake("a file, not a folder", str(folder)))
    # Snakemake takes the first page away before its job; the others are still there
    pages = (path.read_text("utf-8", errors="replace") for path in folder.glob("*.html"))
    is_ours = any(MADE_BY_US in text for text in pages)
    if any(folder.iterdir()) and not is_ours:
        raise InputError(Mistake("not empty, and no report: name a folder of its own", str(folder)))


def rendered(results: Results, pages: list[Page]) -> dict[str, bytes]:
    """Return the files of the report by path, without the copies of results."""
    environment = Environment(
        loader=PackageLoader("mugi.report"),
        autoescape=lambda name: bool(name) and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"kind": kind, "rst": as_html, "as_json": json.dumps}
    html, markdown = (
        environment.get_template("page.html.j2"),
        environment.get_template("report.md.j2"),
    )
    texts = {f"{page.name}.html": html.render(page=page, pages=pages) for page in pages}
    in_order = sorted(pages, key=lambda page: LATER.index(page.name) if page.name in LATER else -1)
    texts[MARKDOWN] = f"{markdown.render(pages=in_order).strip()}\n"
    style = environment.get_template("style.css.j2").render(colours=chart.COLOURS)
    conclusions = results.table(CONCLUSIONS)
    if conclusions is not None:
        texts[chart.NAME] = chart.drawn(verdict.counted(conclusions))
    script = (files("mugi") / "report" / "assets" / "report.js").read_text("utf-8")
    bundle = Path(options.dt_bundle)
    encoded = base64.b64encode(bundle.read_bytes()).decode()
    texts |= {
        "assets/style.css": style,
        "assets/report.js": script,
        "assets/datatables.css": bundle.with_suffix(".css").read_text("utf-8"),
        "assets/datatables.js": f'window.mugiDataTables = "{encoded}";\n',
    }
    return {path: text.encode() for path, text in texts.items()}


def kind(cell: object) -> str:
    """Return what a template makes of a cell."""
    if isinstance(cell, list | tuple):
        return "sequence"
    return type(cell).__name__.lower()


def as_html(source: str) -> Markup:
    """Return reStructuredText as HTML."""
    return Markup(publish_parts(source, writer="html5", settings_overrides=CAPTIONS)["body"])
