"""docs/howto/explore.md: its commands and programs print what the page shows.

`python -m tests.docs.test_explore` writes the outputs on the page anew.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from mugi.explore import DERIVED
from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "howto" / "explore.md"


def with_outputs(folder: Path) -> str:
    """Return the page with its blocks run in `folder` and their outputs written in."""
    (folder / "docs").symlink_to(DOCS)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    names, printed = {}, ""

    def done(match: re.Match) -> str:
        nonlocal printed
        language, body = match.groups()
        if language == "bash":
            command = body.replace("mugi ", f"{sys.executable} -m mugi.cli ", 1)
            subprocess.run(["bash", "-e"], input=command, text=True, env=environment, check=True)
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(body, names)
            printed = stream.getvalue()
        return f"```text\n{printed}```" if language == "text" else match[0]

    with contextlib.chdir(folder):
        text = PAGE.read_text(encoding="utf-8")
        return re.sub(r"```(bash|python|text)\n(.*?)```", done, text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("page")
    return folder, with_outputs(folder)


def test_the_page_shows_what_its_commands_print(page):
    assert PAGE.read_text(encoding="utf-8") == page[1], "python -m tests.docs.test_explore"


def test_numbers_in_the_text_are_in_the_outputs(page):
    example = page[1].split("## Example")[1]
    outputs = " ".join(re.findall(r"```text\n(.*?)```", example, flags=re.DOTALL)).split()
    text = re.sub(r"```.*?```", "", example, flags=re.DOTALL)
    quoted = re.findall(r"(\d+\.\d+)×", text) + re.findall(r"(\d+) s\b", text)
    assert len(quoted) >= 8
    assert [number for number in quoted if number not in outputs] == []


def test_published_lead_over_sa16(page):
    table = pd.read_parquet(page[0] / "explore.parquet")
    mugi = table[(table.design == "mugi") & (table.array_height == 256)]
    rival = table[(table.variant == "mac") & (table.array_height == 16)]
    lead = mugi.set_index("batch_size").tokens_per_s / rival.set_index("batch_size").tokens_per_s
    assert lead.loc[[8, 16, 32]].round(2).tolist() == [2.07, 1.14, 1.14]


def test_plot_shows_every_run(page):
    shown = pd.read_csv(page[0] / "explore.csv")
    assert len(shown) == 135
    assert set(shown.chip) == {"mugi vlp", "systolic mac", "systolic figna"}
    assert (page[0] / "explore.pdf").read_bytes().startswith(b"%PDF")
    assert (page[0] / "explore.png").stat().st_size > 10_000


def test_derived_metrics_are_explained():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in DERIVED)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(with_outputs(Path(scratch)))
