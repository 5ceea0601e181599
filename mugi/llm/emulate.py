"""Softmax and activations by table gather, in torch: the fast twin of the numpy reference.

Scores and inputs of any dtype are rounded to BF16, taken as 16-bit codes and replaced by the
entries of the tables of `mugi.methods`: BF16 in and BF16 out, as in hardware, also in a float32
model. Nothing else differs between methods. From scores to exponentials every step is exact or
rounded once, so that the bits are the same on every device and in the fused kernels
(`mugi.llm.kernels`); only the sum of a row, which torch adds in FP32 in an order of its own, may
round to a neighbour.
"""

import math
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from mugi.bf16 import INF_CODE, NAN_CODE
from mugi.llm import kernels
from mugi.methods import Method
from mugi.methods.tables import ONE_CODE, TableStack

_NAN_CODES = 0x10000 - 0xFF80  # codes from -inf on, the negative NaN


class _Lookup:
    """A table stack on a device: picks the table of each group and gathers by BF16 code.

    All tables lie one behind the other: picking one is adding an offset to the codes. Codes are
    int16. For softmax they are those of maximum minus score, never negative, and the tables are
    cut to negative inputs; for an activation they are signed, and so is the order of the entries.
    """

    def __init__(self, stack: TableStack, device: torch.device, negative_only: bool):
        self.stack = stack
        half = 1 << 15
        tables = stack.tables[:, half:] if negative_only else np.roll(stack.tables, half, axis=1)
        # in front of a softmax table lie entries for the negative codes, which only a NaN has
        lead = np.full(_NAN_CODES, NAN_CODE, dtype=np.uint16) if negative_only else []
        flat = np.concatenate([lead, tables.reshape(-1)]).astype(np.uint16)
        self.tables = torch.from_numpy(flat.view(np.int16)).view(torch.bfloat16).to(device)
        self.sliding = len(tables) > 1
        # to the extreme code, and back: a wrapping shift makes what does not compete lose
        smallest = stack.extreme == "min"
        self.reduce = torch.amin if smallest else torch.amax
        self.shift = half - 1 if smallest else half - INF_CODE
        offsets = stack.positions.astype(np.int32) * tables.shape[1]
        offsets += _NAN_CODES if negative_only else half
        self.offsets = torch.from_numpy(offsets).to(device)
        if stack.adaption:
            needed = stack.adaption.needed.astype(np.int32) * stack.adaption.leak
            self.needed = torch.from_numpy(needed).to(device)
        self.fused = kernels.chosen(stack, device)
        self._kept: dict[str, torch.Tensor] = {}

    def buffer(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Return an uninitialised tensor in storage that the next call reuses: fresh pages of
        memory would cost a fifth of attention's time."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.numel() < size or kept.dtype != dtype:
            with torch.inference_mode(False):  # or a call outside of it could not write here
                kept = self._kept[name] = torch.empty(size, dtype=dtype, device=self.tables.device)
        return kept[:size].view(shape)

    def members(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Return the codes that compete for a group's extreme; masked inputs are +inf."""
        if self.stack.zeros == "skip":
            return magnitudes
        aside = (magnitudes <= 0) | (magnitudes >= INF_CODE)  # below 0: a NaN in softmax
        return magnitudes.masked_fill(aside, ONE_CODE)

    def pick(self, members: torch.Tensor, dim: int, order: int) -> torch.Tensor:
        """Return the index of the first entry of each group's table, `dim` reduced to size 1.

        Groups follow one another along axis `order`, which only an adaptive LUT window minds. The
        shift wraps +inf (masked) and NaN below everything for a maximum, and above every number
        for a minimum, where 0 is above all.
        """
        extreme = (self.reduce(members + self.shift, dim, keepdim=True) - self.shift).int()
        if self.stack.adaption is None:
            return self.offsets[extreme]
        # the window of each group, see `mugi.methods.tables.follow`, in steps of the register
        needed = self.needed[extreme].movedim(order, -1)
        passed = torch.arange(needed.shape[-1], dtype=torch.int32, device=needed.device)
        register = (needed + passed).cummax(-1).values - passed
        window = -(-register).div(self.stack.adaption.leak, rounding_mode="floor")
        return self.offsets[window.movedim(-1, order), extreme]

    def gather(self, codes: torch.Tensor, first: torch.Tensor | None) -> torch.Tensor:
        """Return the BF16 entries of `codes` in the tables that start at `first`."""
        index = self.buffer("index", codes.shape, torch.int32)
        torch.add(codes, self.offsets[:1] if first is None else first, out=index)
        return torch.index_select(self.tables, 0, index.view(-1)).view(codes.shape)


class Heads(NamedTuple):
    """Queries, keys and values of attention: (batch, heads, tokens, head dim); KV heads may be
    fewer than query heads (GQA), and values narrower or wider than keys (MLA).

    softcap: scores are kept within ±softcap (Gemma 2); sinks: a score a query head, (heads,), that
    takes part in each row's maximum and sum but weighs no value (gpt-oss); bias: what is added to
    the scores, broadcast to (batch, heads, queries, keys) (T5).
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    softcap: float | None = None
    sinks: torch.Tensor | None = None
    bias: torch.Tensor | None = None


def hidden_below(dtype: torch.dtype) -> float:
    """Return the score at and below which a key counts as masked: models mask by the lowest
    number of a dtype, some of them divide the scores afterwards."""
    return -1e30 if dtype != torch.float16 else torch.finfo(dtype).min / 2


def _empty_output(heads: Heads) -> torch.Tensor:
    """Return room for the attention output, (batch, queries, heads, value dim)."""
    batch, query_heads, queries, _ = heads.query.shape
    return heads.query.new_empty(batch, queries, query_heads, heads.value.shape[3])


class TableAttention:
    """Attention whose softmax uses a method's exp tables, on whatever device scores come from.

    Scores are rounded to BF16 once they are scaled and capped. Per row: the BF16 maximum is
    subtracted in BF16, exp is gathered, summed in FP32 and rounded to BF16, and divided (or
    multiplied by the BF16 reciprocal). The BF16 probabilities weigh the values in the model's
    dtype. Masked keys get probability 0, a row without any key all zeros. Under `rows`, `group`
    contiguous queries of one head share the window of each key column, tiles counted from the
    sequence's first real token to its last, so that padding changes no result (where scores have a
    bias, tiles count from the first query). A sink is one more column.
    """

    def __init__(self, method: Method, device: torch.device):
        self.on = cache(partial(_Lookup, method.stack("exp"), negative_only=True))
        self.lookup = self.on(device)
        self.reciprocal = method.normalize == "reciprocal"

    @property
    def _is_strided(self) -> bool:
        return self.lookup.sliding and self.lookup.stack.grouping == "strided"

    @torch.no_grad()
    def __call__(
        self, heads: Heads, mask: torch.Tensor | None, scaling: float, causal: bool
    ) -> torch.Tensor:
        """Return the attention output, (batch, queries, heads, head dim).

        `mask` is boolean, (batch, 1 or heads, queries, keys), True where a query sees a key;
        without it every key is seen, or under `causal` every key up to the query's own.
        """
        self.lookup = self.on(heads.query.device)
        if self._is_strided or heads.bias is not None:
            return self._whole(heads, mask, scaling, causal)
        if mask is None:
            return self._tiles(heads, None, scaling, causal)
        queries = heads.query.shape[2]
        out = _empty_output(heads).zero_()
        own = heads.key.shape[2] - queries  # key index of the first query's own token
        for index, seen in enumerate(mask.expand(len(out), -1, -1, -1)):
            real = seen.any(dim=(0, 1)).nonzero()
            if not len(real):
                continue
            key_range = slice(int(real[0]), int(real[-1]) + 1)
            # queries of padding, of real tokens, of padding: each with tiles of their own
            ends = [min(max(end - own, 0), queries) for end in (key_range.start, key_range.stop)]
            for query_range in map(slice, [0, *ends], [*ends, queries]):
                visible = seen[None, :, query_range, key_range]
                if visible.any():
                    query = heads.query[index, None, :, query_range]
                    key, value = (kv[index, None, :, key_range] for kv in heads[1:3])
                    sequence = heads._replace(query=query, key=key, value=value)
                    out[index, query_range] = self._tiles(sequence, visible, scaling, False)[0]
        return out

    def softmax(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the BF16 softmax of `scores`, (batch, heads, queries, keys), over the keys.

        The scores hold all that the model adds to them. What it masks is known only by its value,
        see `hidden_below`. Tiles count from the first query.
        """
        self.lookup = self.on(scores.device)
        hidden = scores <= hidden_below(scores.dtype)
        return self._rows(scores.masked_fill(hidden, -math.inf).to(torch.bfloat16))

    def _rows(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the BF16 softmax of BF16 `scores`, -inf where masked."""
        if self._is_strided:
            return self._strided(scores)
        out = torch.empty_like(scores)
        for start in range(0, scores.shape[2], self.lookup.stack.group):
            tile = scores[:, :, start : start + self.lookup.stack.group]
            weights = self._softmax(tile, 3, lambda members: self.lookup.pick(members, 2, 3))
            out[:, :, start : start + tile.shape[2]] = weights
        return out

    def _tiles(
        self, heads: Heads, mask: torch.Tensor | None, scaling: float, causal: bool
    ) -> torch.Tensor:
        """Run one tile of `group` queries after the other; keys after a causal tile are skipped.

        Scores are kept as (batch, KV heads, keys, query heads per KV head · queries): reductions
        over keys then run along an outer axis, which vectorises.
        """
        batch, query_heads, queries, head_dim = heads.query.shape
        kv_heads, keys = heads.key.shape[1:3]
        shared = query_heads // kv_heads
        folded = heads.query.view(batch, kv_heads, shared, queries, head_dim)
        out = _empty_output(heads)
        for start in range(0, queries, self.lookup.stack.group):
            stop = min(start + self.lookup.stack.group, queries)
            seen = keys - queries + stop if causal else keys
            tile = folded[:, :, :, start:stop].flatten(2, 3).transpose(2, 3)
            shape = (batch, kv_heads, seen, shared, stop - start)
            scores = self._scores(heads.key[:, :, :seen], tile, scaling, heads.softcap).view(shape)
            if causal:
                later = scores.new_ones(stop - start, stop - start, dtype=torch.bool).tril(-1)
                scores[:, :, keys - queries + start :].masked_fill_(later[:, None], -math.inf)
            elif mask is not None:
                hidden = ~mask[:, :, start:stop].transpose(2, 3).expand(-1, query_heads, -1, -1)
                hidden = hidden.unflatten(1, (kv_heads, shared)).transpose(2, 3)
                scores.masked_fill_(hidden, -math.inf)
            if heads.sinks is not None:
                sinks = heads.sinks.to(scores.dtype).view(kv_heads, 1, shared, 1)
                scores = torch.cat([scores, sinks.expand(batch, -1, -1, -1, stop - start)], 2)
            weights = self._softmax(scores, 2, lambda members: self.lookup.pick(members, 4, 2))
            weights = weights[:, :, :seen].flatten(3).to(heads.value.dtype)
            mixed = heads.value[:, :, :seen].transpose(2, 3) @ weights
            mixed = mixed.unflatten(3, (shared, -1)).permute(0, 4, 1, 3, 2)
            out[:, start:stop].unflatten(2, (kv_heads, shared)).copy_(mixed)
        return out

    def _scores(
        self,
        left: torch.Tensor,
        right: torch.Tensor,
        scaling: float,
        softcap: float | None,
        bias: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return left @ right in BF16; product, scaling, cap and bias are in the model's dtype."""
        scores = self.lookup.buffer("scores", (*left.shape[:3], right.shape[3]), left.dtype)
        torch.matmul(left, right, out=scores).mul_(scaling)
        if softcap is not None:
            scores.div_(softcap).tanh_().mul_(softcap)
        if bias is not None:
            scores.add_(bias)
        return scores.to(torch.bfloat16)

    def _softmax(self, scores: torch.Tensor, dim: int, pick) -> torch.Tensor:
        """Return the BF16 probabilities over axis `dim`; `pick` maps codes to table offsets."""
        lookup = self.lookup
        if lookup.fused and scores.dim() == 5:  # the layout of `_tiles`
            exponentials = lookup.fused.exponentials(lookup, scores)
        else:
            largest = scores.amax(dim, keepdim=True)
            largest = largest.clamp_min_(torch.finfo(scores.dtype).min)  # a row without keys
            below = lookup.buffer("below", scores.shape, scores.dtype)
            codes = torch.sub(largest, scores, out=below).view(torch.int16)
            first = pick(lookup.members(codes)) if lookup.sliding else None
            exponentials = lookup.gather(codes, first)
        total = exponentials.sum(dim, keepdim=True).clamp_min_(torch.finfo(torch.bfloat16).tiny)
        if self.reciprocal:
            return exponentials.mul_(total.reciprocal())
        return exponentials.div_(total)

    def _whole(
        self, heads: Heads, mask: torch.Tensor | None, scaling: float, causal: bool
    ) -> torch.Tensor:
        """Run with the scores of all queries at once: for the published grouping, and with a bias.

        A sink is one more key behind the others, without a value.
        """
        queries, keys = heads.query.shape[2], heads.key.shape[2]
        shared = heads.query.shape[1] // heads.key.shape[1]
        key, value = (kv.repeat_interleave(shared, 1) for kv in (heads.key, heads.value))
        scores = self._scores(heads.query, key.transpose(2, 3), scaling, heads.softcap, heads.bias)
        if causal and mask is None:
            mask = scores.new_ones(queries, keys, dtype=torch.bool).tril(keys - queries)
        if mask is not None:
            scores.masked_fill_(~mask, -math.inf)
        if heads.sinks is not None:
            sinks = heads.sinks.to(scores.dtype).view(1, -1, 1, 1)
            scores = torch.cat([scores, sinks.expand(*scores.shape[:3], 1)], 3)
        return (self._rows(scores)[..., :keys].to(value.dtype) @ value).transpose(1, 2)

    def _strided(self, scores: torch.Tensor) -> torch.Tensor:
        """The published grouping: rows of the flattened (batch, heads, queries) matrix that are
        rows / group apart share the window of each key column; rows are padded at the end."""
        rows, group = scores.flatten(0, 2), self.lookup.stack.group

        def pick(members: torch.Tensor) -> torch.Tensor:
            missing = -len(members) % group
            padded = functional.pad(members, (0, 0, 0, missing), value=INF_CODE)
            tiles = padded.unflatten(0, (group, -1))
            return self.lookup.pick(tiles, 0, 2).expand(tiles.shape).flatten(0, 1)[: len(members)]

        return self._softmax(rows, 1, pick).view(scores.shape)


class TableActivation(torch.nn.Module):
    """An activation function by table gather; groups are contiguous channels of one token.

    Under `strided` a channel count that the group does not divide is padded at the front and the
    first group's window is forced to the anchored end of the LUT, as in the published code.
    """

    def __init__(self, method: Method, function: str, device: torch.device):
        super().__init__()
        self.on = cache(partial(_Lookup, method.stack(function), negative_only=False))
        self.lookup = self.on(device)
        self.function = function

    @torch.no_grad()
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the function of `inputs`, any shape, in the inputs' dtype."""
        self.lookup = self.on(inputs.device)
        rounded = inputs.to(torch.bfloat16).contiguous()
        if self.lookup.fused:
            return self.lookup.fused.activations(self.lookup, rounded).to(inputs.dtype)
        codes = rounded.view(torch.int16)
        first = self._pick(codes & 0x7FFF) if self.lookup.sliding else None
        return self.lookup.gather(codes, first).to(inputs.dtype)

    def _pick(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Return where each channel's table starts; groups run along the last axis."""
        stack = self.lookup.stack
        channels = magnitudes.shape[-1]
        missing = -channels % stack.group
        members = self.lookup.members(magnitudes)
        front = missing if stack.grouping == "front" else 0
        if missing:
            fill = stack.anchor if front else INF_CODE
            members = functional.pad(members, (front, missing - front), value=fill)
        tiles = members.unflatten(-1, (-1, stack.group))
        first = self.lookup.pick(tiles, -1, -2).expand(tiles.shape).flatten(-2)
        return first[..., front : front + channels]
