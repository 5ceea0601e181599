"""A language model as operations: matrix products and nonlinear functions, by phase and group.

A decode step at position s attends to s positions; only that dimension depends on the step.
Embedding, norms, rotary positions, residuals, causal masking, biases, convolutions and what routers
do with their scores are left out, as in the paper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mugi.hardware.parts import Sizes, decodes

PREFILL_TOKENS = 64  # published artifact, where a run does not say how long its prompt is
GROUP_OF = {
    **dict.fromkeys(("proj_q", "proj_kv", "proj_a"), "projection"),
    **dict.fromkeys(("qkt", "av"), "attention"),
    **dict.fromkeys(("proj_up_gate", "proj_down", "router"), "ffn"),
    **{name: name for name in ("output", "softmax", "silu")},
}
GROUPS = tuple(dict.fromkeys(GROUP_OF.values()))
STEPPED = ("qkt", "av", "softmax")  # operations of decode that grow with the position
NONLINEAR = ("softmax", "silu")
PHASES = ("prefill", "decode")


@dataclass(frozen=True)
class Operation:
    """An operation of a part, in one phase; arrays have one value a setup.

    times: how often it is done in prefill, or at every decode step; sizes: B, M, K and N of a
    matrix product, rows and columns of a nonlinear function; after: positions that are passed
    before decode does it, None if it is one of the steps that the assumption decode_steps counts.
    """

    name: str
    phase: str
    times: np.ndarray
    sizes: tuple[np.ndarray, ...]
    after: np.ndarray | None = field(default=None)

    @property
    def group(self) -> str:
        """Return the group that figures and result columns report it under."""
        return GROUP_OF[self.name]


def operations(kind: str, size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the operations of a part, but those of `stepped`, which grow with the position."""
    return _OPERATIONS[kind](size, assumptions)


def _products(
    name: str, times: np.ndarray, size: Sizes, k: np.ndarray, n: np.ndarray
) -> list[Operation]:
    """Return a product of all rows with one matrix of k x n, in prefill and at a decode step."""
    b, one = size["batch"], np.ones_like(size["batch"])
    listed = [Operation(name, "prefill", times, (one, b * size["positions"], k, n))]
    if decodes(size):
        listed.append(Operation(name, "decode", times, (one, b, k, n)))
    return listed


def _attention(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the operations of attention to all positions or a window of them.

    In prefill a window cuts the positions into blocks that see as many keys as queries.
    """
    layers, b, d = size["layers"], size["batch"], size["dim"]
    key, value, heads, kv = (size[k] for k in ("key_dim", "value_dim", "heads", "kv_heads"))
    listed = _products("proj_q", layers, size, d, heads * key)
    if np.array_equal(key, value):
        listed += _products("proj_kv", 2 * layers, size, d, kv * key)
    else:
        listed += _products("proj_kv", layers, size, d, kv * key)
        listed += _products("proj_kv", layers, size, d, kv * value)
    listed += _products("proj_a", layers, size, heads * value, d)
    p = size["positions"]
    seen = np.minimum(p, np.where(size["window"] > 0, size["window"], p))
    listed += _attended("prefill", size, b * kv * (p / seen), size["sharing"] * seen, seen)
    if size["window"].any() and decodes(size):
        after = np.maximum(size["window"], p)  # until then `stepped` operations grow
        listed += _attended("decode", size, b * kv, size["sharing"], size["window"], after)
    return listed


def _attended(
    phase: str, size: Sizes, count: np.ndarray, rows: np.ndarray, seen: np.ndarray,
    after: np.ndarray | None = None,
) -> list[Operation]:  # fmt: skip
    """Return attention of `rows` queries to `seen` positions in each of `count` products."""
    layers, key, value = size["layers"], size["key_dim"], size["value_dim"]
    one_row = size["batch"] * size["heads"]
    queries = one_row * size["positions"] if phase == "prefill" else one_row
    return [
        Operation("qkt", phase, layers, (count, rows, key, seen), after),
        Operation("av", phase, layers, (count, rows, seen, value), after),
        Operation("softmax", phase, layers, (queries, seen), after),
    ]


def _latent(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the operations of latent attention (DeepSeek-V2, arXiv 2405.04434 §2.1).

    Prefill expands latents to keys and values of every head; decode attends to the latents, and the
    matrices that would expand them meet the query and the outcome instead (§2.1.2), head by head.
    """
    layers, b, d, p = (size[k] for k in ("layers", "batch", "dim", "prompt"))
    heads, key, value = (size[k] for k in ("heads", "key_dim", "value_dim"))
    rank, rope, q_rank = (size[k] for k in ("kv_rank", "rope_dim", "query_rank"))
    one = np.ones_like(b)
    if q_rank.any():
        listed = _products("proj_q", layers, size, d, q_rank)
        listed += _products("proj_q", layers, size, q_rank, heads * key)
    else:
        listed = _products("proj_q", layers, size, d, heads * key)
    listed += _products("proj_kv", layers, size, d, rank + rope)
    expanded = (one, b * p, rank, heads * (key - rope + value))
    listed += [
        Operation("proj_kv", "prefill", layers, expanded),
        Operation("proj_kv", "decode", layers, (heads, b, key - rope, rank)),
        Operation("proj_kv", "decode", layers, (heads, b, rank, value)),
    ]
    listed += _products("proj_a", layers, size, heads * value, d)
    return [*listed, *_attended("prefill", size, b * heads, p, p)]


def _cross(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the operations of a decoder's attention to its encoder, whose keys are made once."""
    layers, b, d = size["layers"], size["batch"], size["dim"]
    heads, key, value = (size[k] for k in ("heads", "key_dim", "value_dim"))
    seen, p, one = size["source_tokens"], size["prompt"], np.ones_like(b)
    listed = _products("proj_q", layers, size, d, heads * key)
    for width in (key, value):
        source = (one, b * seen, size["source_dim"], heads * width)
        listed.append(Operation("proj_kv", "prefill", layers, source))
    listed += _products("proj_a", layers, size, heads * value, d)
    listed += _attended("prefill", size, b * heads, p, seen)
    return [*listed, *_attended("decode", size, b * heads, one, seen, p)]


def _ffn(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the operations of a dense FFN, of two or (gated) three matrices."""
    layers, b, d, f = (size[k] for k in ("layers", "batch", "dim", "ffn_dim"))
    listed = _products("proj_up_gate", size["matrices"] * layers, size, d, f)
    listed += _products("proj_down", layers, size, f, d)
    listed.append(Operation("silu", "prefill", layers, (f, b * size["positions"])))
    if decodes(size):
        listed.append(Operation("silu", "decode", layers, (f, b)))
    return listed


def _experts(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the operations of routed experts: each that is met has its share of the rows."""
    layers, b, d, f = (size[k] for k in ("layers", "batch", "dim", "ffn_dim"))
    listed = _products("router", layers, size, d, size["number"])
    for phase, tokens in (("prefill", b * size["prompt"]), ("decode", b)):
        met = distinct_experts(size["number"], size["active"], tokens)
        rows = tokens * size["active"] / met
        up, down = (met, rows, d, f), (met, rows, f, d)
        listed += [
            Operation("proj_up_gate", phase, size["matrices"] * layers, up),
            Operation("proj_down", phase, layers, down),
            Operation("silu", phase, layers, (f, tokens * size["active"])),
        ]
    return listed


def distinct_experts(number: np.ndarray, active: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Return how many experts tokens meet on average, if each picks `active` of `number` evenly.

    One token meets exactly `active`.
    """
    met = number * (1 - (1 - active / number) ** tokens)
    return np.where(tokens == 1, active, met)


def _merge(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the product that brings merged positions to the width of an encoder's stage."""
    return _products("proj_a", np.ones_like(size["dim"]), size, size["merged_dim"], size["dim"])


def _output(size: Sizes, assumptions: Mapping) -> list[Operation]:
    """Return the products with the output matrix, or of an encoder's head with one row each."""
    b, one, matrix = size["batch"], np.ones_like(size["batch"]), (size["dim"], size["vocabulary"])
    if size["encodes"].any():
        return [Operation("output", "prefill", one, (one, b, *matrix))]
    last = assumptions["lm_head_prefill"] == "last_position"
    rows = b if last else b * size["prompt"]
    prefill = Operation("output", "prefill", one, (one, rows, *matrix))
    return [prefill, Operation("output", "decode", one, (one, b, *matrix))]


_OPERATIONS = {
    "attention": _attention, "latent": _latent, "cross": _cross, "ffn": _ffn, "experts": _experts,
    "merge": _merge, "output": _output,
}  # fmt: skip


def stepped_gemm(name: str, size: Sizes, positions: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return B, M, K and N of `qkt` or `av`; M, K, N broadcast to (setups, positions)."""
    head = size["key_dim" if name == "qkt" else "value_dim"][:, None]
    k, n = (head, positions) if name == "qkt" else (positions, head)
    return (size["batch"] * size["kv_heads"])[:, None], size["sharing"][:, None], k, n


def grows_until(size: Sizes, setup: np.ndarray, seq_len: np.ndarray) -> np.ndarray:
    """Return the last position at which attention of runs still sees one more."""
    window = size.get("window", np.zeros(1))
    if not window.any():
        return seq_len
    return np.minimum(seq_len, np.maximum(window, size["prompt"])[setup].astype(int))


def decode_steps(
    seq_len: np.ndarray, prompt: np.ndarray, assumptions: Mapping
) -> tuple[np.ndarray, np.ndarray]:
    """Return how often a linear decode operation and the output run, one value a run."""
    steps = seq_len - prompt
    linear = np.full_like(steps, 4096.0) if assumptions["decode_steps"] == "fixed_4096" else steps
    once = assumptions["lm_head_decode"] == "once"
    return linear, np.ones_like(steps) if once else linear
