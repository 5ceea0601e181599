"""What the pages show is so: Python sessions, links, method names."""

import doctest
import re
import shlex

import pytest

from mugi.cli import main
from tests.docs.pages import DOCS, PAGES, blocks, commands

SESSIONS = [page for page in PAGES if blocks(page, "pycon")]


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_python_sessions_print_what_the_page_says(page):
    text = "".join(blocks(page, "pycon"))
    session = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(session)
    assert runner.summarize().failed == 0 and session.examples


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [target for target in targets if not target.startswith(("http", "mailto"))]
    missing = [target for target in missing if not (page.parent / target).exists()]
    assert missing == []


def test_every_page_is_in_the_table_of_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = "\n".join(re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL)).splitlines()
    pages = {str(page.relative_to(DOCS))[:-3] for page in PAGES if page.is_relative_to(DOCS)}
    assert pages - {"index"} == set(listed) & pages


SHOWN = [
    (page, command)
    for page in PAGES
    for command in commands(page)
    if command.startswith("mugi ") and "--help" not in command
]


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_commands_have_options_that_there_are(page, command, monkeypatch):
    """All `mugi` commands that pages show are parsed; those of the how-to pages are run there."""
    words = shlex.split(command)[1:]
    monkeypatch.setattr(f"mugi.commands.{words[0]}.run", lambda args: 0)
    assert main(words) == 0
