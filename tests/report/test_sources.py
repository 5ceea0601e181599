"""What is said to make a table is what the rules of the workflow make."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from mugi.config import read
from mugi.figures import FIGURES
from mugi.ledger import load_ledger
from mugi.report.sources import SOURCES, command_of, rule_of, rules_for, section_of

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text("utf-8") for path in sorted(ROOT.glob("workflow/rules/*.smk")))
OUTPUTS = {
    name: set(re.findall(r'"results/([^"]+)"', body.partition("log:")[0].partition("output:")[2]))
    for name, body in re.findall(r"\nrule (\w+):\n((?:(?!\nrule ).)*)", RULES, re.DOTALL)
}


@pytest.mark.parametrize("name", SOURCES)
def test_each_rule_makes_what_is_said(name):
    patterns = [re.sub(r"{+.*?}+", "*", path) for path in OUTPUTS[SOURCES[name].rule or name]]
    for made in SOURCES[name].makes:
        assert any(fnmatch(made, pattern) for pattern in patterns), (made, patterns)


def test_sections_and_needs_exist():
    config = read(ROOT / "config.yaml").content
    for source in SOURCES.values():
        assert not source.config or source.config in config
        assert all(rule_of(path) for path in source.needs)


def test_every_input_of_a_figure_has_a_rule():
    config = read(ROOT / "config.yaml").content
    for figure in FIGURES.values():
        for path in figure.input_paths(config):
            assert rule_of(path.removeprefix("results/")) or path.startswith("mugi/")


def test_every_table_of_the_ledger_has_a_rule():
    ends = [path.rpartition("/")[2] for source in SOURCES.values() for path in source.makes]
    for claim in load_ledger().values():
        assert not claim.table or claim.table in FIGURES or f"{claim.table}.csv" in ends


def test_commands():
    assert command_of("figures/fig16.csv") == "snakemake fig16"
    assert command_of("approximations/exp.csv") == "snakemake approximations"
    assert command_of("judge/curve.csv") == "snakemake results/judge/curve.csv"
    assert command_of("nowhere.csv") == "snakemake results/nowhere.csv"


def test_what_has_to_run_comes_first():
    assert rules_for("figures/fig15.csv") == ["evaluate_hardware", "account_carbon", "fig15"]
    tuned = ["prepare_model", "tune_softmax", "collect_tuning"]
    assert rules_for("accuracy/tuning.csv") == tuned
    assert "evaluate_accuracy" not in rules_for("figures/fig06.csv")
    assert section_of("figures/fig15.csv") == "hardware"
