"""NaN and infinities stop a measurement, with one line that says where and what to try.

A sum that skipped them would make a broken model perfect. What computes a number checks it with
`check_finite`; those who call it add, on the way out, what they know: `placed` the window or
document, `stopped` the model and the approximation, and the line is complete.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from mugi.errors import InputError, Mistake
from mugi.methods import NATIVE


class NonFinite(Exception):
    """A number that is not finite: what it is, and the window, document or layer it is of."""

    def __init__(self, what: str, place: str = ""):
        super().__init__(what, place)
        self.what, self.place = what, place


def check_finite(values, what: str, place: str = "") -> None:
    """Raise NonFinite if any of `values` (a tensor, an array or a number) is NaN or infinite."""
    finite = torch.isfinite(values) if isinstance(values, torch.Tensor) else np.isfinite(values)
    if not finite.all():
        raise NonFinite(what, place)


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Say where a number that is not finite belongs to, unless that is known already."""
    try:
        yield
    except NonFinite as error:
        raise NonFinite(error.what, error.place or place) from None


@contextmanager
def stopped(model: torch.nn.Module, approximation: object) -> Iterator[None]:
    """Turn a number that is not finite into InputError: one line with all that is known of it."""
    try:
        yield
    except NonFinite as error:
        place = [error.place] if error.place else []
        name = getattr(model, "name_or_path", "") or type(model).__name__
        where = ", ".join([name, str(approximation), *place])
        raise InputError(
            Mistake(not_finite(error.what, model.dtype, broken(model)), where)
        ) from None


@contextmanager
def logits_checked(model: torch.nn.Module) -> Iterator[None]:
    """Check the logits of the next token whenever the model runs, as it does while it generates."""

    def check(_, inputs, output) -> None:
        check_finite(output.logits[:, -1], "logits of an answer")

    hook = model.register_forward_hook(check)
    try:
        yield
    finally:
        hook.remove()


def check_native(model: torch.nn.Module, tokens: torch.Tensor) -> None:
    """Raise InputError if the untouched model gives logits of `tokens`, 1-D, that are not finite:
    what looks into a model cannot tell a broken one from one that it does not know."""
    with torch.inference_mode(), stopped(model, NATIVE):
        check_finite(model(tokens[None], use_cache=False).logits, "logits")


def not_finite(what: str, dtype: object, weight: str = "") -> str:
    """Return what is wrong and what to try; `weight`: one of the model's that is not finite."""
    line = f"non-finite {what}, dtype {str(dtype).removeprefix('torch.')}; try bfloat16 or float32"
    return f"{line}; the checkpoint's {weight} is itself not finite" if weight else line


def broken(model: torch.nn.Module) -> str:
    """Return the name of the first weight with NaN or infinities, or an empty text."""
    weights = ((name, value) for name, value in model.named_parameters() if not value.is_meta)
    return next((name for name, value in weights if not value.isfinite().all()), "")
