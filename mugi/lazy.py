"""Modules that are slow to import, imported when something of them is first used."""

import importlib


class Lazy:
    """Stands for a module: its attributes are the module's, which is imported at the first one."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        return getattr(importlib.import_module(self._name), attribute)
