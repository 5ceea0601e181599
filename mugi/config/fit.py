"""Section `fit`: parameters of approximations that suit what a model sees."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mugi.config.fields import Distinct, ModelNames, PositiveInt, grids
from mugi.schema import Section


class Shift(Section):
    """Methods that are also tried on larger and smaller inputs than the model's."""

    log2: Annotated[list[Annotated[int, Field(ge=-16, le=16)]], Distinct] = Field(
        min_length=1, description="powers of two that inputs are multiplied by; 0 among them"
    )
    softmax: grids("softmax") = Field(description="grids of methods")
    activation: grids("activation") = Field(description="grids of methods")

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
    softmax: grids("softmax") = Field(
        description="grids of methods, such as vlp:lut=8..12,max_exp=-2..4"
    )
    activation: grids("activation") = Field(description="grids of methods")
    shift: Shift
