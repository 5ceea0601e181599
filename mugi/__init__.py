"""Mugi: Value Level Parallelism for Efficient LLMs (ASPLOS 2026), reproduced."""

from importlib.metadata import version

__version__ = version("mugi-repro")
