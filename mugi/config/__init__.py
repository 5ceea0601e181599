"""The configuration: its schema, and checking it, one line for each mistake."""

from functools import reduce
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mugi.config import sections
from mugi.config.fields import Name, Runs, checked
from mugi.documents import Document, read_yaml
from mugi.errors import Mistake, raise_all, unknown
from mugi.figures import add_figures, check_figure, missing_runs
from mugi.ledger import load_ledger
from mugi.llm.embedded import EMBEDDED
from mugi.methods import parse_operations
from mugi.schema import Section, validated

DEFAULT = Path("config.yaml")


class Config(Section):
    """The whole file."""

    models: dict[Name, sections.Model] = Field(
        min_length=1, description="LLMs by the name used elsewhere"
    )
    shards: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="jobs that the measurements of a model in `accuracy` and in `sweep` are split "
        "into, and at least as many for `hardware`; results do not depend on it",
    )
    accuracy: sections.Accuracy
    sweep: sections.Sweep
    datapath: sections.Datapath
    profile: sections.Profile
    tuning: sections.Tuning
    approximations: sections.Approximations
    lookup: sections.Lookup
    fit: sections.Fit
    hardware: list[Runs] = Field(
        min_length=1, description="runs of the cost model; lists are crossed"
    )
    # those of the user's own before the names that may be theirs: fields are checked in this order
    judge: sections.Judge
    rtl: sections.Rtl = Field(default_factory=sections.Rtl)
    own_figures: list[checked(add_figures)] = Field(
        default_factory=list, description="files of figures of your own, scripts beside them"
    )
    own_claims: list[checked(load_ledger)] = Field(
        default_factory=list, description="ledgers of claims of your own, judged after the paper's"
    )
    figures: list[checked(check_figure)] = Field(
        min_length=1, description="figures and tables of `snakemake` without a target"
    )


def read(*paths: Path) -> Document:
    """Return YAML files on top of each other, merged as Snakemake merges its --configfiles.

    Paths in them are found beside the file that names them.
    """
    return reduce(Document.updated, map(read_yaml, paths)).located()


def quantised_data(config: Config, document: Document) -> list[Mistake]:
    """Return the mistakes of models of speech and vision whose weights or cache are quantised."""
    mistakes = []
    for index, name in enumerate(config.accuracy.models):
        model = config.models.get(name)
        if model is None or model.data is None:
            continue
        runs = map(parse_operations, model.approximations or config.accuracy.approximations)
        if any(run.woq or run.kvq for run in runs):
            what = f"woq and kvq are for causal LMs; give {name} approximations of its own"
            mistakes.append(Mistake(what, document.where(("accuracy", "models", index))))
    return mistakes


def check(document: Document) -> Config:
    """Return the checked configuration; raises InputError with all mistakes in it."""
    config = validated(Config, document)
    mistakes = [
        unknown("embedded model", name, EMBEDDED).at(document.where(("models", name)))
        for name, model in config.models.items()
        if model.source == "embedded" and name not in EMBEDDED
    ]
    mistakes += [
        unknown("model", name, config.models).at(document.where((section, "models", index)))
        for section in ("accuracy", "sweep", "datapath", "profile", "tuning", "fit")
        for index, name in enumerate(getattr(config, section).models)
        if name not in config.models
    ]
    raise_all(mistakes + quantised_data(config, document))
    raise_all(missing_runs(config.hardware, config.figures))
    return config
