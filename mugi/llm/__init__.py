"""Language models whose softmax, activation, weights and KV cache are emulated."""

VERSION = 2
"""Of how a model computes under an approximation, in the keys of finished measurements: raise it
with every change of its numbers (tests/accuracy/test_versions.py notices them)."""
