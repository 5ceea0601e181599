"""Licences and known vulnerabilities of the dependencies.

    python workflow/scripts/audit.py TOOLS FOLDER

TOOLS is an environment with pip-licenses and pip-audit (`make audit` makes it); licences are those
of the packages installed beside this Python, vulnerabilities those of the versions in
constraints.txt, as PyPI's advisory database knows them. Writes licences.csv and, where that
database answers, vulnerabilities.csv into FOLDER. Status 1 if there are vulnerabilities.
"""

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNSAID = "UNKNOWN"


def main(tools: Path, folder: Path) -> int:
    """Write both tables and print a line or more for each."""
    folder.mkdir(parents=True, exist_ok=True)
    print(licences(tools, folder / "licences.csv"))
    found, skipped, reason = looked_up(tools, ROOT / "constraints.txt")
    if reason:
        print(f"vulnerabilities: not looked up, the database does not answer: {reason}")
        return 0
    rows = [
        (package["name"], package["version"], one["id"], " ".join(one["fix_versions"]))
        for package in found
        for one in package["vulns"]
    ]
    write(folder / "vulnerabilities.csv", ("package", "version", "advisory", "fixed_in"), rows)
    print(f"vulnerabilities: {len(rows)} in {len(found)} packages", end="")
    print(f"; not known to the database: {', '.join(skipped)}" if skipped else "")
    for row in rows:
        print(f"  {row[0]} {row[1]}: {row[2]}, fixed in {row[3] or 'no version'}")
    return 1 if rows else 0


def licences(tools: Path, path: Path) -> str:
    """Write the licence of each installed package; return how many have which."""
    command = [tools / "bin" / "pip-licenses", "--python", sys.executable, "--format", "json"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    rows = [(one["Name"], one["Version"], short(one["License"])) for one in listed]
    write(path, ("package", "version", "licence"), sorted(rows, key=lambda row: row[0].lower()))
    counts = Counter(licence for *_, licence in rows)
    most = ", ".join(f"{licence} {count}" for licence, count in counts.most_common(5))
    unsaid = [name for name, _, licence in rows if licence == UNSAID]
    told = f"licences: {len(rows)} packages ({most}, …) in {path}"
    return told + (f"; none said by {', '.join(unsaid)}" if unsaid else "")


def short(licence: str) -> str:
    """Return a licence in a line: some packages put its whole text there."""
    first = licence.strip().splitlines()[0] if licence.strip() else UNSAID
    return first if len(first) <= 120 else f"{first[:119]}…"


def looked_up(tools: Path, pinned: Path) -> tuple[list[dict], list[str], str]:
    """Return packages with what is known of them, names not in the database, and why it failed."""
    command = [tools / "bin" / "pip-audit", "-r", pinned, "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        return [], [], lines[-1][:300]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    found = [one for one in packages if "skip_reason" not in one]
    # a mirror of the index alone says of every package that there is none
    return found, skipped, "" if found else f"none of {len(packages)} packages is known to it"


def write(path: Path, heading: tuple, rows: list[tuple]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([heading, *rows])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
