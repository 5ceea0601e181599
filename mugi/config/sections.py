"""The sections of the configuration."""

import os
from typing import Annotated, Literal, Self

from pydantic import Field, create_model, model_validator

from mugi.accuracy.settings import check_corpus
from mugi.analysis.fit import SHIFTS
from mugi.analysis.lookup import check_lookup
from mugi.config.fields import (
    Bos,
    Distinct,
    Finite,
    ModelNames,
    Operations,
    Perplexity,
    PositiveInt,
    Text,
    checked,
    distinct,
    grids,
)
from mugi.errors import InputError, Mistake, closest, unknown
from mugi.judge.costs import load_costs
from mugi.judge.universes import check_acting
from mugi.judge.where import check_points
from mugi.llm.embedded import CLIPS, DIGITS
from mugi.llm.settings import is_source
from mugi.llm.texts import TASKS
from mugi.methods import FUNCTIONS, parse
from mugi.rtl.synthesis import check_library
from mugi.schema import Section


def _check_source(source: str) -> None:
    if source != "embedded" and not is_source(source):
        allowed = ("embedded", "a hub id (org/name)", "an existing checkpoint folder or GGUF file")
        near = closest(source, ["embedded"])
        raise InputError(Mistake(f"no model '{source}'", allowed=allowed, nearest=near))


def _check_data(data: str) -> None:
    named = (DIGITS, CLIPS)
    if data not in named and not os.path.isdir(data):
        near = closest(data, named)
        raise InputError(Mistake(f"no folder '{data}'", "", ("a folder", *named), near))


def _check_task(name: str) -> None:
    own = sorted(path.stem for path in TASKS.glob("*.yaml"))
    if name.startswith("mugi_") and name not in own:
        raise InputError(unknown("task", name, own))


class Model(Section):
    """A model and how it is loaded."""

    source: checked(_check_source) = Field(
        description="embedded, a hub id such as org/name, a checkpoint folder, or a GGUF file"
    )
    dtype: Literal["bfloat16", "float16", "float32"] = Field(description="precision of the model")
    attention: Literal["eager", "sdpa"] = Field(description="attention of the native model")
    device: str = Field(
        pattern=r"^(cpu|cuda(:\d+)?|auto)$",
        description="cpu, cuda, cuda:N, or auto: the layers spread over all GPUs",
    )
    threads: PositiveInt = Field(1, description="threads of a job that runs the model")
    data: checked(_check_data) | None = Field(
        None, description="for speech or vision: a folder of clips or images, digits or asterisk"
    )
    examples: PositiveInt | None = Field(None, description="first clips or images; all if left out")
    approximations: Annotated[list[Operations], Distinct] | None = Field(
        None, min_length=1, description="what runs on it; accuracy.approximations if left out"
    )


class Accuracy(Section):
    """LLM accuracy under approximations."""

    models: ModelNames
    approximations: Annotated[list[Operations], Distinct] = Field(
        min_length=1, description="one run each: native, or softmax=METHOD;activation=METHOD"
    )
    corpora: Annotated[list[checked(check_corpus)], Distinct] = Field(
        min_length=1,
        description="texts whose tokens are scored: prose, pydoc, c4 or wikitext2 (network) or a "
        "text file; TEXT=WINDOWS for another number of windows",
    )
    perplexity: Perplexity
    bos: Bos = "auto"
    tasks: dict[checked(_check_task), PositiveInt] = Field(
        description="lm-eval task, a local one or any other (network): number of documents"
    )
    task_window: PositiveInt | None = Field(
        None, description="tokens of a task's request at most; the model's context if left out"
    )
    num_fewshot: Annotated[int, Field(ge=0)] | None = Field(
        None, description="examples in front of a question; each task's own number if left out"
    )
    apply_chat_template: bool = Field(
        False, description="write the prompts of tasks as the model's chat template says"
    )
    fewshot_as_multiturn: bool = Field(
        False, description="examples in front of a question are turns of the chat"
    )
    system_instruction: str | None = Field(
        None, description="text in front of every prompt of a task"
    )
    seed: int = Field(ge=0, description="seed of what lm-eval's tasks draw")

    @model_validator(mode="after")
    def _turns_of_a_chat(self) -> Self:
        if self.fewshot_as_multiturn and not self.apply_chat_template:
            raise ValueError("fewshot_as_multiturn needs apply_chat_template")
        return self


class Sweep(Section):
    """Fig. 6: perplexity and KL divergence of one operation at a time, by all methods of grids."""

    models: ModelNames
    corpus: Text = Field(description="text of the token perplexity")
    perplexity: Perplexity
    bos: Bos = "auto"
    softmax: grids("softmax")
    activation: grids("activation")


class Datapath(Section):
    """INT4 linear layers of a model on the simulated array."""

    models: ModelNames
    woq: checked(parse, "weights") = Field(
        description="how weights are quantised, such as int4:group=64"
    )
    tokens: PositiveInt = Field(description="tokens that enter each layer")


class Profile(Section):
    """Fig. 4: inputs of softmax and activation."""

    models: ModelNames
    lengths: distinct(2) = Field(
        min_length=1, description="tokens in a window; the published recipe takes the longest"
    )
    tokens: PositiveInt = Field(description="tokens of text at each length")

    @model_validator(mode="after")
    def _whole_windows(self) -> Self:
        if self.tokens < max(self.lengths):
            raise ValueError(f"tokens {self.tokens} must be at least {max(self.lengths)} (lengths)")
        return self


class Tuning(Section):
    """Fig. 7: a LUT window for the softmax of each layer."""

    models: ModelNames
    base: checked(lambda text: parse(f"{text},max_exp=0", "exp")) = Field(
        description="VLP without its anchor, such as vlp:lut=8"
    )
    max_exp: distinct(-40, 40) = Field(description="candidates for the highest exponent of the LUT")
    min_exp: distinct(-40, 40) = Field(description="candidates for the lowest exponent of the LUT")
    default: str = Field(
        pattern=r"^(max|min)_exp=-?\d+$", description="anchor of layers that are not yet tuned"
    )
    tries: PositiveInt = Field(description="candidates a layer that the descent tries")
    text: str = Field(
        description="prose, pydoc, c4 or wikitext2 (need network) or a UTF-8 text file"
    )
    window: int = Field(ge=2, description="tokens in a window")
    windows: PositiveInt = Field(description="windows to tune on, from the text's first half")
    held_out_windows: PositiveInt = Field(
        description="windows to report on, from the text's second half"
    )

    @model_validator(mode="after")
    def _something_to_choose(self) -> Self:
        if len(self.max_exp) + len(self.min_exp) < 2:
            raise ValueError("give at least 2 candidates in max_exp and min_exp")
        return self


class Error(Section):
    """Inputs and methods of one function."""

    range: Annotated[list[Finite], Field(min_length=2, max_length=2)] = Field(
        description="lowest and highest input"
    )

    @model_validator(mode="after")
    def _low_to_high(self) -> Self:
        if not self.range[0] < self.range[1]:
            raise ValueError(f"range {self.range} must be [lower, higher]")
        return self


def _error_of(function: str) -> type[Error]:
    methods = (
        list[checked(parse, function)],
        Field(min_length=1, description="methods to draw"),
    )
    about = f"Inputs and methods of {function}."
    return create_model(f"Error_{function}", __base__=Error, __doc__=about, methods=methods)


class Approximations(Section):
    """Fig. 8: relative error of approximations."""

    exp: _error_of("exp")
    silu: _error_of("silu")
    gelu: _error_of("gelu")


class Where(Section):
    """Where conclusions hold: points at which Mugi meets the best rival."""

    model: Annotated[list[str], Distinct, Field(min_length=1)] = Field(
        description="language models, as in `hardware`"
    )
    batch_size: distinct(1) = Field(min_length=1, description="sequences at a time")
    seq_len: distinct(1) = Field(min_length=1, description="tokens of each sequence")
    array_height: distinct(1) = Field(min_length=1, description="rows of Mugi's array")

    @model_validator(mode="after")
    def _can_be_evaluated(self) -> Self:
        check_points(self.model, self.batch_size, self.seq_len, self.array_height)
        return self


class Judge(Section):
    """What the claims rest on, and how sure they are."""

    assumptions: Literal["all"] | Annotated[list[checked(check_acting)], Field(min_length=1)] = (
        Field(description="those of which every claim is computed with each value")
    )
    universes: Annotated[int, Field(ge=2)] = Field(
        description="draws over all assumptions, in which the abstract's claims are computed"
    )
    sobol: Annotated[int, Field(ge=0)] = Field(
        0, description="samples of Sobol indices for each assumption, a power of two; 0: none"
    )
    draws: Annotated[int, Field(ge=2)] = Field(description="draws of component costs")
    costs: checked(load_costs) | None = Field(
        None, description="YAML of how unsure costs are (the package's mugi/judge/costs.yaml)"
    )
    where: Where


class Rtl(Section):
    """Synthesis of the Verilog in rtl/."""

    libraries: Annotated[list[checked(check_library)], Distinct] = Field(
        default_factory=list,
        description="liberty files, or osu018 of Debian's qflow-tech-osu018; none: `snakemake` "
        "leaves the stage out, and `snakemake rtl` takes osu018",
    )


class Lookup(Section):
    """Fig. 3: one lookup table and a group of inputs."""

    function: Literal[tuple(FUNCTIONS)] = Field(description="what it holds")
    method: checked(parse) = Field(description="a VLP approximation with a fixed LUT window")
    inputs: Annotated[list[Finite], Field(min_length=1)] = Field(
        description="inputs that share a sliding window"
    )

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        check_lookup(self.function, self.method, self.inputs)
        return self


class Shift(Section):
    """Methods that are also tried on larger and smaller inputs than the model's."""

    log2: distinct(SHIFTS[0], SHIFTS[-1]) = Field(
        min_length=1, description="powers of two that inputs are multiplied by; 0 among them"
    )
    softmax: grids("softmax")
    activation: grids("activation")

    @model_validator(mode="after")
    def _unshifted(self) -> Self:
        if 0 not in self.log2:
            raise ValueError(f"log2 {self.log2} must have 0, the model's own inputs")
        return self


class Fit(Section):
    """Search of the parameters of approximations on inputs of a model."""

    models: ModelNames
    each_layer: bool = Field(description="also fit each layer by itself")
    rows: PositiveInt = Field(description="rows of softmax a layer that enter the KL divergence")
    softmax: grids("softmax")
    activation: grids("activation")
    shift: Shift
