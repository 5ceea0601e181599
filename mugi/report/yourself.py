"""How a reader makes these results, changes them and checks them."""

from mugi.report.blocks import Block, Code, Heading, Items, Link, Page, Row, Table, Text
from mugi.report.claims import LISTED, SHOWN_OF_MANY, claim_links, claims_of, filtered, source_of
from mugi.report.results import Results
from mugi.report.sources import section_of
from mugi.report.tables import CLAIMS

# what to type, and what it does
COMMANDS = {
    "make": "installs what is pinned and makes everything, this report and Snakemake's own",
    "make smoke": "the whole workflow on little data; ends in PASS or FAIL by mugi compare",
    "make full": "the same on much more text and more models, for hours",
    "snakemake -n": "says what would run, and why",
    "snakemake fig16": "one figure and what it needs; also table3, claims, hardware, accuracy",
    "mugi compare results": "whether results agree with the reference that the package carries",
    "mugi claims results/hardware/hardware.csv --partial -o claims.csv": "judges claims of a table",
    "mugi report results -o FOLDER": "this report, of whatever there is in results",
    "snakemake --report results/report.html": "Snakemake's own report: how each file was made",
}
CHANGES = {
    "another assumption": "preset or assumption.NAME in the section hardware of config.yaml "
    "(docs/reference/assumptions.md)",
    "another unit cost": "a technology in YAML (docs/reference/design.md)",
    "another accelerator": "a design in YAML (docs/howto/accelerator.md)",
    "another model": "a config.json or a YAML (docs/howto/model.md)",
    "a claim of your own": "a ledger in YAML (docs/howto/claim.md)",
}


def page(results: Results) -> Page:
    """Return the page of commands."""
    about = "The commands that make, check and change what this report shows."
    blocks: list[Block] = [*results.missing(CLAIMS), Heading("Commands", "commands")]
    blocks.append(Items([[Code(command), f" {words}."] for command, words in COMMANDS.items()]))
    blocks += [
        Heading("Ask something else", "changes"),
        Text("An edited setting, table or module makes Snakemake run what depends on it again."),
        Items([f"{what}: {how}." for what, how in CHANGES.items()]),
        Heading("More", "documentation"),
        Text(
            "The pages named here are in the folder docs/ of the repository (make docs makes them "
            "a site). How long things took, on which machine: "
        ),
        Items([[Link("time and memory", "run.html#rules")], [SNAKEMAKE, " if it was made"]]),
    ]
    claims = claims_of(results)
    if claims is not None:
        blocks += commands(results, claims)
    return Page("yourself", "Do it yourself", about, blocks)


SNAKEMAKE = Link("Snakemake's own report", "../report.html")


def commands(results: Results, claims) -> list[Block]:
    """Return which command makes which claims, from which table and section."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for claim in claims.itertuples():
        grouped.setdefault((claim.target, source_of(results, claim)), []).append(claim.id)
    rows = []
    for (target, source), names in grouped.items():
        section = section_of(source) if source else ""
        rows.append(
            Row(
                [
                    Code(f"snakemake {target}"),
                    [
                        *claim_links(LISTED.join(names[:SHOWN_OF_MANY])),
                        *[" of ", filtered(len(names), command=target)]
                        * (len(names) > SHOWN_OF_MANY),
                    ],
                    results.link(source) if source else "not judged here",
                    results.section(section),
                ]
            )
        )
    title = "Which command makes which claims"
    columns = ["command", "claims", "table", "section of config.yaml"]
    return [Heading(title, "by-command"), Table("by-command", title, columns, rows)]
