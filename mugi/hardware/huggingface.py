"""Hugging Face's config.json as the dimensions of a model: by its model_type, never by a name.

What a file does not say is what the family's configuration class says, and is noted; what the cost
model cannot cost is a mistake. Neither torch nor transformers is needed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mugi.documents import Document, expanded
from mugi.errors import InputError, Mistake, closest, raise_all, shown, unknown
from mugi.hardware.encoders import BUILDERS, UNNAMED_LABELS
from mugi.hardware.families import Families, Family, Keys, known
from mugi.hardware.layers import decoder
from mugi.schema import validated

CONFIG = "config.json"
# Without a model_type a file is read only if it says all of these itself.
PLAIN = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "intermediate_size",
)  # fmt: skip
TELLING = {"model_type", "text_config", *PLAIN, "n_embd", "n_embed", "d_model", "n_layer"}
OURS = {"dim", "layers", "heads", "kv_heads", "ffn_dim", "vocabulary", "experts", "encoder"}
# What changes costs in whatever family: not to be passed over by one that does not read it.
STRUCTURE = {
    "experts": (
        "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "ffn_config",
        "num_shared_experts", "n_shared_experts", "n_experts",
    ),
    "latent attention": ("kv_lora_rank",),
    "a state space": ("state_size", "mamba_d_state", "mamba_num_heads", "ssm_state_size"),
    "linear attention": ("linear_num_value_heads", "linear_attn_config", "full_attention_interval"),
    "layers of several kinds": (
        "layer_types", "layers_block_type", "hybrid_override_pattern", "block_types",
        "attn_layer_period", "attention_types", "per_layer_config", "block_configs",
        "cross_attention_layers",
    ),
    "convolutions": ("conv_L_cache",),
    "an indexer": ("index_topk",),
    "chunks": ("attention_chunk_size",),
    "keys and values of other layers": ("num_kv_shared_layers",),
    "an encoder": ("is_encoder_decoder", "add_cross_attention"),
}  # fmt: skip
LEFT_OUT = ("look-ups of embeddings", "norms", "biases", "positions", "residuals")
LIKE = 0.92  # how alike a key is that is rather a slip of the pen than a key of another purpose


@dataclass(frozen=True)
class Translation:
    """A model as its YAML would say it, and notes: what is left out, what was taken for granted."""

    content: dict
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    """A config.json: all of it, the part that the layers stand in, and how that part is read."""

    whole: Document
    part: Document
    model_type: str
    family: Family
    tied: bool | None  # of the class around text_config

    def written(self, key: str) -> str:
        """Return the file's name of a key: the family's own or the common one."""
        own = self.family.names.get(key, key)
        return own if own in self.part.content else key

    def given(self) -> dict:
        """Return what the file says, by common names; raises InputError for two words on one."""
        values, mistakes = {}, []
        for key in self.family.reads:
            said = [k for k in (self.family.names.get(key), key) if k in self.part.content]
            if len({repr(self.part.content[name]) for name in said}) > 1:
                what = f"differs from {said[1]}, which means the same"
                mistakes.append(Mistake(what, self.part.where((said[0],))))
            if said:
                values[key] = self.part.content[said[0]]
        raise_all(mistakes)
        if "tie_word_embeddings" in self.whole.content:
            values["tie_word_embeddings"] = self.whole.content["tie_word_embeddings"]
        return values

    def defaults(self, given: Mapping) -> dict:
        """Return what the configuration class has for what the file does not say."""
        values = self.family.defaults.model_dump(exclude_unset=True)
        if self.tied is not None:
            values["tie_word_embeddings"] = self.tied
        return {key: value for key, value in values.items() if key not in given}


def config_path(name: str) -> Path | None:
    """Return the config.json that `name` leads to: a file, a folder's, or a cached hub id's.

    None if it leads to none. Raises InputError for a file that is not there, a folder without one,
    and a hub id that is not in the local cache; nothing is fetched.
    """
    path = expanded(name)
    is_folder = os.path.isdir(path)  # unlike Path's, it raises for no name, however odd
    inside = os.path.join(path, CONFIG)
    if is_folder and not os.path.isfile(inside):
        raise InputError(f"model folder '{name}' has no {CONFIG}")
    if is_folder:
        return Path(inside)
    if not name.endswith(".json"):
        return _cached(name)
    if not os.path.isfile(path):
        raise InputError(f"model file '{name}' does not exist")
    return Path(path)


def _cached(name: str) -> Path | None:
    """Return the config.json of a hub id in the local cache, None for what is no hub id."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(name, CONFIG)
    except HFValidationError:
        return None
    if not isinstance(path, str) and "/" in name:
        raise InputError(
            f"model '{name}' is no folder, and no hub id with a {CONFIG} in the local cache"
        )
    return Path(path) if isinstance(path, str) else None


def is_config(document: Document) -> bool:
    """Return whether a mapping has Hugging Face's keys.

    Raises InputError if it has ours too, and for JSON that has none of Hugging Face's.
    """
    telling, ours = TELLING & document.content.keys(), OURS & document.content.keys()
    if document.name.endswith(".json") and not telling:
        what = f"no {CONFIG} of Hugging Face: it has neither model_type nor hidden_size"
        raise InputError(Mistake(what, document.name))
    if "model_type" in telling:  # OPT's has ffn_dim, and DistilBERT's dim
        ours -= {"ffn_dim"}
        ours = ours if telling == {"model_type"} or len(ours) > 1 else set()
    if telling and ours:
        what = f"is a key of {CONFIG}, and {sorted(ours)[0]} one of a model's YAML: give one kind"
        raise InputError(Mistake(what, document.where((sorted(telling)[0],))))
    return bool(telling)


def translated(document: Document, source: str) -> Translation:
    """Return what a config.json says, as a model's YAML; `source` says where it comes from.

    Raises InputError with file, line and key for what is missing, wrong, or cannot be costed.
    """
    file, notes = _understood(document)
    given = file.given()
    raise_all(_not_read(file, given))
    defaults = file.defaults(given)
    missing = [key for key in PLAIN if not file.model_type and given.get(key) is None]
    if missing:
        what = (
            f"without model_type, whose defaults could be taken, {', '.join(missing)} must be said"
        )
        raise InputError(Mistake(what, document.where()))
    places = {(key,): file.part.places.get((file.written(key),), document.name) for key in given}
    keys = validated(Keys, Document(document.name, defaults | given, places))
    needed = file.family.defaults.model_dump(exclude_none=True).keys() - _NULLABLE
    nulls = [key for key in given if given[key] is None and key in needed]
    raise_all([Mistake("must not be null", file.part.where((file.written(k),))) for k in nulls])
    build = BUILDERS.get(file.family.kind, decoder)
    try:
        content = build(keys, file.family, document.content)
    except InputError as error:
        raise InputError(*(_placed(mistake, file) for mistake in error.mistakes)) from None
    if defaults:
        notes.append(_note_of_defaults(file, defaults))
    told = map(shown, (*notes, *_notes(file, content)))  # they quote the file
    return Translation({"source": source} | content, tuple(told))


# Keys that may be null though their default is not: they follow from others, or switch off.
_NULLABLE = {
    "num_key_value_heads", "head_dim", "sliding_window", "q_lora_rank", "num_experts",
    "n_shared_experts", "sliding_window_pattern", "use_sliding_window", "tie_word_embeddings",
    "attention_chunk_size", "shared_intermediate_size", "shared_expert_intermediate_size",
}  # fmt: skip


def _placed(mistake: Mistake, file: _File) -> Mistake:
    """Return the mistake of a common key at the file's own name and line of it."""
    key = mistake.where
    place = file.part.where((file.written(key),)) if key else file.whole.name
    return Mistake(mistake.what, place, mistake.allowed, mistake.nearest)


def _understood(document: Document) -> tuple[_File, list[str]]:
    """Return how a file is to be read, with notes; raises InputError for an unknown family."""
    content, families = document.content, known()
    outer = content.get("model_type", "")
    composite = families.composites.get(outer) if isinstance(outer, str) else None
    part = document
    if isinstance(content.get("text_config"), dict):
        part = document.part("text_config")
    inner = part.content.get("model_type", outer)
    if not isinstance(inner, str):
        raise InputError(Mistake(f"must be a name, not {inner!r}", part.where(("model_type",))))
    if composite and inner == outer:
        inner = composite.text
    if not inner:
        plain = "no model_type: read as a Llama, with gated FFNs, every layer attending to all"
        return _File(document, part, "", families.families["llama"], None), [plain]
    notes = []
    if inner not in families.families:
        inner, note = _by_architecture(document, part, inner, families)
        notes.append(note)
    tied = composite.tied if composite and "tie_word_embeddings" not in part.content else None
    return _File(document, part, inner, families.families[inner], tied), notes


def _by_architecture(
    document: Document, part: Document, model_type: str, families: Families
) -> tuple[str, str]:
    """Return the family whose classes a model of another type uses, and a note."""
    place = part.where(("model_type",))
    if refusal := families.refusal(model_type):
        what = f"{model_type} has {refusal.what}, which is not modelled; nearest that is:"
        raise InputError(Mistake(f"{what} {refusal.nearest}", place))
    named = _architecture(document)
    for name, family in families.families.items():
        if named.removesuffix("ForCausalLM") == family.architecture:
            return name, f"{model_type} is read as {name}, for its architecture is {named}"
    raise InputError(unknown("model_type", model_type, families.families).at(place))


def _architecture(document: Document) -> str:
    """Return the first name under `architectures`, or nothing."""
    named = document.content.get("architectures")
    return str(named[0]) if named and isinstance(named, list) else ""


def _not_read(file: _File, given: Mapping) -> list[Mistake]:
    """Return a mistake for every key that would be passed over though it seems to matter."""
    content, family, mistakes = file.part.content, file.family, []
    name = file.model_type or "a file without model_type"
    read = family.reads | set(family.names.values()) | set(family.may_have)
    for meaning, keys in STRUCTURE.items():
        for key in keys:
            value = content.get(key)
            plain = isinstance(value, list) and set(map(str, value)) == {"full_attention"}
            if key not in read and value and not plain:
                what = f"speaks of {meaning}, which {name} does not have; is model_type right?"
                mistakes.append(Mistake(what, file.part.where((key,))))
    for key in content.keys() - read:
        near = closest(key, family.reads - given.keys(), LIKE)
        if near and not key.startswith("_"):
            mistakes.append(Mistake("is not known", file.part.where((key,)), nearest=near))
    return mistakes


def _note_of_defaults(file: _File, defaults: Mapping) -> str:
    """Return what stood in for what the file does not say."""
    follows = {
        "num_key_value_heads": "num_attention_heads",
        "head_dim": "hidden_size / num_attention_heads",
        "intermediate_size": "4 hidden_size",
    }
    values = {key: follows.get(key) if value is None else value for key, value in defaults.items()}
    told = [f"{key} = {value}" for key, value in values.items() if value is not None]
    whose = file.family.config if file.model_type else "a Llama's configuration"
    return f"not in the file, so as in {whose}: {', '.join(told) or 'nothing that matters'}"


def _notes(file: _File, content: Mapping) -> list[str]:
    """Return what is left out of the costs."""
    whole, left_out = file.whole.content, [*LEFT_OUT, *file.family.left_out]
    read = {*file.family.reads, *file.family.names.values(), *file.family.may_have}
    others = known().keys - read
    passed = [f"{k} = {v}" for k, v in file.part.content.items() if k in others and v]
    if content.get("experts"):
        left_out.append("softmax and choice of the router")
    towers = [key for key in whole if key.endswith("_config") and key in _TOWERS]
    left_out += [f"the model of {key}" for key in towers]
    ahead = whole.get("num_nextn_predict_layers") or whole.get("num_mtp_layers")
    if ahead:
        left_out.append("what predicts tokens after the next")
    if file.part.content.get("moe_layer_freq", 1) != 1:
        left_out.append("what transformers makes of moe_layer_freq: it is read as DeepSeek does")
    if whole.get("quantization_config"):
        left_out.append("quantization_config: formats of numbers are the design's")
    notes = [f"left out: {', '.join(left_out)}"]
    if passed:
        whose = file.model_type or "a Llama"
        notes.append(f"not read, for no size of {whose} follows from it: {', '.join(passed)}")
    named = _architecture(file.whole)
    if not content.get("layers") and not (whole.get("id2label") or whole.get("num_labels")):
        notes.append(f"no labels: costed with an output of {UNNAMED_LABELS}")
    if file.family.kind == "decoder" and "Classification" in named:
        notes.append(f"{named} is costed as a language model, with an output of the vocabulary")
    return notes


_TOWERS = ("vision_config", "audio_config")
