"""Which architectures can be evaluated, and by what they are loaded."""

from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForSpeechSeq2Seq,
    AutoModelForVideoClassification,
    AutoProcessor,
    AutoTokenizer,
    PreTrainedConfig,
)
from transformers.models.auto import modeling_auto as auto

from mugi.errors import InputError

LOADERS = {
    "text": (AutoModelForCausalLM, AutoTokenizer),
    "speech": (AutoModelForSpeechSeq2Seq, AutoProcessor),
    "image": (AutoModelForImageClassification, AutoImageProcessor),
    "video": (AutoModelForVideoClassification, AutoImageProcessor),
    "features": (AutoModel, AutoImageProcessor),
}
"""Kind of model -> what loads it and what prepares its inputs."""
_ARCHITECTURES = {
    "text": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values(),
    "speech": ["WhisperForConditionalGeneration"],
    "image": auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES.values(),
    "video": auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES.values(),
    "features": ["Dinov2Model", "Dinov2WithRegistersModel", "ViTModel"],
}


def kind_of(config: PreTrainedConfig) -> str:
    """Return the kind of the model that `config` describes, a key of `LOADERS`.

    Raises InputError for an architecture that has no metric here.
    """
    kinds = {}
    for kind, names in _ARCHITECTURES.items():
        for name in names:  # some models have two classes
            kinds |= dict.fromkeys([name] if isinstance(name, str) else name, kind)
    named = config.architectures
    if not (isinstance(named, list) and named and isinstance(named[0], str)):
        likely = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type, "ITS CLASS")
        raise InputError(f'config.json names no class; add "architectures": ["{likely}"] to it')
    architecture = named[0]
    if architecture not in kinds:
        raise InputError(
            f"{architecture} cannot be evaluated; allowed: causal language models, Whisper, image "
            "and video classifiers, DINOv2 and ViT without a head"
        )
    return kinds[architecture]
