"""The figures and tables: what each reads, says and needs to be run, from `figures.yaml`."""

import math
import re
from functools import reduce
from importlib.resources import files
from itertools import product
from operator import getitem
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from mugi.documents import read_yaml
from mugi.errors import InputError, Mistake, first_line, raise_all, unknown
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
KEYS = re.compile(r"{([\w.]+)}")  # of the configuration, in the paths that a figure reads
MOST_PATHS = 10_000
FILTERS = ("first", "join", "last", "length", "max", "min", "round", "sum")  # of captions


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

        Raises InputError for a key that has none, and for more paths than anyone reads.
        """
        paths = []
        for pattern in self.inputs:
            try:
                lists = [list(reduce(getitem, k.split("."), config)) for k in KEYS.findall(pattern)]
            except (LookupError, TypeError):
                what = "no list of the configuration"
                raise InputError(Mistake(f"'{pattern}' names {what}", self.number)) from None
            if math.prod(map(len, lists)) > MOST_PATHS:
                what = f"stands for more than {MOST_PATHS:,} paths"
                raise InputError(Mistake(f"'{pattern}' {what}", self.number))
            for entries in product(*lists):
                left = iter(entries)
                paths.append(KEYS.sub(lambda _, left=left: str(next(left)), pattern))
        return paths


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


def captioned(name: str, config: dict) -> str:
    """Return a figure's caption with the configuration filled in.

    Raises InputError for what the configuration has not, and for more than keys and a few filters:
    a caption may be a stranger's, and templates can also run code and never end.
    """
    from jinja2 import StrictUndefined, TemplateError, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    plain = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name)
    plain += (nodes.Getattr, nodes.Getitem)
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    source = FIGURES[name].caption
    try:
        for node in environment.parse(source).find_all(nodes.Node):
            is_filter = isinstance(node, nodes.Filter) and node.name in FILTERS
            if not isinstance(node, plain) and not is_filter:
                what = f"may have keys of the configuration and the filters {', '.join(FILTERS)}"
                raise InputError(Mistake(f"{what}, no {type(node).__name__}", f"{name}.caption"))
        return environment.from_string(source).render(config=config)
    except (TemplateError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(Mistake(first_line(error), f"{name}.caption")) from None


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
