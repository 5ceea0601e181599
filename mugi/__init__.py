"""Mugi: Value Level Parallelism for Efficient LLMs (ASPLOS 2026), reproduced."""

__version__ = "0.1.0"
