"""Repair a virtual environment whose project was moved or copied: its files name the old folder.

    python workflow/scripts/relocate.py VENV

Without it, commands of a copy would silently run the original's code. Needs no network.
"""

import sys
from pathlib import Path

NOTE = "project_folder"  # in the environment: where its project stands


def main(environment: Path, project: Path) -> str:
    """Put the project's folder in place of its old one; return what was done, if anything."""
    note = environment / NOTE
    old = note.read_text(encoding="utf-8") if note.is_file() else str(project)
    changed = 0
    if old != str(project):
        for path in named_in(environment):
            content = path.read_bytes()
            new = content.replace(old.encode(), str(project).encode())
            if new != content:
                path.write_bytes(new)
                changed += 1
    note.write_text(str(project), encoding="utf-8")
    return f"{environment} was made in {old}: {changed} of its files repaired" if changed else ""


def named_in(environment: Path) -> list[Path]:
    """Return the files that hold absolute paths: scripts, settings, and how packages are found."""
    patterns = ["pyvenv.cfg", "bin/*", "lib/*/site-packages/*.pth"]
    patterns += ["lib/*/site-packages/__editable__*.py", "lib/*/site-packages/*/direct_url.json"]
    found = (path for pattern in patterns for path in environment.glob(pattern))
    return [path for path in found if path.is_file() and not path.is_symlink()]


if __name__ == "__main__":
    told = main(Path(sys.argv[1]), Path.cwd())
    if told:
        print(told)
