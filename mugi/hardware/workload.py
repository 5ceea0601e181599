"""A language model as operations: matrix products and nonlinear functions, by phase and group.

One decode step at a sequence length of s attends to s positions; only that dimension depends on
the step. Embedding, norms, rotary positions, residuals and causal masking are left out, as in the
paper.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mugi.hardware.model import Model

PREFILL_TOKENS = 64  # published artifact; decode steps follow up to the sequence length
GROUP_OF = {
    **dict.fromkeys(("proj_q", "proj_kv", "proj_a"), "projection"),
    **dict.fromkeys(("qkt", "av"), "attention"),
    **dict.fromkeys(("proj_up_gate", "proj_down"), "ffn"),
    **{name: name for name in ("output", "softmax", "silu")},
}
GROUPS = tuple(dict.fromkeys(GROUP_OF.values()))


@dataclass(frozen=True)
class Operation:
    """An operation done once a layer (the output once a model), or `copies` times."""

    name: str
    phase: str
    copies: int = 1

    @property
    def group(self) -> str:
        """Return the group that figures and result columns report it under."""
        return GROUP_OF[self.name]


COPIES = {"proj_kv": 2, "proj_up_gate": 2}
LINEAR = ("proj_q", "proj_kv", "proj_a", "proj_up_gate", "proj_down", "output")


def _operations(phase: str, *names: str) -> list[Operation]:
    return [Operation(name, phase, COPIES.get(name, 1)) for name in names]


# Operations whose sizes are the same at every step, in the order of the size tables below.
FIXED_GEMMS = _operations("prefill", *LINEAR, "qkt", "av") + _operations("decode", *LINEAR)
FIXED_NONLINEARS = _operations("prefill", "softmax", "silu") + _operations("decode", "silu")
# Operations that grow with the step.
STEPPED = _operations("decode", "qkt", "av", "softmax")


def sizes(
    models_used: list[Model], index: np.ndarray, kv_heads: np.ndarray, batch: np.ndarray
) -> dict:
    """Return the sizes that operations are made of, one value a profile.

    `index` picks each profile's model. Keys: dim, layers, heads, kv_heads, ffn_dim, vocabulary,
    head_dim, batch, and sharing (query heads that share a key and value head).
    """
    names = ("dim", "layers", "heads", "ffn_dim", "vocabulary")
    numbers = [[getattr(m, name) for name in names] for m in models_used]
    table = dict(zip(names, np.array(numbers, float)[index].T, strict=True))
    head_dim = np.array([float(m.head_dim or m.dim // m.heads) for m in models_used])[index]
    return table | {
        "kv_heads": kv_heads.astype(float),
        "head_dim": head_dim,
        "batch": batch.astype(float),
        "sharing": table["heads"] / kv_heads,
    }


def fixed_gemms(size: Mapping, assumptions: Mapping) -> tuple[np.ndarray, ...]:
    """Return B, M, K and N of FIXED_GEMMS, each of shape (profiles, operations)."""
    d, f, b, p = size["dim"], size["ffn_dim"], size["batch"], float(PREFILL_TOKENS)
    q = size["heads"] * size["head_dim"]
    kv = size["kv_heads"] * size["head_dim"]
    k_n = [(d, q), (d, kv), (q, d), (d, f), (f, d), (d, size["vocabulary"])]
    logits = b if assumptions["lm_head_prefill"] == "last_position" else b * p
    one, many = np.ones_like(b), b * size["kv_heads"]
    rows = size["sharing"] * p
    table = [(one, b * p, k, n) for k, n in k_n[:-1]] + [(one, logits, *k_n[-1])]
    table += [(many, rows, size["head_dim"], p * one), (many, rows, p * one, size["head_dim"])]
    table += [(one, b, k, n) for k, n in k_n]
    return tuple(np.stack(column, axis=1) for column in zip(*table, strict=True))


def stepped_gemm(name: str, size: Mapping, positions: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return B, M, K and N of `qkt` or `av`; M, K, N broadcast to (profiles, positions)."""
    head_dim = size["head_dim"][:, None]
    k, n = (head_dim, positions) if name == "qkt" else (positions, head_dim)
    return (size["batch"] * size["kv_heads"])[:, None], size["sharing"][:, None], k, n


def fixed_nonlinears(size: Mapping) -> tuple[np.ndarray, ...]:
    """Return rows m, columns n and a softmax flag of FIXED_NONLINEARS: (profiles, operations)."""
    b, p = size["batch"], float(PREFILL_TOKENS)
    one = np.ones_like(b)
    rows = np.stack([b * size["heads"] * p, size["ffn_dim"], size["ffn_dim"]], axis=1)
    columns = np.stack([p * one, b * p, b], axis=1)
    return rows, columns, np.array([[1.0, 0.0, 0.0]])


def decode_steps(seq_len: np.ndarray, assumptions: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Return how often a linear decode operation and the output run, one value a run."""
    steps = seq_len - float(PREFILL_TOKENS)
    linear = np.full_like(steps, 4096.0) if assumptions["decode_steps"] == "fixed_4096" else steps
    once = assumptions["lm_head_decode"] == "once"
    return linear, np.ones_like(steps) if once else linear
