"""What a model is made of: its language model, its layers and which of them attend."""

from typing import NamedTuple

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from mugi.errors import InputError


class Layers(NamedTuple):
    """Layers of a model, numbered in the order in which they run, an encoder's before a decoder's.

    count: all of them (Swin: the blocks of all stages); attending: the numbers of those with
    self-attention by softmax, the others mix tokens by convolutions or state spaces; cross: how
    many have cross-attention, the last ones.
    """

    count: int
    attending: tuple[int, ...]
    cross: int

    @property
    def is_hybrid(self) -> bool:
        """Tell whether layers differ in what they are made of."""
        return len(self.attending) < self.count


def language_model(model: PreTrainedModel) -> PreTrainedModel:
    """Return the language model inside a multi-modal model, whose layers the configuration keeps
    in `text_config`; any other model as it is."""
    config = model.config
    if config.is_encoder_decoder:
        return model
    try:
        text = config.get_text_config(decoder=True)
    except ValueError as error:
        raise InputError(f"{type(model).__name__}: {error}") from None
    models = (part for part in model.modules() if isinstance(part, PreTrainedModel))
    for part in models:
        if part.config is text:
            return part
    raise InputError(f"no language model found in {type(model).__name__}")


def layers_of(model: PreTrainedModel) -> Layers:
    """Return the layers that a model has by its configuration; InputError if it does not say."""
    config = model.config
    if config.is_encoder_decoder:
        cross = _number(config, "decoder_layers", "num_decoder_layers")
        count = _number(config, "encoder_layers", "num_layers") + cross
        return Layers(count, tuple(range(count)), cross)
    if getattr(config, "is_decoder", False) and isinstance(
        getattr(config, "decoder_layers", None), int
    ):  # the decoder of a pair alone (BartForCausalLM), whose num_hidden_layers is the encoder's
        count = config.decoder_layers
    else:
        count = sum(getattr(config, "depths", ())) or _number(config, "num_hidden_layers")
    kinds = layer_kinds(config) or ["attention"] * count
    return Layers(count, tuple(n for n, kind in enumerate(kinds) if _attends(kind)), 0)


def layer_kinds(config: PreTrainedConfig) -> list[str] | None:
    """Return the kind of each layer as a configuration names it; None if all are the same."""
    for key in ("layer_types", "layers_block_type"):
        kinds = getattr(config, key, None)
        if kinds and all(isinstance(kind, str) for kind in kinds):
            return list(kinds)
    return None


def _attends(kind: str) -> bool:
    """Tell whether a kind of layer of transformers has softmax attention; `hybrid` ones have it
    beside a state space."""
    return ("attention" in kind and "linear" not in kind) or "sparse" in kind or "hybrid" in kind


def _number(config: PreTrainedConfig, *names: str) -> int:
    for name in names:
        if isinstance(getattr(config, name, None), int):
            return getattr(config, name)
    raise InputError(f"the configuration of this {config.model_type} model has no {names[0]}")


def probe(model: PreTrainedModel) -> None:
    """Run the model on the smallest input that it takes; tokens differ, so that attention shows."""
    config, zeros = model.config, {"device": model.device, "dtype": model.dtype}
    inputs = tokens = torch.arange(4, device=model.device)[None]
    if model.main_input_name == "pixel_values":
        size = config.image_size
        size = [size, size] if isinstance(size, int) else list(size)
        frames = [config.num_frames] if hasattr(config, "num_frames") else []
        inputs = torch.zeros(1, *frames, config.num_channels, *size, **zeros)
    elif model.main_input_name == "input_features":
        inputs = torch.zeros(1, config.num_mel_bins, 2 * config.max_source_positions, **zeros)
    others = {"decoder_input_ids": tokens} if config.is_encoder_decoder else {}
    if model.can_generate() or hasattr(config, "use_cache"):
        others["use_cache"] = False
    with torch.inference_mode():
        model(**{model.main_input_name: inputs}, **others)


def expect(sites: int, layers: int, what: str) -> None:
    """Raise InputError unless as many sites were patched as there are layers."""
    if sites != layers:
        raise InputError(f"patched {sites} {what} sites of a model with {layers} layers")
