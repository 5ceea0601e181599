"""Sections `approximations` and `lookup`: methods by themselves, without a model."""

from typing import Annotated, Literal, Self

from pydantic import Field, create_model, model_validator

from mugi.analysis.lookup import check_lookup
from mugi.config.fields import Finite, checked
from mugi.methods import parse
from mugi.schema import Section


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
    method = checked(lambda text: parse(text, function))
    methods = Field(min_length=1, description="methods to draw")
    return create_model(
        f"Error_{function}",
        __base__=Error,
        __doc__=f"Inputs and methods of {function}.",
        methods=(list[method], methods),
    )


class Approximations(Section):
    """Fig. 8: relative error of approximations."""

    exp: _error_of("exp")
    silu: _error_of("silu")
    gelu: _error_of("gelu")


class Lookup(Section):
    """Fig. 3: one lookup table and a group of inputs."""

    function: Literal["exp", "silu", "gelu", "gelu_tanh"] = Field(description="what it holds")
    method: checked(parse) = Field(description="a VLP approximation with a fixed LUT window")
    inputs: Annotated[list[Finite], Field(min_length=1)] = Field(
        description="inputs that share a sliding window"
    )

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        check_lookup(self.function, self.method, self.inputs)
        return self
