"""Numbers as they are after quantising: rounded to a format of few bits, in the model's own dtype.

Each format as its definition has it, in groups that share a scale:

integers   scale = largest magnitude or range over the largest code, rounded to BF16, for the
           vector array multiplies the array's BF16 sums by it (`mugi.int4`: the same in numpy)
MXFP4      OCP Microscaling Formats specification v1.0, sections 5.3 (E2M1) and 6.3 (conversion)
"""

from collections.abc import Callable
from functools import partial

import torch

from mugi.int4 import ROW
from mugi.methods.quantisers import Integers, Mxfp4, Quantiser

_E2M1_LARGEST, _E2M1_EXPONENT = 6, 2  # the largest element is 1.5 · 2²
_E8M0_EXPONENT = 127  # scales are 2^-127 to 2^127


def fake_quantise(values: torch.Tensor, method: Quantiser) -> torch.Tensor:
    """Return `values` (…, N) quantised in groups along the last axis, in their own dtype.

    The last group is shorter where the groups do not divide N. In BF16 the product of code and
    scale is rounded once more, which the array, scaling sums instead of weights, does not do. A
    group with a number that is not finite has no finite number afterwards.
    """
    if isinstance(method, Mxfp4):
        rounded = _mxfp4
    else:
        rounded = partial(_unsigned if method.scheme == "asymmetric" else _signed, bits=method.bits)
    return _by_group(values, method.group, rounded)


def fake_quantise_cache(
    key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, method: Quantiser
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return keys and values (batch, heads, tokens, head dim) as a quantised cache gives them.

    Groups are along the head dimension; those of keys are along the tokens under `axis=channel`,
    counted from each sequence's first token that `mask` (batch or 1, 1 or heads, queries, tokens;
    boolean, or numbers to be added to scores) lets a query see: padding changes no result.
    """
    quantised_value = fake_quantise(value, method)
    if not (isinstance(method, Integers) and method.axis == "channel"):
        return fake_quantise(key, method), quantised_value
    if mask is None:
        return _by_channel(key, method), quantised_value
    if mask.dtype != torch.bool:
        mask = mask > torch.finfo(mask.dtype).min / 2
    seen = mask[..., : key.shape[2]].any(dim=(1, 2)).expand(len(key), -1)
    key = key.clone()
    for sequence, tokens in zip(key, seen, strict=True):
        real = tokens.nonzero()
        if len(real):
            own = sequence[:, int(real[0]) : int(real[-1]) + 1]
            own.copy_(_by_channel(own, method))
    return key, quantised_value


def _by_channel(key: torch.Tensor, method: Integers) -> torch.Tensor:
    """Return keys (…, tokens, channels) in groups of the tokens of each channel."""
    rounded = partial(_from_lowest if method.scheme == "asymmetric" else _about_middle, method.bits)
    return _by_group(key.transpose(-1, -2), method.group, rounded).transpose(-1, -2)


def _by_group(
    values: torch.Tensor, group: int, rounded: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return `values` (…, N) in their own dtype, `rounded` as float32 in groups of (…, group)."""
    count = values.shape[-1]
    group = count if group == ROW else min(group, count)
    whole = count - count % group
    pieces = [rounded(values[..., :whole].float().unflatten(-1, (-1, group))).flatten(-2)]
    if whole < count:
        pieces.append(rounded(values[..., whole:].float()))
    return torch.cat(pieces, -1).to(values.dtype)


# --- whole numbers: (…, group) in float32 ---------------------------------------------------------


def _signed(grouped: torch.Tensor, bits: int) -> torch.Tensor:
    largest = 2 ** (bits - 1) - 1
    scales = _round(_over(grouped.abs().amax(-1, keepdim=True), largest))
    return _steps(grouped, scales).clamp_(-largest, largest) * scales


def _unsigned(grouped: torch.Tensor, bits: int) -> torch.Tensor:
    """With a whole zero point, for which 0 must lie between lowest and highest."""
    levels = 2**bits - 1
    lowest = grouped.amin(-1, keepdim=True).clamp_(max=0)
    highest = grouped.amax(-1, keepdim=True).clamp_(min=0)
    # the difference of the quotients: that of the numbers may overflow
    scales = _round(_over(highest, levels) - _over(lowest, levels))
    zeros = _steps(-lowest, scales).clamp_(0, levels)
    return ((_steps(grouped, scales) + zeros).clamp_(0, levels) - zeros) * scales


def _from_lowest(bits: int, grouped: torch.Tensor) -> torch.Tensor:
    """Codes from the lowest number on, which is kept as it is: any offset leaves the scale."""
    levels = 2**bits - 1
    lowest, highest = grouped.amin(-1, keepdim=True), grouped.amax(-1, keepdim=True)
    scales = _round(_over(highest - lowest, levels))
    return lowest + _steps(grouped - lowest, scales).clamp_(0, levels) * scales


def _about_middle(bits: int, grouped: torch.Tensor) -> torch.Tensor:
    """Codes of both signs about the middle between lowest and highest, which is kept as it is."""
    middle = (grouped.amin(-1, keepdim=True) + grouped.amax(-1, keepdim=True)) / 2
    return middle + _signed(grouped - middle, bits)


def _over(spans: torch.Tensor, steps: int) -> torch.Tensor:
    return spans / torch.full_like(spans, steps)  # CUDA would multiply by 1 / a plain number


def _round(scales: torch.Tensor) -> torch.Tensor:
    return scales.bfloat16().float()


def _steps(grouped: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return how many scales fit in each number, a whole number; none in a group of zeros."""
    return (grouped / scales.masked_fill(scales == 0, torch.inf)).round_()


# --- MXFP4 ----------------------------------------------------------------------------------------


def _mxfp4(blocks: torch.Tensor) -> torch.Tensor:
    """Blocks (…, up to 32): the scale is the largest power of two in the block less that of the
    largest element; elements are rounded to nearest, ties to even, and saturate."""
    largest = blocks.abs().amax(-1, keepdim=True)
    exponents = torch.frexp(largest).exponent - 1 - _E2M1_EXPONENT
    exponents = exponents.clamp_(-_E8M0_EXPONENT, _E8M0_EXPONENT)
    # 2^exponent from the bits of a double: torch's powers need not be exact
    scales = (exponents.long() + 1023 << 52).view(torch.float64)
    scales = scales.masked_fill(~largest.isfinite(), torch.nan)
    elements = blocks / scales
    size = elements.abs()
    steps = 0.5 * 2.0 ** ((size >= 2).double() + (size >= 4))  # between neighbouring elements
    rounded = (elements / steps).round_().mul_(steps)
    return (rounded.clamp_(-_E2M1_LARGEST, _E2M1_LARGEST) * scales).float()
