"""Section `models`: language models, speech and vision models whose accuracy is measured."""

from typing import Literal

from pydantic import Field

from mugi.config.fields import PositiveInt
from mugi.schema import Section


class Model(Section):
    """A model and how it is loaded."""

    source: str = Field(description="embedded, a hub id such as org/name, or a checkpoint folder")
    dtype: Literal["bfloat16", "float16", "float32"] = Field(description="precision of the model")
    attention: Literal["eager", "sdpa"] = Field(description="attention of the native model")
    device: str = Field(
        pattern=r"^(cpu|cuda(:\d+)?|auto)$",
        description="cpu, cuda, cuda:N, or auto: the layers spread over all GPUs",
    )
    threads: PositiveInt = Field(1, description="threads of a job that runs the model")
    data: str | None = Field(
        None, description="for speech or vision: a folder of clips or images, or digits"
    )
    examples: PositiveInt | None = Field(None, description="first clips or images; all if left out")
