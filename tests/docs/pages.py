"""Pages of the documentation, what they show, and a copy of the checkout to do it in."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from mugi.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    if "_build" not in path.relative_to(ROOT).parts
)


def blocks(page: Path, language: str) -> list[str]:
    """Return what stands in the fenced blocks of one language, in order."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """Return the commands of the ```sh blocks, one a line, continued lines joined."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.strip()]


def shown_files(page: Path) -> dict[str, str]:
    """Return the files that a page shows whole, by name: YAML blocks that begin with `# NAME`."""
    text = page.read_text(encoding="utf-8")
    return dict(re.findall(r"^```yaml\n# (\w+\.yaml)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


def apply(page: Path, folder: Path, *languages: str) -> None:
    """Do the edits of a page (or those in some languages): blocks that begin with `# PATH` (a new
    file) or `# in PATH`.

    What is `in` a file comes to its end; a block `diff` replaces its lines ` ` and `-` by those
    with ` ` and `+`, part by part between lines `...`.
    """
    text = page.read_text(encoding="utf-8")
    edits = re.findall(r"^```(\w+)\n# (in )?(\S+\.\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert edits, page
    for language, inside, name, content in edits:
        if languages and language not in languages:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if language == "diff":
            file = path.read_text(encoding="utf-8")
            for part in content.split("...\n"):
                lines = [line or " " for line in part.splitlines()]
                old, new = (
                    "\n".join(line[1:] for line in lines if line[0] in signs)
                    for signs in (" -", " +")
                )
                assert file.count(old) == 1, (page, old)
                file = file.replace(old, new)
            path.write_text(file, encoding="utf-8")
        elif inside:
            path.write_text(f"{path.read_text('utf-8').rstrip()}\n{content}", encoding="utf-8")
        else:
            path.write_text(content, encoding="utf-8")


def run(command: str, folder: Path, *others: str, fails: bool = False) -> str:
    """Run a command line in a copy of the checkout, with its package and in other folders; return
    what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": os.pathsep.join([str(folder), *others])}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.replace("mugi ", "python -m mugi.cli ", 1)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    printed = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, printed
    return printed


def run_here(command: str, folder: Path, fails: bool = False) -> str:
    """Run a `mugi` command line in this process, in a folder; return what it prints."""
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()) as printed,
        contextlib.redirect_stderr(printed),
    ):
        status = main(shlex.split(command)[1:])
    assert (status != 0) == fails, printed.getvalue()
    return printed.getvalue()
