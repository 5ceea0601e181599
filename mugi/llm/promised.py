"""Whether a checkpoint has as much as it promises, before memory and time are spent on it.

transformers builds what the configuration describes, and fills in random numbers for what the
weights lack: a few words in a stranger's config.json or GGUF header could ask for any size.
"""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from math import prod
from pathlib import Path

import torch
from gguf import GGUFReader
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from mugi.errors import InputError

_LAYERS = {
    *("num_hidden_layers", "num_layers", "n_layer", "n_layers", "depth", "depths"),
    *("encoder_layers", "decoder_layers", "num_encoder_layers", "num_decoder_layers"),
}
"""Keys that count layers, in the configurations of transformers."""
_TIED = 2  # weights of a model for each stored one, at most: some stand in two places
_PACKED = 16  # those that are quantised: 2 bits of 32


def check_promise(
    place: Path, gguf_file: str, config: PreTrainedConfig, model_class: type[PreTrainedModel]
) -> None:
    """Raise InputError if `config` describes many more layers or weights than are stored.

    `place`: the checkpoint's folder; `gguf_file`: a GGUF file in it, or nothing. What is exactly
    missing or of another shape is told after loading. Weights that are not local or neither
    safetensors nor GGUF are not looked at.
    """
    stored = _gguf(place / gguf_file) if gguf_file else _safetensors(place)
    if not stored:
        return
    said = "its header" if gguf_file else "its config.json"
    layers = max(_layers(config.to_dict()), default=0)
    if layers > len(stored):
        what = f"{said} promises {layers:,} layers, and the checkpoint has {len(stored):,} tensors"
        raise InputError(what)
    with torch.device("meta"), init.meta_device_safe_creation_ops(), init.no_init_weights():
        model = model_class.from_config(deepcopy(config), trust_remote_code=False)
    described, there = sum(p.numel() for p in model.parameters()), sum(stored.values())
    if described > there * (_PACKED if getattr(config, "quantization_config", None) else _TIED):
        what = f"{said} promises {described:,} weights, and the checkpoint has {there:,}"
        raise InputError(what)


def _gguf(path: Path) -> dict[str, int]:
    """Return name -> number of weights of the tensors in a GGUF file."""
    return {tensor.name: int(tensor.n_elements) for tensor in GGUFReader(path).tensors}


def _safetensors(folder: Path) -> dict[str, int]:
    """Return name -> number of elements of the tensors in a folder's safetensors files.

    Nothing if one is damaged: what is wrong with it is told when it is loaded.
    """
    elements = {}
    with suppress(SafetensorError):
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118, it is no mapping
                    elements[name] = prod(file.get_slice(name).get_shape())
        return elements
    return {}


def _layers(described: dict) -> Iterator[int]:
    """Yield how many layers a configuration counts, those of its parts too."""
    for key, value in described.items():
        if isinstance(value, dict):
            yield from _layers(value)
        elif key in _LAYERS:
            yield from (
                n for n in (value if isinstance(value, list) else [value]) if type(n) is int
            )
