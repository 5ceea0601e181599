"""Mugi: Value Level Parallelism for Efficient LLMs (ASPLOS 2026), reproduced.

    import mugi

    mugi.evaluate_hardware(frame)     # time, energy and area of accelerators on LLMs
    mugi.account_carbon(frame)        # operational and embodied carbon of these runs
    mugi.evaluate_accuracy(model, …)  # what approximations do to a model
    mugi.emulated(model, "…")         # a PyTorch model with its operations replaced, in a `with`
    mugi.InputError                   # what all of them raise: one line for each mistake

Each is imported when it is first asked for: importing mugi imports neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers
    from mugi.accuracy.evaluate import evaluate_accuracy
    from mugi.carbon import account_carbon
    from mugi.errors import InputError
    from mugi.hardware import evaluate_hardware
    from mugi.llm.inject import emulated

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "__version__",
    "account_carbon",
    "emulated",
    "evaluate_accuracy",
    "evaluate_hardware",
]

_PUBLIC = {
    "evaluate_hardware": "mugi.hardware",
    "account_carbon": "mugi.carbon",
    "evaluate_accuracy": "mugi.accuracy.evaluate",
    "emulated": "mugi.llm.inject",
    "InputError": "mugi.errors",
}


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mugi' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
