"""The errands of CONTRIBUTING.md: what it points at is there, in at most three hops."""

import re

import pytest

from tests.docs.pages import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ERRANDS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##)", TEXT, re.DOTALL | re.MULTILINE))
QUESTIONS = [name for name in ERRANDS if name.endswith("?")]
HOP = re.compile(r"^\| (\d) \| `([^`]+)` \| `([^`]+)`", re.MULTILINE)


def test_there_are_seven_errands():
    assert len(ERRANDS) == 7 and len(QUESTIONS) == 4


@pytest.mark.parametrize("errand", QUESTIONS)
def test_every_hop_is_there(errand):
    hops = HOP.findall(ERRANDS[errand])
    assert [int(number) for number, *_ in hops] == list(range(1, len(hops) + 1))
    assert 1 <= len(hops) <= 3
    for _, path, sought in hops:
        assert sought in (ROOT / path).read_text(encoding="utf-8"), (path, sought)


def test_hops_lead_from_one_to_the_next():
    """Fig. 12's entry names the table that the rule writes; ABS-3 divides Mugi by SA(16)."""
    figures = (ROOT / "mugi/figures.yaml").read_text(encoding="utf-8")
    rule = (ROOT / "workflow/rules/hardware.smk").read_text(encoding="utf-8")
    fig12 = figures.split("\nfig12:")[1].split("\nfig13:")[0]
    assert "results/hardware/hardware.csv" in fig12 and "results/hardware/hardware.csv" in rule
    claim = (ROOT / "mugi/claims.yaml").read_text(encoding="utf-8").split("\n  ABS-3:")[1]
    claim = claim.split("\n  ABS-4:")[0]
    assert all(part in claim for part in ['"2.07"', "where: mugi_256", "over: sa_16"])


@pytest.mark.parametrize("errand", [name for name in ERRANDS if name not in QUESTIONS])
def test_errands_that_add_name_their_page_and_files(errand):
    """The pages themselves are followed in test_howto.py."""
    (page,) = re.findall(r"\[how\]\((.*?)\)", ERRANDS[errand])
    assert (ROOT / page).is_file()
    files = re.findall(r"`([\w/]+(?:\.\w+|/))`", ERRANDS[errand])
    assert files and all((ROOT / file).exists() for file in files)


def test_folders_of_the_map_exist():
    layout = TEXT.split("```text\n")[1].split("```")[0]
    names = [
        line.split("  ")[0].strip() for line in layout.splitlines() if line[:1] not in ("", " ")
    ]
    for name in (part for line in names for part in line.split(", ")):
        assert (ROOT / name).exists(), name
