"""What makes the tables of results/: `sources.yaml`, and mugi/figures.yaml for figures."""

from fnmatch import fnmatch
from importlib.resources import files

from pydantic import Field

from mugi.documents import read_yaml
from mugi.figures import FIGURES, output_paths
from mugi.schema import Section, validated

PREFIX = "results/"


class Source(Section):
    """A rule of the workflow; `sources.yaml` explains the fields."""

    makes: list[str] = Field(min_length=1)
    rule: str = ""
    target: str = ""
    needs: list[str] = Field(default_factory=list)
    config: str = ""


SOURCES: dict[str, Source] = validated(
    dict[str, Source], read_yaml(files("mugi") / "report" / "sources.yaml")
)


def source_of(path: str) -> str:
    """Return the entry that makes a file of results/ (or its pattern), or ""."""
    found = (
        name
        for name, source in SOURCES.items()
        if any(fnmatch(path, pattern) for pattern in source.makes)
    )
    return next(found, "")


def figure_of(path: str) -> str:
    """Return the figure that a file of results/ belongs to, or ""."""
    return next((name for name in FIGURES if PREFIX + path in output_paths(name)), "")


def rule_of(path: str) -> str:
    """Return the rule that makes a file of results/, a figure's name for a figure's; "" if none."""
    name = source_of(path)
    return figure_of(path) or (name and (SOURCES[name].rule or name))


def command_of(path: str) -> str:
    """Return the command that makes a file of results/."""
    name = source_of(path)
    return f"snakemake {figure_of(path) or (name and SOURCES[name].target) or PREFIX + path}"


def needs_of(path: str) -> list[str]:
    """Return the files of results/, or patterns of them, that one is made from."""
    if figure := figure_of(path):
        return [one.removeprefix(PREFIX) for one in FIGURES[figure].inputs]
    name = source_of(path)
    return SOURCES[name].needs if name else []


def section_of(path: str) -> str:
    """Return the section of the configuration that a table follows, or ""."""
    if figure_of(path):
        return next(filter(None, map(section_of, needs_of(path))), "")
    name = source_of(path)
    return SOURCES[name].config if name else ""


def rules_for(path: str) -> list[str]:
    """Return the rules that have to run for a file of results/, its own the last."""
    chain = [rule for needed in needs_of(path) for rule in rules_for(needed)]
    own = rule_of(path)
    return list(dict.fromkeys([*chain, own] if own else chain))
