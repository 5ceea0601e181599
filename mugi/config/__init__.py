"""The configuration file: its schema, and checking it with one line for each mistake."""

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mugi.analysis.lookup import check_lookup
from mugi.errors import InputError, describe, nearest, unknown
from mugi.files import merge, read_yaml
from mugi.llm.embedded import DIGITS, EMBEDDED, HUB_ID
from mugi.llm.texts import TASKS, check_text
from mugi.methods import parse, parse_operations
from mugi.methods.grid import expand

DEFAULT = Path("config.yaml")
FIGURES = (
    *("fig02", "fig03", "fig04", "fig06", "fig06_published", "table_accuracy", "fig07"),
    *("fig08", "fig08_weighted", "pareto", "adaptive"),
    *("fig10", "fig11", "fig12", "fig13", "fig14", "fig15"),
    *("fig16", "fig17", "roofline", "table1", "table2", "table3"),
)


class Section(BaseModel):
    """A part of the configuration: unknown keys and wrong types are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _checked(check: Callable[[str], object]):
    """A text that `check` accepts; its InputError becomes the mistake."""

    def validate(value: object) -> object:
        if not isinstance(value, str):
            raise PydanticCustomError("text", "must be a text")
        try:
            check(value)
        except InputError as error:
            raise PydanticCustomError("named", "{line}", {"line": str(error)}) from None
        return value

    return Annotated[str, BeforeValidator(validate)]


def _task(name: str) -> None:
    own = sorted(path.stem for path in TASKS.glob("*.yaml"))
    if name.startswith("mugi_") and name not in own:
        raise InputError(unknown("task", name, own))


OperationsText = _checked(parse_operations)
Task = _checked(_task)
PositiveInt = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


def _no_repeats(values: list) -> list:
    repeated = [value for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise ValueError(f"'{repeated[0]}' is there twice")
    return values


Distinct = AfterValidator(_no_repeats)
Anchors = Annotated[list[Annotated[int, Field(ge=-40, le=40)]], Distinct]


class Model(Section):
    """A model and how it is loaded."""

    source: str = Field(description="embedded, a hub id such as org/name, or a checkpoint folder")
    dtype: Literal["bfloat16", "float16", "float32"] = Field(description="precision of the model")
    attention: Literal["eager", "sdpa"] = Field(description="attention of the native model")
    device: str = Field(
        pattern=r"^(cpu|cuda(:\d+)?|auto)$",
        description="cpu, cuda, cuda:N, or auto: the layers spread over all GPUs",
    )
    data: str | None = Field(
        None, description="for speech or vision: a folder of clips or images, or digits"
    )
    examples: PositiveInt | None = Field(None, description="first clips or images; all if left out")


class Perplexity(Section):
    """Windows of text whose tokens are scored."""

    window: int = Field(ge=2, description="tokens in a window")
    stride: int = Field(ge=1, description="tokens from one window's start to the next")
    windows: PositiveInt = Field(description="number of windows, from the start of the text")

    @model_validator(mode="after")
    def _stride_within_window(self) -> Self:
        if self.stride > self.window:
            raise ValueError(f"stride {self.stride} must be 1 to {self.window} (the window)")
        return self


class Accuracy(Section):
    """LLM accuracy under approximations."""

    models: Annotated[list[str], Distinct] = Field(
        min_length=1, description="keys of the section `models`"
    )
    approximations: Annotated[list[OperationsText], Distinct] = Field(
        min_length=1, description="one run each: native, or softmax=METHOD;activation=METHOD"
    )
    corpora: Annotated[list[_checked(check_text)], Distinct] = Field(
        min_length=1,
        description="texts of the token perplexity: prose, pydoc, c4 (network) or a text file",
    )
    perplexity: Perplexity
    tasks: dict[Task, PositiveInt] = Field(
        description="lm-eval task, a local one or any other (network): number of documents"
    )
    seed: int = Field(ge=0, description="seed of lm-eval's sampling and bootstrap")


def _methods(operation: str):
    grid = _checked(lambda text: expand([text], operation))
    return Annotated[list[grid], Distinct]


class Sweep(Section):
    """Fig. 6: perplexity and KL divergence of one operation at a time, by all methods of grids."""

    models: Annotated[list[str], Distinct] = Field(
        min_length=1, description="keys of the section `models`"
    )
    corpus: _checked(check_text) = Field(description="text of the token perplexity")
    perplexity: Perplexity
    softmax: _methods("softmax") = Field(
        description="grids of methods, such as vlp:lut=8..12,max_exp=-2..4"
    )
    activation: _methods("activation") = Field(description="grids of methods")


class Datapath(Section):
    """INT4 linear layers of a model on the simulated array."""

    models: Annotated[list[str], Distinct] = Field(
        min_length=1, description="keys of the section `models`"
    )
    woq: _checked(lambda text: parse(text, "weights")) = Field(
        description="how weights are quantised, such as int4:group=64"
    )
    tokens: PositiveInt = Field(description="tokens that enter each layer")


class Profile(Section):
    """Fig. 4: inputs of softmax and activation."""

    models: Annotated[list[str], Distinct] = Field(
        min_length=1, description="keys of the section `models`"
    )
    lengths: Annotated[list[Annotated[int, Field(ge=2)]], Distinct] = Field(
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

    models: Annotated[list[str], Distinct] = Field(
        min_length=1, description="keys of the section `models`"
    )
    base: _checked(lambda text: parse(f"{text},max_exp=0", "exp")) = Field(
        description="VLP without its anchor, such as vlp:lut=8"
    )
    max_exp: Anchors = Field(description="candidates for the highest exponent of the LUT")
    min_exp: Anchors = Field(description="candidates for the lowest exponent of the LUT")
    default: str = Field(
        pattern=r"^(max|min)_exp=-?\d+$", description="anchor of layers that are not yet tuned"
    )
    tries: PositiveInt = Field(description="candidates a layer that the descent tries")
    text: str = Field(description="prose, pydoc, c4 (needs network) or a UTF-8 text file")
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
    text = _checked(lambda value: parse(value, function))
    methods = Field(min_length=1, description="methods to draw")
    return create_model(
        f"Error_{function}",
        __base__=Error,
        __doc__=f"Inputs and methods of {function}.",
        methods=(list[text], methods),
    )


class Approximations(Section):
    """Fig. 8: relative error of approximations."""

    exp: _error_of("exp")
    silu: _error_of("silu")
    gelu: _error_of("gelu")


class Shift(Section):
    """Methods that are also tried on larger and smaller inputs than the model's."""

    log2: Annotated[list[Annotated[int, Field(ge=-16, le=16)]], Distinct] = Field(
        min_length=1, description="powers of two that inputs are multiplied by; 0 among them"
    )
    softmax: _methods("softmax") = Field(description="grids of methods")
    activation: _methods("activation") = Field(description="grids of methods")

    @model_validator(mode="after")
    def _unshifted(self) -> Self:
        if 0 not in self.log2:
            raise ValueError(f"log2 {self.log2} must have 0, the model's own inputs")
        return self


class Fit(Section):
    """Search of the parameters of approximations on inputs of a model."""

    models: Annotated[list[str], Distinct] = Field(
        min_length=1, description="keys of the section `models`"
    )
    each_layer: bool = Field(description="also fit each layer by itself")
    rows: PositiveInt = Field(description="rows of softmax a layer that enter the KL divergence")
    softmax: _methods("softmax") = Field(
        description="grids of methods, such as vlp:lut=8..12,max_exp=-2..4"
    )
    activation: _methods("activation") = Field(description="grids of methods")
    shift: Shift


class Lookup(Section):
    """Fig. 3: one lookup table and a group of inputs."""

    function: Literal["exp", "silu", "gelu", "gelu_tanh"] = Field(description="what it holds")
    method: _checked(parse) = Field(description="a VLP approximation with a fixed LUT window")
    inputs: Annotated[list[Finite], Field(min_length=1)] = Field(
        description="inputs that share a sliding window"
    )

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        check_lookup(self.function, self.method, self.inputs)
        return self


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
    figures: list[Literal[FIGURES]] = Field(
        min_length=1, description="figures and tables of `snakemake` without a target"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `mugi check`."""
    parser.add_argument(
        "file", nargs="?", type=Path, default=DEFAULT, help="checked on top of config.yaml"
    )


def run(args: argparse.Namespace) -> None:
    """Check one file the way Snakemake reads it: on top of config.yaml."""
    settings = read_yaml(DEFAULT).content
    if args.file != DEFAULT:
        settings = merge(settings, read_yaml(args.file).content)
    check(settings)
    print(f"{args.file}: no mistakes")


def check(settings: dict) -> Config:
    """Return the checked configuration; raise InputError with one line for each mistake."""
    mistakes = []
    try:
        config = Config.model_validate(settings)
        mistakes += _model_mistakes(config)
    except ValidationError as error:
        mistakes += _lines(error)
    mistakes += _hardware_mistakes(settings.get("hardware"))
    if not mistakes:
        mistakes += _missing_runs(config)
    if mistakes:
        raise InputError(*mistakes)
    return config


def _lines(error: ValidationError) -> Iterable[str]:
    for mistake in error.errors():
        *parents, last = mistake["loc"] or ("",)
        path = ".".join(str(part) for part in mistake["loc"] if part != "[key]")
        if mistake["type"] == "extra_forbidden":
            known = _keys_at(parents)
            allowed = ", ".join(known)
            yield f"{path}: unknown key '{last}'{nearest(last, known)}; one of: {allowed}"
        elif mistake["type"] == "missing":
            yield f"{path}: missing"
        elif mistake["type"] == "named":
            yield from (f"{path}: {line}" for line in mistake["msg"].splitlines())
        elif mistake["type"] == "literal_error" and parents[:1] == ["figures"]:
            yield f"{path}: {unknown('figure', mistake['input'], FIGURES)}"
        elif mistake["type"] == "literal_error":
            close = nearest(mistake["input"], mistake["ctx"]["expected"].split("'")[1::2])
            yield describe(mistake) + close
        else:
            yield describe(mistake)


def _keys_at(path: Iterable[object]) -> list[str]:
    """Return the keys allowed at `path` of the configuration."""
    section = Config
    for part in path:
        if get_origin(section) is dict:
            section = get_args(section)[-1]
        else:
            section = section.model_fields[part].annotation
    return list(section.model_fields)


def _model_mistakes(config: Config) -> Iterable[str]:
    for name, model in config.models.items():
        source = model.source
        if source == "embedded" and name not in EMBEDDED:
            yield f"models.{name}: {unknown('embedded model', name, EMBEDDED)}"
        elif source != "embedded" and not HUB_ID.fullmatch(source) and not Path(source).is_dir():
            yield (
                f"models.{name}.source: no folder '{source}'{nearest(source, ['embedded'])}; "
                "allowed: embedded, a hub id (org/name), an existing checkpoint folder"
            )
        data = model.data
        if data is not None and data != DIGITS and not Path(data).is_dir():
            close = nearest(data, [DIGITS])
            yield f"models.{name}.data: no folder '{data}'{close}; allowed: a folder, {DIGITS}"
    for section in ("accuracy", "sweep", "datapath", "profile", "tuning", "fit"):
        for index, name in enumerate(getattr(config, section).models):
            if name not in config.models:
                yield f"{section}.models.{index}: {unknown('model', name, config.models)}"


def _missing_runs(config: Config) -> list[str]:
    from mugi import needs

    return needs.mistakes(config.hardware, config.figures)


def _is_entry(key: object, value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    plain = all(isinstance(item, str | int | float) and item is not True for item in values)
    return isinstance(key, str) and plain


def _hardware_mistakes(grids: object) -> Iterable[str]:
    from mugi.hardware import check_runs, expand

    for index, grid in enumerate(grids if isinstance(grids, list) else []):
        if not isinstance(grid, dict):
            continue
        odd = [key for key, value in grid.items() if not _is_entry(key, value)]
        if odd:
            yield f"hardware.{index}.{odd[0]}: must be a value or a list of values"
            continue
        try:
            mistakes = check_runs(expand([grid]))
        except InputError as error:
            mistakes = str(error).splitlines()
        lines = dict.fromkeys(re.sub(r"^(grid 1|line \d+): ", "", mistake) for mistake in mistakes)
        yield from (f"hardware.{index}: {line}" for line in lines)
