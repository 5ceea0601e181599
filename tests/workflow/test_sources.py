"""Rules depend on the code that their commands are made of."""

import ast
import re

import grimp
import pytest

from tests.workflow.project import ROOT

COMMON = (ROOT / "workflow" / "rules" / "common.smk").read_text(encoding="utf-8")


def below() -> dict[str, set[str]]:
    """Return what the rules say that each stage is made of, with all that lies below."""
    table = ast.literal_eval(re.search(r"^BELOW = ({.*?^})", COMMON, re.M | re.S)[1])
    made_of = {}

    def all_of(stage: str) -> set[str]:
        return {stage}.union(*map(all_of, table.get(stage, [])))

    for stage in table:
        made_of[stage] = {*all_of(stage), "documents", "errors", "files", "runs", "schema"}
    return made_of


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("mugi", cache_dir=None, exclude_type_checking_imports=True)


@pytest.mark.parametrize("stage", below())
def test_a_stage_imports_nothing_that_its_rules_do_not_depend_on(stage, graph):
    imported = graph.find_upstream_modules(f"mugi.{stage}", as_package=True)
    if stage == "accuracy":  # the rule of `mugi datapath` names the array as well
        imported -= graph.find_upstream_modules("mugi.array", as_package=True)
        imported = {name for name in imported if not name.startswith("mugi.array")}
    parts = {name.split(".")[1] for name in imported if name != "mugi"}
    assert parts <= below()[stage]
