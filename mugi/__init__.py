"""Mugi: Value Level Parallelism for Efficient LLMs (ASPLOS 2026), reproduced.

    import mugi

    mugi.evaluate_hardware(...)  # time, energy and area of accelerators on LLMs
    mugi.account_carbon(...)     # operational and embodied carbon of these runs
    mugi.evaluate_accuracy(...)  # what approximations do to a model
    mugi.emulated(...)           # a PyTorch model with its operations replaced, in a `with`

Each is imported when it is first asked for: importing mugi imports neither torch nor pandas.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "evaluate_hardware": "mugi.hardware",
    "account_carbon": "mugi.carbon",
    "evaluate_accuracy": "mugi.accuracy.evaluate",
    "emulated": "mugi.llm.inject",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mugi' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
