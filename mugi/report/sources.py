"""What makes the tables of results/: `sources.yaml`, and mugi/figures.yaml for figures."""

from fnmatch import fnmatch
from importlib.resources import files

from pydantic import Field

from mugi.figures import FIGURES, output_paths
from mugi.files import read_yaml
from mugi.schema import Section, validated

PREFIX = "results/"


class Source(Section):
    """A rule of the workflow; `sources.yaml` explains the fields."""

    makes: list[str] = Field(min_length=1)
    target: str = ""
    needs: list[str] = Field(default_factory=list)
    config: str = ""


SOURCES: dict[str, Source] = validated(
    dict[str, Source], read_yaml(files("mugi") / "report" / "sources.yaml")
)


def rule_of(path: str) -> str:
    """Return the rule that makes a file of results/, a figure's name for a figure's; "" if none."""
    for name in FIGURES:
        if PREFIX + path in output_paths(name):
            return name
    for name, source in SOURCES.items():
        if any(fnmatch(path, pattern) for pattern in source.makes):
            return name
    return ""


def command_of(path: str) -> str:
    """Return the command that makes a file of results/."""
    rule = rule_of(path)
    if rule in FIGURES:
        return f"snakemake {rule}"
    return f"snakemake {(rule and SOURCES[rule].target) or PREFIX + path}"


def section_of(path: str) -> str:
    """Return the section of the configuration that a table follows, or ""."""
    rule = rule_of(path)
    if rule in FIGURES:
        inputs = [source.removeprefix(PREFIX) for source in FIGURES[rule].inputs]
        return next(filter(None, map(section_of, inputs)), "")
    return SOURCES[rule].config if rule else ""


def rules_for(rule: str) -> list[str]:
    """Return the rules that have to run for one, itself the last."""
    if rule in FIGURES:
        inputs = [source.removeprefix(PREFIX) for source in FIGURES[rule].inputs]
        needs = [needed for needed in map(rule_of, inputs) if needed]
    else:
        needs = SOURCES[rule].needs if rule in SOURCES else []
    chain = [earlier for needed in needs for earlier in rules_for(needed)]
    return list(dict.fromkeys([*chain, rule]))
