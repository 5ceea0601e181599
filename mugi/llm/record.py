"""Counting the inputs of softmax and activation while a model runs, by BF16 code.

Memory does not depend on the amount of text, and exponents are exact. The model runs with softmax
computed exactly in BF16.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from mugi.bf16 import INF_CODE
from mugi.errors import InputError
from mugi.llm.activations import Watched, activation_layers
from mugi.llm.attention import attending
from mugi.llm.blocks import language_model, layers_of
from mugi.llm.emulate import Heads, TableAttention
from mugi.methods import parse

COLUMNS = ["operation", "function", "recipe", "layer", "layers", "seq_len", "code", "count"]
_CODES = 1 << 16
_MASKED = INF_CODE | 0x8000
_SAMPLED_HEADS = 2
_SAMPLED_TOKENS = 32
Observer = Callable[[int, torch.Tensor], None]


def profile(model: PreTrainedModel, tokens: torch.Tensor, lengths: list[int]) -> pd.DataFrame:
    """Return how often the LUT sees each code, one row a code that occurs, sorted.

    For softmax the code is of the score minus its row's maximum, masked scores left out; for an
    activation of its input. All rows, heads, tokens and channels count. `tokens`, 1-D, are cut into
    as many whole windows of each length as they hold. Columns are `COLUMNS`: `layer` counts from 0.
    """
    counted = []
    for length in lengths:
        counts = _Counts(model)
        _observe(model, tokens.unfold(0, length, length), counts.below_maximum, counts.inputs)
        counted.append(counts.table(length))
    return _sorted(counted, "lut")


def profile_as_published(model: PreTrainedModel, tokens: torch.Tensor, length: int) -> pd.DataFrame:
    """Return the counts behind the paper's Fig. 4, in the form of `profile`.

    For softmax raw scores, masked ones as -inf, of one key and all queries; for an activation the
    inputs of one token: at a quarter, half and the end of the window, whose place is `seq_len`.
    """
    last = length - 1
    counts = {place: _Counts(model) for place in (last // 4, last // 2, last)}

    def softmax(layer: int, scores: torch.Tensor) -> None:
        for place, count in counts.items():
            count.scores(layer, scores, place)

    def activation(layer: int, inputs: torch.Tensor) -> None:
        if inputs.ndim < 3:
            raise InputError("the inputs of one token are not told apart where experts take them")
        for place, count in counts.items():
            count.inputs(layer, inputs[:, place])

    _observe(model, tokens.unfold(0, length, length), softmax, activation, sinks=False)
    return _sorted([count.table(place + 1) for place, count in counts.items()], "published")


def samples(model: PreTrainedModel, tokens: torch.Tensor) -> dict[str, np.ndarray]:
    """Return codes (uint16) of one window, for what counts cannot tell: whole rows and groups.

    `softmax_layerLL` (2 heads, the last 256 queries or the rest behind a multiple of 256, keys):
    score minus row maximum, masked ones -inf (0xFF80). `activation_layerLL` (first 32 tokens,
    channels).
    """
    codes_by_layer = {}

    def softmax(layer: int, scores: torch.Tensor) -> None:  # the last tile of queries stays
        codes = _below_maximum(scores).permute(0, 1, 3, 4, 2).flatten(0, 2).cpu().numpy()
        codes = codes[:: -(-len(codes) // _SAMPLED_HEADS)].view(np.uint16)
        codes_by_layer[f"softmax_layer{layer:02}"] = np.where(codes == 0, codes, codes | 0x8000)

    def activation(layer: int, inputs: torch.Tensor) -> None:
        rows = inputs.reshape(-1, inputs.shape[-1])  # of experts: the tokens that one of them takes
        codes = _codes(rows[:_SAMPLED_TOKENS]).cpu().numpy()
        codes_by_layer[f"activation_layer{layer:02}"] = codes.astype(np.uint16)

    _observe(model, [tokens], softmax, activation)
    return dict(sorted(codes_by_layer.items()))


class _Counts:
    """Counts by code of both operations and all layers.

    Scores are (batch, KV heads, keys, query heads per KV head, queries), -inf where masked.
    """

    def __init__(self, model: PreTrainedModel):
        self.functions = {"softmax": "exp", "activation": activation_layers(model)[0]}
        shape = (len(self.functions), layers_of(language_model(model)).count, _CODES)
        self.counts = torch.zeros(shape, dtype=torch.int64, device=model.device)

    def below_maximum(self, layer: int, scores: torch.Tensor) -> None:
        """Count scores minus their rows' maxima."""
        below = self._counted(_below_maximum(scores), _CODES // 2)
        below[INF_CODE] = 0
        counts = self.counts[0, layer]
        counts[0] += below[0]
        counts[_CODES // 2 + 1 :] += below[1:]

    def scores(self, layer: int, scores: torch.Tensor, key: int) -> None:
        """Count raw scores of one key, which a tile of earlier queries does not hold."""
        if key < scores.shape[2]:
            self.counts[0, layer] += self._counted(_codes(scores[:, :, key]))
        else:
            self.counts[0, layer, _MASKED] += scores[:, :, 0].numel()

    def inputs(self, layer: int, inputs: torch.Tensor) -> None:
        """Count inputs of the activation, any shape."""
        self.counts[1, layer] += self._counted(_codes(inputs))

    def _counted(self, codes: torch.Tensor, possible: int = _CODES) -> torch.Tensor:
        return torch.bincount(codes.flatten(), minlength=possible).to(self.counts.device)

    def table(self, length: int) -> pd.DataFrame:
        """Return the codes that occur with their operation, function and layer."""
        counts = self.counts.cpu().numpy()
        operation, layer, code = counts.nonzero()
        columns = {
            "operation": np.array(list(self.functions))[operation],
            "function": np.array(list(self.functions.values()))[operation],
            "layer": layer,
            "layers": counts.shape[1],
            "seq_len": length,
            "code": code.astype(np.uint16),
            "count": counts[operation, layer, code],
        }
        return pd.DataFrame(columns)


def _sorted(tables: list[pd.DataFrame], recipe: str) -> pd.DataFrame:
    table = pd.concat(tables).assign(recipe=recipe)[COLUMNS]
    return table.sort_values(["operation", "layer", "seq_len", "code"], ignore_index=True)


def _codes(values: torch.Tensor) -> torch.Tensor:
    """Return the BF16 codes as int32, 0 to 65535."""
    return values.to(torch.bfloat16).contiguous().view(torch.int16).int() & 0xFFFF


def _below_maximum(scores: torch.Tensor) -> torch.Tensor:
    """Return the codes of (row maximum - score), int16: those of exp's argument but for the sign,
    and +inf where masked."""
    largest = scores.amax(2, keepdim=True).clamp_min_(torch.finfo(scores.dtype).min)
    return (largest - scores).view(torch.int16) & 0x7FFF


@torch.inference_mode()
def _observe(
    model: PreTrainedModel,
    windows: Iterable[torch.Tensor],
    softmax: Observer,
    activation: Observer,
    sinks: bool = True,
) -> None:
    """Run the model on windows of tokens, one at a time, and call `softmax(layer, scores)` for
    each tile of queries and `activation(layer, inputs)`. Scores hold attention sinks, behind those
    of the keys, unless `sinks` is False."""
    attention = TableAttention(parse("exact"), model.device)
    own, running, behind = attention._softmax, 0, 0

    def attend(layer: int, heads: Heads, *arguments) -> torch.Tensor:
        nonlocal running, behind
        running, behind = layer, int(heads.sinks is not None and not sinks)
        return attention(heads, *arguments)

    def observed(scores: torch.Tensor, *others) -> torch.Tensor:
        softmax(running, scores[:, :, : scores.shape[2] - behind])
        return own(scores, *others)

    with attending(model, attend), ExitStack() as hooks:
        attention._softmax = observed  # not before: the run that counts the layers is not observed
        for layer, sites in enumerate(activation_layers(model)[1]):
            for site in sites:
                hooks.enter_context(site.by(Watched(site.own, partial(activation, layer))))
        for window in windows:
            model(window[None], use_cache=False, logits_to_keep=1)
