"""Exploration: sweeps, Pareto fronts against their definition, plots, bad input, and the docs.

`python tests/test_explore.py` writes the outputs in docs/exploration.md anew.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "exploration.md"


def docs_with_outputs(folder: Path) -> str:
    """Return docs/exploration.md with its blocks run in `folder` and their outputs written in."""
    (folder / "docs").symlink_to(ROOT / "docs")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    names, printed = {}, ""

    def done(match: re.Match) -> str:
        nonlocal printed
        language, body = match.groups()
        if language == "bash":
            environment = os.environ | {"PATH": path}
            subprocess.run(["bash", "-e"], input=body, text=True, env=environment, check=True)
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(body, names)
            printed = stream.getvalue()
        return f"```text\n{printed}```" if language == "text" else match[0]

    with contextlib.chdir(folder):
        return re.sub(r"```(bash|python|text)\n(.*?)```", done, DOCS.read_text(), flags=re.DOTALL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        DOCS.write_text(docs_with_outputs(Path(scratch)))
