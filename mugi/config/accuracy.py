"""Sections `accuracy`, `sweep` and `datapath`: what approximations do to models."""

from typing import Annotated

from pydantic import Field

from mugi.accuracy.settings import check_corpus
from mugi.config.fields import (
    Distinct,
    ModelNames,
    Operations,
    Perplexity,
    PositiveInt,
    Text,
    checked,
    grids,
)
from mugi.errors import InputError, unknown
from mugi.llm.texts import TASKS
from mugi.methods import parse
from mugi.schema import Section


def _check_task(name: str) -> None:
    own = sorted(path.stem for path in TASKS.glob("*.yaml"))
    if name.startswith("mugi_") and name not in own:
        raise InputError(unknown("task", name, own))


class Accuracy(Section):
    """LLM accuracy under approximations."""

    models: ModelNames
    approximations: Annotated[list[Operations], Distinct] = Field(
        min_length=1, description="one run each: native, or softmax=METHOD;activation=METHOD"
    )
    corpora: Annotated[list[checked(check_corpus)], Distinct] = Field(
        min_length=1,
        description="texts whose tokens are scored: prose, pydoc, c4 (network) or a text file; "
        "TEXT=WINDOWS for another number of windows",
    )
    perplexity: Perplexity
    tasks: dict[checked(_check_task), PositiveInt] = Field(
        description="lm-eval task, a local one or any other (network): number of documents"
    )
    seed: int = Field(ge=0, description="seed of what lm-eval's tasks draw")


class Sweep(Section):
    """Fig. 6: perplexity and KL divergence of one operation at a time, by all methods of grids."""

    models: ModelNames
    corpus: Text = Field(description="text of the token perplexity")
    perplexity: Perplexity
    softmax: grids("softmax") = Field(
        description="grids of methods, such as vlp:lut=8..12,max_exp=-2..4"
    )
    activation: grids("activation") = Field(description="grids of methods")


class Datapath(Section):
    """INT4 linear layers of a model on the simulated array."""

    models: ModelNames
    woq: checked(lambda text: parse(text, "weights")) = Field(
        description="how weights are quantised, such as int4:group=64"
    )
    tokens: PositiveInt = Field(description="tokens that enter each layer")
