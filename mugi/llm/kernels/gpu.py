"""The same kernels in Triton, for CUDA; its interpreter (TRITON_INTERPRET=1) runs them on the CPU.

Each program handles one group: reads its codes once, finds the extreme, picks the table, gathers
and writes. What remains between this and the memory's bandwidth is the row maximum, torch's own.
"""

import os

import torch

from mugi.errors import InputError

try:
    import triton
    import triton.language as tl
except ImportError:
    raise InputError(
        "MUGI_KERNEL=triton: package triton is not installed; allowed: torch"
    ) from None


def check(device: torch.device) -> None:
    """Raise InputError unless `device` can run Triton kernels."""
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise InputError(f"MUGI_KERNEL=triton: runs on cuda, not on {device}; allowed: torch, cpp")


@triton.jit
def _value(code):
    return (code.to(tl.int32) << 16).to(tl.float32, bitcast=True)


@triton.jit
def _first(magnitude, inside, offsets, SLIDING: tl.constexpr, SMALLEST: tl.constexpr,
           COUNT: tl.constexpr):  # fmt: skip
    """Offset of the table for the group with these magnitude codes."""
    extreme = 0
    if SLIDING:
        aside: tl.constexpr = 0x3F80 if COUNT else (0x7F80 if SMALLEST else 0)
        loser: tl.constexpr = 0x7F80 if SMALLEST else 0
        competes = (magnitude > 0) & (magnitude < 0x7F80)
        member = tl.where(inside, tl.where(competes, magnitude, aside), loser)
        extreme = tl.min(member, 0) if SMALLEST else tl.max(member, 0)
        extreme = tl.where(extreme == 0x7F80, 0, extreme)
    return tl.load(offsets + extreme)


@triton.jit
def _exponentials(scores, largest, tables, offsets, keys, shared, queries,
                  SLIDING: tl.constexpr, SMALLEST: tl.constexpr, COUNT: tl.constexpr,
                  BLOCK: tl.constexpr):  # fmt: skip
    group = tl.program_id(0).to(tl.int64)  # (slab, key, shared), the last fastest
    lane = tl.arange(0, BLOCK)
    inside = lane < queries
    row = (group // (keys * shared)) * shared + group % shared
    score = _value(tl.load(scores + group * queries + lane, mask=inside, other=0))
    top = _value(tl.load(largest + row * queries + lane, mask=inside, other=0))
    below = top - score
    bits = below.to(tl.int32, bitcast=True)
    code = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    code = tl.where(below == below, code, 0x7FC0)
    first = _first(code, inside, offsets, SLIDING, SMALLEST, COUNT)
    entry = tl.load(tables + first + code, mask=inside, other=0)
    tl.store(scores + group * queries + lane, entry, mask=inside)


@triton.jit
def _activations(inputs, out, tables, offsets, channels, size,
                 SLIDING: tl.constexpr, SMALLEST: tl.constexpr, COUNT: tl.constexpr,
                 BLOCK: tl.constexpr):  # fmt: skip
    groups = tl.cdiv(channels, size)
    program = tl.program_id(0).to(tl.int64)  # (token, group of channels)
    lane = tl.arange(0, BLOCK)
    channel = (program % groups) * size + lane
    inside = (lane < size) & (channel < channels)
    place = (program // groups) * channels + channel
    code = tl.load(inputs + place, mask=inside, other=0).to(tl.int32)
    first = _first(code & 0x7FFF, inside, offsets, SLIDING, SMALLEST, COUNT)
    entry = tl.load(tables + first + code, mask=inside, other=0)
    tl.store(out + place, entry, mask=inside)


def exponentials(lookup, scores: torch.Tensor) -> torch.Tensor:
    """Replace the scores, see `exponentials` of `mugi.llm.kernels.cpp`."""
    batch, heads, keys, shared, queries = scores.shape
    largest = scores.amax(2).clamp_min_(torch.finfo(scores.dtype).min)
    with torch.cuda.device_of(scores):
        _exponentials[(batch * heads * keys * shared,)](
            scores.view(torch.int16),
            largest.view(torch.int16),
            *(lookup.tables.view(torch.int16), lookup.offsets),
            *(keys, shared, queries),
            **_rule(lookup, queries),
        )
    return scores


def activations(lookup, inputs: torch.Tensor) -> torch.Tensor:
    """Return the function of the inputs, see `activations` of `mugi.llm.kernels.cpp`."""
    out = torch.empty_like(inputs)
    channels = inputs.shape[-1]
    size = min(lookup.stack.group, channels)
    with torch.cuda.device_of(inputs):
        _activations[(inputs.numel() // channels * triton.cdiv(channels, size),)](
            inputs.view(torch.int16),
            out.view(torch.int16),
            *(lookup.tables.view(torch.int16), lookup.offsets),
            *(channels, size),
            **_rule(lookup, size),
        )
    return out


def _rule(lookup, size: int) -> dict:
    return {
        "SLIDING": lookup.sliding,
        "SMALLEST": lookup.stack.extreme == "min",
        "COUNT": lookup.stack.zeros == "count",
        "BLOCK": triton.next_power_of_2(size),
    }
