"""Whether a loaded checkpoint is a whole model: all its weights in their places, and a tokenizer.

transformers makes random numbers of the weights that it does not find, leaves out those that have
no place, and gives some families a tokenizer without words. Each would be a silent wrong number.
"""

import re
from collections.abc import Mapping

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mugi.errors import InputError
from mugi.llm.checkpoint import CONFIG

NO_TOKENIZER = (
    "it has no tokenizer (tokenizer.json, or the files that its family has instead): copy those of "
    "the model that it was made from into the folder"
)
NEEDS_SENTENCEPIECE = (
    "its tokenizer is {}, which needs the package sentencepiece: pip install sentencepiece, or "
    "put a tokenizer.json beside it"
)
_UNUSED = ("pooler.",)  # weights that no metric reads


def check_weights(model: PreTrainedModel, report: Mapping) -> None:
    """Raise InputError for weights that are missing, of another shape or without a place.

    `report` is transformers' loading information.
    """
    if mismatched := sorted(report["mismatched_keys"]):
        name, stored, described = mismatched[0]
        raise InputError(
            f"{len(mismatched)} of its weights have another shape than {CONFIG} says, for example "
            f"{name}: {tuple(stored)} instead of {tuple(described)}"
        )
    if missing := sorted(k for k in report["missing_keys"] if not k.startswith(_UNUSED)):
        raise InputError(
            f"{len(missing)} of its weights are not in the checkpoint, for example {missing[0]}: "
            f"it is incomplete, or {CONFIG} does not describe it"
        )
    if left := _left_out(model, report["unexpected_keys"]):
        raise InputError(
            f"{len(left)} of its weights have no place in the model that {CONFIG} describes, for "
            f"example {left[0]}"
        )


def _left_out(model: PreTrainedModel, unexpected: set[str]) -> list[str]:
    """Return the weights that belong to the model's own layers, or to more of the same kind.

    Others may be left out: of heads, of vision beside text, of layers that predict further tokens.
    What is stored quantised has scales of its own, of which transformers takes care.
    """
    if hasattr(model, "hf_quantizer") or getattr(model.config, "num_nextn_predict_layers", None):
        return []
    own = {name for name, _ in model.named_parameters()}
    kinds = {re.sub(r"\d+", "#", name) for name in own}
    modules = {name.rpartition(".")[0] for name in own}
    return sorted(
        name
        for name in unexpected
        if re.sub(r"\d+", "#", name) in kinds or name.rpartition(".")[0] in modules
    )


def check_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise InputError for the empty tokenizer that some families have without its files."""
    ids = tokenizer("To be, or not to be")["input_ids"]
    if not set(ids) - set(tokenizer.all_special_ids):
        raise InputError(NO_TOKENIZER)
