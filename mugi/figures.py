"""The figures and tables: what each reads, says and needs to be run, from `figures.yaml`."""

import re
from collections.abc import Iterator
from functools import reduce
from importlib.resources import files
from itertools import product
from operator import getitem
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, raise_all, unknown
from mugi.hardware import expand
from mugi.hardware.runs import filled
from mugi.schema import Section, validated

REGISTRY_FILE = files("mugi") / "figures.yaml"
RUN = [
    *["design", "variant", "array_height", "noc_rows", "noc_cols"],
    *["model", "kv_heads", "batch_size", "seq_len", "preset"],
]
MODELS = ["llama_2_7b", "llama_2_13b", "llama_2_70b", "llama_2_70b_GQA"]
PRESETS = ["as-published", "corrected"]
SUFFIXES = {"figure": ("csv", "pdf", "png"), "table": ("csv", "md", "tex")}
SHOWN = {"figure": "png", "table": "csv"}
"""What of a figure and of a table stands in the report."""


class Figure(Section):
    """One figure or table; `figures.yaml` explains the fields."""

    number: str
    title: str
    category: Literal["Accuracy", "Approximations", "Array", "Hardware", "Judgement"]
    kind: Literal["figure", "table"] = "figure"
    inputs: list[str] = Field(min_length=1)
    caption: str
    runs: list[dict] = Field(default_factory=list)

    def input_paths(self, config: dict) -> list[str]:
        """Return the paths of the tables it reads; each `{section.key}` stands for all entries.

        Raises InputError for a key of the configuration that is no list or not there.
        """
        return [
            "".join(pieces)
            for pattern in self.inputs
            for pieces in product(*_alternatives(pattern, config))
        ]


def _alternatives(pattern: str, config: dict) -> Iterator[list[str]]:
    """Yield what each piece of a pattern may be: its text, or the entries of a key."""
    for place, piece in enumerate(re.split(r"{([\w.]+)}", pattern)):
        if place % 2 == 0:
            yield [piece]
            continue
        try:
            entries = reduce(getitem, piece.split("."), config)
        except (KeyError, TypeError):
            entries = None
        if not isinstance(entries, list | dict):
            raise InputError(Mistake(f"'{piece}' is no list of the configuration", pattern))
        yield [str(entry) for entry in entries]


Figures = dict[Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")], Figure]


def load_figures(path=REGISTRY_FILE) -> dict[str, Figure]:
    """Read figures by name; raises InputError with file, line and key of every mistake."""
    return validated(Figures, read_yaml(path))


FIGURES: dict[str, Figure] = load_figures()


OWN_SCRIPTS: dict[str, Path] = {}
"""The scripts of figures that `add_figures` added to FIGURES."""


def add_figures(path: str | Path) -> None:
    """Take the figures of a file of the user's own, each drawn by the script NAME.py beside it.

    Raises InputError for names that the package has and for scripts that are not there.
    """
    document = read_yaml(path)
    own = validated(Figures, document)
    scripts = {name: Path(path).parent / f"{name}.py" for name in own}
    taken = [name for name in own if name in FIGURES and name not in OWN_SCRIPTS]
    mistakes = [Mistake("the package has this figure", document.where((name,))) for name in taken]
    mistakes += [
        Mistake(f"no script '{script}'", document.where((name,)))
        for name, script in scripts.items()
        if not script.is_file()
    ]
    raise_all(mistakes)
    FIGURES.update(own)
    OWN_SCRIPTS.update(scripts)


def check_figure(name: str) -> None:
    """Raise InputError for the name of no figure."""
    if name not in FIGURES:
        raise InputError(unknown("figure", name, FIGURES))


def output_paths(name: str) -> list[str]:
    """Return what the script of a figure writes, the CSV first."""
    kind = FIGURES[name].kind
    return [f"results/{kind}s/{name}.{suffix}" for suffix in SUFFIXES[kind]]


def needed_runs(name: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that a figure needs beside `runs`, which have all columns filled in."""
    of_mugi = runs.loc[(runs["design"] == "mugi") & (runs["seq_len"] == 4096), "model"].unique()
    models = [model for model in MODELS if model in of_mugi] or MODELS[:1]
    presets = [preset for preset in PRESETS if (runs["preset"] == preset).any()] or PRESETS[:1]
    grids = FIGURES[name].runs
    if not grids:
        return runs[RUN].head(0)
    frames = [expand([{"model": models, "preset": presets, **grid}]) for grid in grids]
    return filled(pd.concat(frames, ignore_index=True))[RUN].drop_duplicates()


def missing_runs(grids: list[dict], names: list[str]) -> list[Mistake]:
    """Return a mistake for each of the figures `names` that `grids` have not exactly the runs for.

    `grids` are those of the section `hardware`, checked.
    """
    runs, mistakes = filled(expand(grids)), []
    counts = runs.groupby(RUN).size().rename("count").reset_index()
    for name in names:
        wanted = needed_runs(name, runs).merge(counts, how="left", on=RUN).fillna({"count": 0})
        odd = wanted[wanted["count"] != 1]
        if len(odd):
            first = odd.iloc[0]
            run = ", ".join(f"{key}={first[key]}" for key in RUN if first[key] != "")
            there = f"{int(first['count'])} times" if first["count"] else "not at all"
            more = f" ({len(odd) - 1} more such runs)" if len(odd) > 1 else ""
            what = f"{name} needs this run once, which `hardware` has {there}: {run}{more}"
            mistakes.append(Mistake(what, "figures"))
    return mistakes
