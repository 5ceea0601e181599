"""Weights that are stored quantised: what it needs to read them, and plain weights made of them.

The emulation multiplies by dequantised weights: what a checkpoint's format gives, in the model's
dtype. Formats that transformers dequantises become plain linear layers, on which `woq` works as on
any other; the layers of GPTQ and AWQ stay those of their package.
"""

import importlib.util
import json
import logging

import torch
from transformers import GgufConfig, PreTrainedConfig, PreTrainedModel
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

from mugi.errors import InputError, unknown

logger = logging.getLogger(__name__)
_BNB, _BNB_KEYS = "bitsandbytes", {"load_in_4bit", "load_in_8bit"}
PACKAGES = {
    "awq": ("gptqmodel",),
    _BNB: ("bitsandbytes",),
    "compressed-tensors": ("compressed-tensors",),
    "gptq": ("optimum", "gptqmodel"),
}
"""`quant_method` of a config.json -> the packages without which transformers cannot read it."""
DEQUANTISE = {"quantization_config": GgufConfig(dequantize=True)}
"""How a GGUF file is loaded."""
_WHILE_LOADING = ("compressed-tensors", "fp8", "mxfp8", "mxfp4")  # transformers dequantises these


def prepared(source: str, config: PreTrainedConfig) -> PreTrainedConfig:
    """Return the configuration of a checkpoint so that its weights are dequantised while loading.

    Raises InputError for a quantisation that is unknown, whose weights would be taken for plain
    ones, or whose package is not installed.
    """
    stored = getattr(config, "quantization_config", None)
    if not stored:
        return config
    _check_form(stored)
    method = stored.get("quant_method") or (_BNB if _BNB_KEYS & stored.keys() else "")
    known = {_BNB, *AUTO_QUANTIZATION_CONFIG_MAPPING} - {"bitsandbytes_4bit", "bitsandbytes_8bit"}
    if method not in known:
        raise InputError(unknown("quant_method", method, sorted(known)))
    needed = PACKAGES.get(method, ())
    if missing := [name for name in needed if not importlib.util.find_spec(name.replace("-", "_"))]:
        raise InputError(
            f"its weights are quantised by {method}, which needs the package"
            f"{'s' * (len(missing) > 1)} {' and '.join(missing)}: pip install {' '.join(missing)}"
        )
    if len(_dense_formats(stored)) > 1:
        raise InputError(f"its layers are quantised by {method} in several formats; allowed: one")
    if method in _WHILE_LOADING:
        stored["dequantize"] = True
    if _has_quantised_activations(stored):
        what = "model '%s': %s quantises its activations or its cache, too; here they are not"
        logger.warning(what, source, method)
    return config


def _check_form(stored: object) -> None:
    """Raise InputError if quantization_config does not have the form that is read here."""
    if not isinstance(stored, dict):
        raise InputError(f"quantization_config must be a mapping, not {stored!r}")
    if not isinstance(method := stored.get("quant_method") or "", str):
        raise InputError(f"quantization_config.quant_method must be a name, not {method!r}")
    groups = stored.get("config_groups") or {}
    if not isinstance(groups, dict) or not all(
        isinstance(group, dict) and isinstance(group.get("targets", []), list)
        for group in groups.values()
    ):
        raise InputError("quantization_config.config_groups must map names to groups of layers")


def _dense_formats(stored: dict) -> set[str]:
    """Return the formats of layers that are no experts, of which transformers takes the first."""
    groups = (stored.get("config_groups") or {}).values()
    return {
        json.dumps([group.get("weights"), group.get("format")], sort_keys=True)
        for group in groups
        if not any("experts" in str(target) for target in group.get("targets", []))
    }


def _has_quantised_activations(stored: dict) -> bool:
    """Return whether layers' inputs or the cache are quantised, too, where the model serves."""
    groups = stored.get("config_groups") or {}
    inputs = [group.get("input_activations") for group in groups.values()]
    return any([*inputs, stored.get("kv_cache_scheme"), stored.get("activation_scheme")])


def dequantised(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Return a loaded model with plain weights, if they are of bitsandbytes."""
    method = getattr(getattr(model, "hf_quantizer", None), "quantization_config", None)
    if getattr(method, "quant_method", None) != _BNB:
        return model
    return model.dequantize(dtype=dtype)
