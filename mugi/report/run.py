"""How the results were made: code, configuration, machine, time and memory of each rule."""

import json

import pandas as pd

from mugi.record import KEPT, RUNNING
from mugi.report.blocks import (
    Block,
    Cell,
    Code,
    Facts,
    Heading,
    Missing,
    Number,
    Page,
    Pre,
    Row,
    Table,
    Text,
)
from mugi.report.claims import LISTED, claim_links, claims_of, source_of
from mugi.report.jobs import by_rule
from mugi.report.results import MANIFEST, Results
from mugi.report.sources import rules_for

PLAIN = ["mugi", "commit", "python", "system", "host", "processor", "cores", "memory_gib"]


def page(results: Results) -> Page:
    """Return the page of the run, which alone differs from one run to another."""
    about = "Which code, configuration and machine made these results, and what each rule took."
    blocks: list[Block] = [*results.missing(MANIFEST)]
    made = results.manifest
    if made:
        facts: dict[str, Cell] = {name.replace("_", " "): told(made.get(name)) for name in PLAIN}
        facts["changed since the commit"] = changed(made)
        blocks += [Heading("Made by", "made"), Facts(facts)]
    blocks += last_run(results)
    blocks += took(results)
    if made:
        blocks.append(Heading("Configuration", "configuration"))
        blocks += [
            Pre(name, json.dumps(value, indent=1, ensure_ascii=False), f"config-{name}")
            for name, value in results.config.items()
        ]
        versions = [Row([name, version]) for name, version in made.get("packages", {}).items()]
        blocks += [
            Heading("Packages", "packages"),
            Table("packages", "Installed packages", ["package", "version"], versions),
        ]
    return Page("run", "Run", about, blocks)


def last_run(results: Results) -> list[Block]:
    """Return how the last run ended, what it made again and why, and how runs before it ended."""
    record = results.record
    if not record:
        return []
    state = record["state"]
    jobs = [job for job in record["jobs"] if job["state"] != KEPT]
    facts: dict[str, Cell] = {
        "state": "running while this page was written" if state == RUNNING else state,
        "started": record["started"],
        "ended": told(record["ended"]),
        "jobs kept from earlier runs": str(len(record["jobs"]) - len(jobs)),
    }
    rows = [
        Row([job["rule"], of(job), job["state"], job["reason"], results.logs(job["rule"])])
        for job in jobs
    ]
    columns = ["rule", "of", "state", "reason", "said"]
    title = "Jobs of the last run, and why each had to run"
    blocks: list[Block] = [Heading("Last run", "last"), Facts(facts)]
    blocks.append(Table("jobs", title, columns, rows))
    earlier = [
        Row(
            [
                run["state"],
                run["started"],
                told(run["ended"]),
                *map(Number, (run["finished"], run["failed"])),
            ]
        )
        for run in record["earlier"]
    ]
    if earlier:
        columns = ["state", "started", "ended", "jobs finished", "jobs failed"]
        blocks.append(Table("earlier", "Runs before it", columns, earlier))
    return blocks


def of(job: dict) -> str:
    """Return the wildcards of a job."""
    return ", ".join(f"{name}={value}" for name, value in job["wildcards"].items())


def told(value: object) -> str:
    """Return a value of the manifest, or that it is not known."""
    return "not known" if value is None else str(value)


def changed(made: dict) -> str:
    """Return which files differed from the commit."""
    if made.get("commit") is None:
        return "not known: not a git checkout"
    files = made.get("changed_files", [])
    return f"{len(files)} files (dirty): {', '.join(files)}" if files else "nothing (clean)"


def took(results: Results) -> list[Block]:
    """Return seconds and memory of every rule, and of what each claim needs."""
    rules = by_rule(results.folder)
    if not len(rules):
        return [Missing("results/benchmarks has no times yet", "snakemake")]
    rows = [
        Row([rule, Number(row["jobs"]), Number(row["seconds"], 3), Number(row["memory_mib"], 4)])
        for rule, row in rules.iterrows()
    ]
    columns = ["rule", "jobs", "seconds, all jobs", "peak memory of a job [MiB]"]
    blocks: list[Block] = [
        Heading("Time and memory of each rule", "rules"),
        Table("rules", "Rules", columns, rows),
    ]
    claims = claims_of(results)
    if claims is None:
        return blocks
    title = "Claim, command, time, memory"
    words = (
        "What a claim takes from nothing: seconds of all jobs of the rules that lead to its table, "
        "one after the other. Rules that this run did not need to run again have their last time."
    )
    rows = [
        Row(
            [
                *[claim_links(LISTED.join(one.claims)), Code(one.command), Number(one.seconds, 3)],
                *[Number(one.memory_mib, 4), one.rules],
            ]
        )
        for one in needs(results, claims, rules).itertuples()
    ]
    columns = ["claims", "command", "seconds", "peak memory [MiB]", "rules"]
    return [
        *blocks,
        Heading(title, "claims"),
        Text(words),
        Table("claims", title, columns, rows),
    ]


def needs(results: Results, claims: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return command, seconds, peak memory (MiB) and rules of claims that need the same rules."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for claim in claims.itertuples():
        source = source_of(results, claim)
        if source:
            key = f"snakemake {claim.target}", tuple(rules_for(source))
            grouped.setdefault(key, []).append(claim.id)
    rows = []
    for (command, chain), names in grouped.items():
        needed = [name for name in chain if name in rules.index]
        rows.append(
            {
                "claims": names,
                "command": command,
                "seconds": rules.loc[needed, "seconds"].sum(),
                "memory_mib": rules.loc[needed, "memory_mib"].max(),
                "rules": ", ".join(needed),
            }
        )
    return pd.DataFrame(rows, columns=["claims", "command", "seconds", "memory_mib", "rules"])
