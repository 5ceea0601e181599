"""Section `tuning`: a LUT window for each layer's softmax."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mugi.config.fields import Distinct, ModelNames, PositiveInt, checked
from mugi.methods import parse
from mugi.schema import Section

Anchors = Annotated[list[Annotated[int, Field(ge=-40, le=40)]], Distinct]


class Tuning(Section):
    """Fig. 7: a LUT window for the softmax of each layer."""

    models: ModelNames
    base: checked(lambda text: parse(f"{text},max_exp=0", "exp")) = Field(
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
