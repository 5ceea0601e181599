"""Run the workflow on little data in a folder of its own, check what it leaves: PASS or FAIL.

    python workflow/scripts/smoke.py [FOLDER]

One line a check; status 0 if all pass. What the jobs said is in FOLDER/results/logs.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from mugi.claim import EQUAL, NOT_HERE
from mugi.compare import compare
from mugi.config import read
from mugi.figures import output_paths
from mugi.files import read_table
from mugi.report.write import PAGES
from mugi.verdicts import NOT_RUN

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "smoke.yaml"


def main(folder: Path) -> int:
    """Run everything in an empty `folder` and print a line for each check."""
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [
        *[sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")],
        *["--directory", str(folder), "--configfile", str(CONFIG), "--quiet", "all"],
    ]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    checks = {
        "workflow": lambda results: f"{finished(status)}, logs in {results / 'logs'}",
        "figures and tables": figures,
        "simulated array": array,
        "cost model": table3,
        "accuracy": accuracy,
        "claims": claims,
        "report": report,
        "mugi compare": reference,
    }
    passed = [told(name, check, folder / "results") for name, check in checks.items()]
    verdict = "PASS" if all(passed) else "FAIL"
    print(f"{verdict}: {sum(passed)} of {len(passed)} checks, {time.monotonic() - began:.0f} s")
    return 0 if all(passed) else 1


def told(name: str, check: Callable[[Path], str], results: Path) -> bool:
    """Print whether a check passes, with what it found; return whether it does."""
    try:
        print(f"ok    {name}: {check(results)}")
        return True
    except (AssertionError, OSError, ValueError) as error:  # InputError is a ValueError
        print(f"FAIL  {name}: {' '.join(str(error).split())}")
        return False


def finished(status: int) -> str:
    assert status == 0, f"snakemake ended with status {status}"
    return "every job finished"


def figures(results: Path) -> str:
    """Every file of the configured figures and tables is there."""
    names = read(ROOT / "config.yaml", CONFIG).content["figures"]
    paths = [results.parent / path for name in names for path in output_paths(name)]
    missing = [path.name for path in paths if not path.is_file() or not path.stat().st_size]
    assert not missing, f"missing {', '.join(missing)}"
    return f"{len(names)} drawn"


def array(results: Path) -> str:
    """The simulated array gives the bits of plain references."""
    simulated = read_table(
        results / "array" / "simulated.csv", ["operation"], ["different_outputs"]
    )
    wrong = simulated[simulated["different_outputs"] > 0]
    assert wrong.empty, f"other bits in {', '.join(wrong['operation'])}"
    return f"the bits of plain references in {len(simulated)} operations"


def table3(results: Path) -> str:
    """The cost model reproduces the paper's Table 3."""
    claims = read_table(results / "claims" / "claims.csv", ["location", "comparison"])
    cells = claims[claims["location"] == "Table 3"]
    differ = cells[cells["comparison"] != EQUAL]
    assert len(cells) and differ.empty, f"{len(differ)} of {len(cells)} cells of Table 3 differ"
    return f"all {len(cells)} cells of Table 3 as printed"


def accuracy(results: Path) -> str:
    """Exact tables are nearly the model itself; every number is finite."""
    table = read_table(results / "accuracy" / "accuracy.csv", ["softmax", "metric", "reference"])
    values = pd.to_numeric(table["value"])
    assert values.notna().all(), "a value is not a number"
    exact = table[(table["softmax"] == "exact") & (table["woq"] == "native")]
    exact = exact[(exact["metric"] == "kl_divergence_nats") & (exact["reference"] == "native")]
    distance = exact["value"].astype(float).max()
    assert distance < 0.01, f"exact tables are {distance:.3g} nats from the model"
    return f"exact tables are {distance:.1e} nats from the model"


def claims(results: Path) -> str:
    """No claim contradicts its comparison on record."""
    table = read_table(results / "claims" / "claims.csv", ["comparison", "agrees"])
    contradicted = table[table["agrees"].astype(str) != "True"]
    assert contradicted.empty, f"{', '.join(contradicted['id'])} contradict the record"
    judged = (~table["comparison"].isin([NOT_HERE, NOT_RUN])).sum()
    return f"{judged} of {len(table)} judged, none contradicts its record"


def report(results: Path) -> str:
    """The report is there with its pages, and tells what this small run leaves out."""
    pages = sorted((results / "report").glob("*.html"))
    markdown = results / "report" / "report.md"
    assert len(pages) == len(PAGES) and markdown.is_file(), f"{len(pages)} pages"
    return f"{len(pages)} pages, {results / 'report' / 'index.html'}"


def reference(results: Path) -> str:
    """The tables agree with those that the package carries of a smoke run."""
    compared = compare(results=results, reference="smoke")
    odd = [one for one in compared if len(one.differences) or one.note]
    told = "; ".join(f"{one.table}: {one.note or first(one.differences)}" for one in odd)
    assert not odd, f"{told} (mugi compare {results} smoke lists all)"
    return f"{len(compared)} tables agree with the reference"


def first(differences: pd.DataFrame) -> str:
    row = differences.iloc[0]
    return f"{row['row']}, {row['column']} {row['value']}, reference {row['reference']}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "results-smoke").resolve()))
