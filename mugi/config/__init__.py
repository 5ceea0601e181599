"""The configuration: its schema, a file a section, and checking it, one line for each mistake."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Literal

from pydantic import Field

from mugi.config import hardware
from mugi.config.accuracy import Accuracy, Datapath, Sweep
from mugi.config.approximations import Approximations, Lookup
from mugi.config.fields import Name
from mugi.config.fit import Fit
from mugi.config.models import Model
from mugi.config.profile import Profile
from mugi.config.tuning import Tuning
from mugi.errors import InputError, Mistake, closest, raise_all, unknown
from mugi.figures import FIGURES, missing_runs
from mugi.files import Document, read_yaml
from mugi.llm.embedded import DIGITS, EMBEDDED, HUB_ID
from mugi.schema import Section, validated

DEFAULT = Path("config.yaml")


class Config(Section):
    """The whole file."""

    models: dict[Name, Model] = Field(min_length=1, description="LLMs by the name used elsewhere")
    accuracy: Accuracy
    sweep: Sweep
    datapath: Datapath
    profile: Profile
    tuning: Tuning
    approximations: Approximations
    lookup: Lookup
    fit: Fit
    hardware: list[dict] = Field(
        min_length=1, description="runs of the cost model; lists are crossed"
    )
    figures: list[Literal[tuple(FIGURES)]] = Field(
        min_length=1, description="figures and tables of `snakemake` without a target"
    )


def read(*paths: Path) -> Document:
    """Return YAML files on top of each other, merged as Snakemake merges its --configfiles."""
    return reduce(Document.updated, map(read_yaml, paths))


def check(document: Document) -> Config:
    """Return the checked configuration; raises InputError with all mistakes in it."""
    mistakes = list(hardware.mistakes(document))
    try:
        config = validated(Config, document)
        mistakes += _model_mistakes(config, document)
    except InputError as error:
        mistakes = [*error.mistakes, *mistakes]
    raise_all(mistakes)
    raise_all(missing_runs(config.hardware, config.figures))
    return config


def _model_mistakes(config: Config, document: Document) -> Iterator[Mistake]:
    for name, model in config.models.items():
        source, data = model.source, model.data
        if source == "embedded" and name not in EMBEDDED:
            yield unknown("embedded model", name, EMBEDDED).at(document.where(("models", name)))
        elif source != "embedded" and not HUB_ID.fullmatch(source) and not Path(source).is_dir():
            allowed = ("embedded", "a hub id (org/name)", "an existing checkpoint folder")
            where = document.where(("models", name, "source"))
            near = closest(source, ["embedded"])
            yield Mistake(f"no folder '{source}'", where, allowed, near)
        if data is not None and data != DIGITS and not Path(data).is_dir():
            where = document.where(("models", name, "data"))
            near = closest(data, [DIGITS])
            yield Mistake(f"no folder '{data}'", where, ("a folder", DIGITS), near)
    for section in ("accuracy", "sweep", "datapath", "profile", "tuning", "fit"):
        for index, name in enumerate(getattr(config, section).models):
            if name not in config.models:
                where = document.where((section, "models", index))
                yield unknown("model", name, config.models).at(where)
