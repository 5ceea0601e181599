"""Running a decoder from any of its layers on, with a softmax of its own in each.

The hidden states in front of a layer are kept, so that exchanging the softmax of layer l costs the
layers from l on and the head. Nothing of the model's own code is repeated: its list of layers is
cut, and its inputs are the kept states. The results are bit-identical to whole runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial

import torch
from transformers import PreTrainedModel

from mugi.errors import InputError
from mugi.llm.attention import attending
from mugi.llm.blocks import layer_kinds
from mugi.llm.emulate import TableAttention
from mugi.methods import Method, parse

EXACT = parse("exact")


class Layers:
    """A decoder whose layers' attention is that of the methods last set."""

    def __init__(self, model: PreTrainedModel):
        self.model = model
        self.decoder = model.base_model
        self.all = self.decoder.layers
        self.kinds = layer_kinds(self.decoder.config)
        self.assignment: list[Method] = [EXACT] * len(self.all)
        self.watch: Callable | None = None
        self.attention = cache(partial(TableAttention, device=model.device))  # of a method

    def attend(self, layer: int, *arguments) -> torch.Tensor:
        """Compute the attention of one layer; `watch`, if set, sees what it gets."""
        if self.watch:
            self.watch(layer, *arguments)
        return self.attention(self.assignment[layer])(*arguments)

    def logits(self, hidden: torch.Tensor, first: int) -> torch.Tensor:
        """Return the logits from the states in front of layer `first`, on the model's device."""
        with self._only(first, len(self.all)):
            logits = self.model(inputs_embeds=hidden, use_cache=False).logits
        return logits.to(self.model.device)

    def states(self, hidden: torch.Tensor, first: int) -> torch.Tensor:
        """Return the last hidden states, of which the head makes logits, likewise."""
        with self._only(first, len(self.all)):
            return self.decoder(inputs_embeds=hidden, use_cache=False).last_hidden_state

    def advance(self, hidden: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """Return the states in front of layer `last` from those in front of layer `first`."""
        if first == last:
            return hidden
        outputs = []

        def keep(module, inputs, output):
            outputs.append(output[0] if isinstance(output, tuple) else output)

        with self.all[last - 1].register_forward_hook(keep), self._only(first, last):
            self.decoder(inputs_embeds=hidden, use_cache=False)
        return outputs[0]

    @contextmanager
    def _only(self, first: int, last: int) -> Iterator[None]:
        """Leave the decoder the layers from `first` to `last`, that one left out."""
        config = self.decoder.config
        self.decoder.layers = torch.nn.ModuleList(list(self.all)[first:last])
        try:
            if self.kinds:  # by which layers pick their masks, by their place
                config.layer_types = self.kinds[first:last]
            yield
        finally:
            self.decoder.layers = self.all
            if self.kinds:
                config.layer_types = self.kinds


@contextmanager
def layered(model: PreTrainedModel) -> Iterator[Layers]:
    """Give the layers of a decoder for the `with` block, and put the model back afterwards.

    Raises InputError if the model cannot be run from a layer on with the same results.
    """
    if not isinstance(getattr(model.base_model, "layers", None), torch.nn.ModuleList):
        kind = model.config.model_type
        raise InputError(f"{kind}: only decoders with a list of layers are tuned")
    layers = Layers(model)
    with attending(model, layers.attend), torch.inference_mode():
        tokens = torch.arange(min(8, model.config.vocab_size), device=model.device)[None]
        whole = model(tokens, use_cache=False).logits
        hidden = layers.advance(model.get_input_embeddings()(tokens), 0, 1)
        if not torch.equal(layers.logits(hidden, 1), whole):
            raise InputError(f"{model.config.model_type}: cannot be run from a layer on")
        yield layers
