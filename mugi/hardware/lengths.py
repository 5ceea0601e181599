"""Lengths of runs: the prompt, which prefill takes, and the tokens that decode generates after it.

Two of seq_len, prompt_len and output_len give the third; one of the ends is enough with the paper's
prompt of 64 tokens. A model that only encodes takes the positions of its first stage, and generates
nothing.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mugi.errors import Mistake
from mugi.hardware.model import Model, load_model
from mugi.hardware.workload import PREFILL_TOKENS

LENGTHS = ("seq_len", "prompt_len", "output_len")


def said(runs: pd.DataFrame) -> pd.DataFrame:
    """Return LENGTHS of runs as numbers, NaN where they are not said (or are no numbers)."""
    empty = pd.Series(np.nan, runs.index)
    numbers = {name: pd.to_numeric(runs.get(name, empty), errors="coerce") for name in LENGTHS}
    return pd.DataFrame(numbers)


def completed(runs: pd.DataFrame) -> pd.DataFrame:
    """Return all LENGTHS of runs, whose models are known."""
    whole, prompt, output = (column for _, column in said(runs).items())
    names = runs["model"].astype(str)
    encoded = names.map({name: _encoded(load_model(name)) for name in names.unique()})
    prompt = prompt.fillna(whole - output).fillna(PREFILL_TOKENS).mask(encoded > 0, encoded)
    output = output.fillna(whole - prompt).mask(encoded > 0, 0)
    whole = whole.fillna(prompt + output).mask(encoded > 0, encoded)
    return pd.DataFrame({"seq_len": whole, "prompt_len": prompt, "output_len": output})


def _encoded(model: Model) -> int:
    """Return the positions that a model without a decoder encodes; 0 for one with a decoder."""
    return 0 if model.layers else model.encoder[0].tokens


def mistakes(runs: pd.DataFrame) -> Iterator[tuple[int, Mistake]]:
    """Yield the first mistake in the lengths of each run, whose models and numbers are fine."""
    names = runs["model"].astype(str)
    models = {name: load_model(name) for name in names.unique()}
    lengths = said(runs).to_numpy()
    keys = np.nan_to_num(lengths, nan=-1).tolist()
    rows = zip(names, keys, lengths, completed(runs).to_numpy(), strict=True)
    known: dict[tuple, str] = {}
    for run, (name, numbers, given, complete) in enumerate(rows):
        key = name, *numbers
        if key not in known:
            known[key] = _mistake(name, models[name], given, complete)
        if known[key]:
            yield run, Mistake(known[key])


def _mistake(name: str, model: Model, given: np.ndarray, complete: np.ndarray) -> str:
    """Return what is wrong with the lengths of a run, or nothing."""
    is_said, (whole, prompt, output) = ~np.isnan(given), complete
    if not model.layers:
        wrong = np.any(given[is_said] != complete[is_said])
        what = f"{name} encodes {prompt:.0f} positions and generates nothing"
        return f"{what}: leave {', '.join(LENGTHS)} out" if wrong else ""
    if not is_said[0] and not is_said[2]:
        return f"seq_len must be a whole number of at least {prompt:.0f}, not empty"
    if is_said.all() and prompt + output != whole:
        return f"seq_len {whole:.0f} is not prompt_len {prompt:.0f} and output_len {output:.0f}"
    if prompt < 1:
        return f"seq_len must be more than output_len {output:.0f}, not '{whole:.0f}'"
    if output < 0:
        return f"seq_len must be a whole number of at least {prompt:.0f}, not '{whole:.0f}'"
    if model.chunk and whole > model.chunk:
        what = f"{name} attends within chunks of {model.chunk} positions"
        return f"{what}, and longer sequences are not modelled: seq_len '{whole:.0f}'"
    return ""
