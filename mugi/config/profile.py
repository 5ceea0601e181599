"""Section `profile`: the inputs that softmax and activation see in models."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mugi.config.fields import Distinct, ModelNames, PositiveInt
from mugi.schema import Section


class Profile(Section):
    """Fig. 4: inputs of softmax and activation."""

    models: ModelNames
    lengths: Annotated[list[Annotated[int, Field(ge=2)]], Distinct] = Field(
        min_length=1, description="tokens in a window; the published recipe takes the longest"
    )
    tokens: PositiveInt = Field(description="tokens of text at each length")

    @model_validator(mode="after")
    def _whole_windows(self) -> Self:
        if self.tokens < max(self.lengths):
            raise ValueError(f"tokens {self.tokens} must be at least {max(self.lengths)} (lengths)")
        return self
