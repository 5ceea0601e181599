"""Write what to deposit for a DOI: source, results, how they were made, checksums.

    python workflow/scripts/archive.py [RESULTS [FOLDER]]

FOLDER gets NAME-source.tar.gz (the commit), NAME-run.crate.zip (an RO-Crate: results without what
is bulky and made again, workflow, and how each file was made), manifest.json and SHA256SUMS. The
same commit and results give the same bytes. Ends with status 2 and one line where they do not
belong together: changed files, a run that has not finished, results of another commit.
"""

import gzip
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mugi
from mugi.crate import ended_run, write_crate, zipped
from mugi.errors import InputError, Mistake, raise_all
from mugi.files import sha256_of, write_bytes, write_text
from mugi.manifest import checkout
from mugi.record import FINISHED, RUN

ROOT = Path(__file__).resolve().parents[2]
NAME = f"mugi-repro-{mugi.__version__}"
SHOWN = 3  # changed files that a mistake names


def main(results: Path, folder: Path) -> None:
    """Check that commit and results belong together, then write the deposit."""
    check(results)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / f"{NAME}-source.tar.gz", source())
    with tempfile.TemporaryDirectory(dir=folder) as place:
        write_crate(results, Path(place) / "crate")
        zipped(Path(place) / "crate", folder / f"{NAME}-run.crate.zip")
    shutil.copyfile(results / "manifest.json", folder / "manifest.json")
    paths = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in paths]
    write_text(folder / "SHA256SUMS", "".join(lines))
    for path in paths:
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def check(results: Path) -> None:
    """Raise InputError unless the results are those of a finished run of this commit."""
    record = ended_run(results)
    commit, changed = checkout(ROOT)
    made = record["manifest"]
    mistakes = []
    if commit is None:
        mistakes.append(Mistake("no git checkout: there is no source to archive", str(ROOT)))
    if changed:
        named = ", ".join(changed[:SHOWN]) + (", …" if len(changed) > SHOWN else "")
        mistakes.append(Mistake(f"not committed: {named}", str(ROOT)))
    if record["state"] != FINISHED:
        mistakes.append(Mistake(f"the last run has {record['state']}", str(results / RUN)))
    if commit and (made["commit"], made["dirty"]) != (commit, False):
        mistakes.append(Mistake(f"no run of commit {commit[:12]}; run `snakemake`", str(results)))
    raise_all(mistakes)


def source() -> bytes:
    """Return the commit as .tar.gz, whose bytes depend on it alone."""
    command = ["git", "archive", "--format=tar", f"--prefix={NAME}/", "HEAD"]
    tar = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as file:
        file.write(tar)
    return packed.getvalue()


if __name__ == "__main__":
    results, folder, *_ = map(Path, [*sys.argv[1:], *("results", "deposit")[len(sys.argv) - 1 :]])
    try:
        main(results, folder)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
