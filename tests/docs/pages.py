"""Pages of the documentation and the blocks in them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    if "build" not in path.relative_to(ROOT).parts
)


def blocks(page: Path, language: str) -> list[str]:
    """Return what stands in the fenced blocks of one language, in order."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows: blocks whose first line is `# PATH` or `# in PATH`."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```\w+\n# (in )?(\S+\.\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return {f"{place}{name}": content for place, name, content in found}


def commands(page: Path) -> list[str]:
    """Return the commands of the ```sh blocks, one a line, continued lines joined."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.strip()]


def copy_of_the_checkout(folder: Path) -> Path:
    """Return a copy of what git tracks or would, without tests, in a new folder."""
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a command line in a copy of the checkout, with the package of that copy."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(folder)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
