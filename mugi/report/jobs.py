"""How long the rules of a run took and what memory, from results/benchmarks."""

from pathlib import Path

import pandas as pd

from mugi.files import read_table


def jobs(results: Path) -> pd.DataFrame:
    """Return rule, start and end (s since 1970) and peak memory (MiB) of every job."""
    folder = results / "benchmarks"
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        job, end = read_table(path, sep="\t").iloc[0], path.stat().st_mtime
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        # jobs that end before they are looked at have no memory
        memory = pd.to_numeric(job["max_rss"], errors="coerce")
        rows.append({"rule": rule, "start": end - job["s"], "end": end, "memory_mib": memory})
    return pd.DataFrame(rows, columns=["rule", "start", "end", "memory_mib"])


def by_rule(results: Path) -> pd.DataFrame:
    """Return number of jobs, seconds of all of them and peak memory (MiB) of one, by rule.

    The longest first.
    """
    table = jobs(results)
    table["seconds"] = table["end"] - table["start"]
    grouped = table.groupby("rule")
    summed = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "seconds": grouped["seconds"].sum(),
            "memory_mib": grouped["memory_mib"].max(),
        }
    )
    return summed.sort_values("seconds", ascending=False, kind="stable")
