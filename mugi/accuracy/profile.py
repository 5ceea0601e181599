"""How often each BF16 input of softmax and activation occurs in a real model."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from mugi.analysis.distribution import not_a_number
from mugi.errors import InputError, Mistake
from mugi.llm import texts
from mugi.llm.settings import ModelSettings

RECIPES = ("lut", "published")
_SAMPLE_TOKENS = 512


class InputProfile(NamedTuple):
    """table: counts by code, see `mugi.llm.record.profile`; samples: codes of a few heads and
    tokens by operation and layer, see `mugi.llm.record.samples`, or None."""

    table: pd.DataFrame
    samples: dict[str, np.ndarray] | None


def profile_inputs(
    *,
    model: ModelSettings,
    lengths: Sequence[int] = (512,),
    tokens: int = 2048,
    recipe: Literal["lut", "published"] = "lut",
    samples: bool = False,
) -> InputProfile:
    """Return what softmax and activation see while the model runs over prose.

    lengths: tokens in a window; tokens: of text at each length; recipe: `lut` for what the LUT
    sees, `published` for what the paper's Fig. 4 shows, at the longest length; samples: whether
    some are kept. Raises InputError for a text or a context that is too short, and for inputs that
    are NaN or infinite.
    """
    lengths = sorted(set(lengths))
    if lengths[0] < 2:
        raise InputError(Mistake("must be at least 2 tokens", where=f"length {lengths[0]}"))
    if tokens < lengths[-1]:
        what = f"must be at least {lengths[-1]} (the length)"
        raise InputError(Mistake(what, where=f"tokens {tokens}"))
    if recipe != "lut" and samples:
        raise InputError(Mistake("only with recipe lut", where="samples"))
    model.check()

    from mugi.accuracy.finite import broken, check_native, not_finite
    from mugi.llm import record  # not before the settings are checked: it takes seconds
    from mugi.llm.load import load

    loaded, tokenizer = load(model)
    documents = texts.prose_documents()
    ids = texts.first_tokens(loaded, tokenizer, documents, tokens, lengths[-1])
    check_native(loaded, ids[: lengths[0]])
    if recipe == "lut":
        table = record.profile(loaded, ids, lengths)
    else:
        table = record.profile_as_published(loaded, ids, lengths[-1])
    if wrong := not_a_number(table):
        where = f"{model.source}, softmax=exact"
        raise InputError(Mistake(not_finite(wrong, model.dtype, broken(loaded)), where))
    table.insert(0, "model", model.name)
    sampled = ids[: min(lengths[-1], _SAMPLE_TOKENS)]
    return InputProfile(table, record.samples(loaded, sampled) if samples else None)
