"""The registry of assumptions: its data, presets, flips, mistakes, the command and its page."""

from pathlib import Path

import pytest

from mugi.assumptions import (
    REGISTRY,
    acting_in,
    check,
    load_assumptions,
    markdown,
    pairs,
    preset,
    resolve,
)
from mugi.cli import main
from mugi.errors import InputError

ROOT = Path(__file__).parents[1]


def test_corrected_differs_from_published_only_in_errors_and_omissions():
    published, corrected = preset("as-published"), preset("corrected")
    for name, entry in REGISTRY.items():
        assert (published[name] != corrected[name]) == (entry.kind != "choice"), name
        assert entry.reason.endswith("."), name


def test_branches_are_where_the_registry_says():
    for name, entry in REGISTRY.items():
        for path in entry.branch:
            assert name in (ROOT / path).read_text(encoding="utf-8"), (name, path)


def test_all_act_somewhere():
    assert set().union(*map(acting_in, ["evaluate", "carbon", "figures"])) == set(REGISTRY)
    assert "lm_head_in_breakdowns" in {*acting_in("carbon")} & {*acting_in("figures")}


def test_values_spelt_as_text_or_numbers_are_the_same():
    flips = {"idle_activity": "0.25", "max_tree_width": "8.0", "dequant_group": "whole_k"}
    assert resolve("as-published", flips) == preset("as-published") | {
        "idle_activity": 0.25,
        "max_tree_width": 8,
        "dequant_group": "whole_k",
    }


def test_mistakes_are_named_together():
    with pytest.raises(InputError) as error:
        resolve("as-published", {"dram_tim": 1, "idle_activity": 2, "noc_tiling": "evn"})
    assert str(error.value).splitlines() == [
        "unknown assumption 'dram_tim'; `mugi assumptions` lists them (did you mean 'dram_time'?)",
        "assumption.idle_activity is 0, 0.2, 1 or a number from 0 to 1, not '2'"
        " (did you mean '0.2'?)",
        "assumption.noc_tiling is even, output_tiles, all_tiles, array_tiles, not 'evn'"
        " (did you mean 'even'?)",
    ]
    assert check("idle_activity", 0.5) is None
    with pytest.raises(InputError, match="unknown preset 'correct'"):
        preset("correct")


def test_pairs_of_an_option():
    assert pairs(["cpa=act_28nm"], "--set", ["cpa"]) == {"cpa": "act_28nm"}
    with pytest.raises(InputError) as error:
        pairs(["cpa", "cpa=act_28nm", "cpa=energy_only", "cap=1"], "--set", ["cpa"])
    assert str(error.value).splitlines() == [
        "--set: NAME=VALUE is needed, not 'cpa'",
        "--set: 'cpa' is set twice",
        "--set: unknown assumption 'cap' (did you mean 'cpa'?); one of: cpa",
    ]


ENTRY = """\
drain:
  kind: error
  published: hidden
  corrected: exposed
  branch: [a.yaml]
  reason: Because.
  source: paper
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: error", "kind: eror", "2: drain.kind: 'eror' is not allowed (did you mean 'er"),
        ("kind: error", "kind: choice", "1: drain: errors and omissions have a corrected value"),
        ("  corrected: exposed\n", "", "1: drain: errors and omissions have a corrected value"),
        ("corrected", "corected", "4: drain.corected: unknown key 'corected' (did you mean 'corr"),
        ("  source: paper", "  source: paper\n  interval: [1]", "8: drain.interval: "),
        (
            "  source: paper",
            "  source: paper\n  stages: [figure]",
            "8: drain.stages.0: 'figure'",
        ),
        ("  source: paper", "", "drain.source: missing"),
        ("paper", "paper\ndrain: {}", "key 'drain' is there twice, first in line 1"),
    ],
)
def test_mistakes_in_the_file_have_file_line_and_key(old, new, said, tmp_path):
    path = tmp_path / "assumptions.yaml"
    path.write_text(ENTRY)
    assert load_assumptions(path)["drain"].choices == ("hidden", "exposed")
    path.write_text(ENTRY.replace(old, new))
    with pytest.raises(InputError) as error:
        load_assumptions(path)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"{path}:") and said in line


def test_command_lists_them(capsys):
    assert main(["assumptions"]) == 0
    printed = capsys.readouterr().out
    assert set(REGISTRY) <= set(printed.split())
    assert len(printed.splitlines()) == len(REGISTRY) + 1
    assert main(["assumptions", "dram_time"]) == 0
    assert "per_op" in capsys.readouterr().out
    assert main(["assumptions", "dram_tim"]) == 2
    assert "did you mean 'dram_time'" in capsys.readouterr().err


def test_page_has_every_assumption_in_each_of_its_stages(capsys):
    assert main(["assumptions", "--markdown"]) == 0
    page = capsys.readouterr().out
    assert page == markdown()
    for name, entry in REGISTRY.items():
        rows = [line for line in page.splitlines() if line.startswith(f"| `{name}` ")]
        assert len(rows) == len(entry.stages), name
        for text in (entry.kind, str(entry.published), entry.reason, entry.source):
            assert all(text in row for row in rows), name
