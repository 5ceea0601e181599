"""A language model's dimensions in YAML: what its layers are, and what follows from that.

A decoder has layers of attention, each over all positions or a window of them, and layers of FFN,
dense or of experts; an encoder in front of it has stages of its own. Parameters are those of matrix
products and embeddings: biases, norms, positions and convolutions are left out, as their costs are.
"""

from functools import cache
from typing import Annotated, Self

from pydantic import Field, model_validator

from mugi.documents import Document, parse_json, yaml_text
from mugi.errors import Mistake, raise_all
from mugi.hardware import huggingface, library
from mugi.hardware.huggingface import Translation
from mugi.schema import Section, validated

Count = Annotated[int, Field(ge=1, le=2**40)]
CountOrNone = Annotated[int, Field(ge=0, le=2**40)]  # 0 may be written for what there is not


class Window(Section):
    """Attention layers that see a window of positions only.

    Sliding: the last `tokens`; chunked: those of the same block of `tokens`.
    """

    layers: Count
    tokens: Count
    chunked: bool = False


class Experts(Section):
    """A mixture of experts: FFNs of `dim` each, of which a router picks `active` for a token.

    shared: experts that every token passes, of `shared_dim` each (left out: dim); dense_layers:
    layers with one FFN of the model's ffn_dim instead.
    """

    number: Count
    active: Count
    dim: Count
    shared: CountOrNone = 0
    shared_dim: CountOrNone = 0
    dense_layers: CountOrNone = 0

    @model_validator(mode="after")
    def _picks_from_what_there_is(self) -> Self:
        if self.active > self.number:
            raise_all([Mistake(f"{self.active} active of {self.number} experts")])
        return self

    def parameters(self, width: int, matrices: int, running: int) -> int:
        """Return those of a layer between `width` wide inputs, with `running` of its experts."""
        return width * (self.number + matrices * (running * self.dim + self.shared_width))

    @property
    def shared_width(self) -> int:
        """Return the width of all shared experts together."""
        return self.shared * (self.shared_dim or self.dim)


class Latent(Section):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434 §2.1): what is cached is latent.

    kv_rank: of keys and values; query_rank: of queries (0: not compressed); rope_dim: the part of
    head_dim that carries positions, cached beside the latent, once for all heads.
    """

    kv_rank: Count
    rope_dim: Count
    query_rank: CountOrNone = 0


class Stage(Section):
    """Encoder layers of one size, which see `tokens` positions, all or `window` of them at a time.

    merged_dim: the width of what one product brings to `dim` before the stage (a hierarchy such as
    Swin merges four patches); 0 if none does.
    """

    layers: Count
    dim: Count
    heads: Count
    kv_heads: CountOrNone = 0  # 0: heads
    head_dim: CountOrNone = 0  # 0: dim/heads
    ffn_dim: Count
    gated: bool = False
    tokens: Count
    window: CountOrNone = 0
    merged_dim: CountOrNone = 0

    @model_validator(mode="after")
    def _heads_share_what_there_is(self) -> Self:
        raise_all(_head_mistakes(self.dim, self.heads, self.kv_heads or self.heads, self.head_dim))
        return self

    @property
    def parameters(self) -> int:
        """Return how many numbers the stage's matrices have."""
        head_dim = self.head_dim or self.dim // self.heads
        attention = 2 * self.dim * head_dim * (self.heads + (self.kv_heads or self.heads))
        ffn = (3 if self.gated else 2) * self.dim * self.ffn_dim
        return self.layers * (attention + ffn) + self.merged_dim * self.dim


class Model(Section):
    """Dimensions of a model; all are counts. `source` says where they come from.

    Without `layers` it is an encoder only, and `vocabulary` counts what its head tells apart.
    """

    dim: Count = 0
    layers: Count = 0
    heads: Count = 0
    kv_heads: Count = 0
    ffn_dim: Count = 0
    vocabulary: Count
    source: str = ""
    head_dim: CountOrNone = 0  # of queries and keys; 0: dim/heads
    value_dim: CountOrNone = 0  # 0: head_dim
    gated: bool = True  # FFN of three matrices; of two if false
    tied_output: bool = False  # the output is the embedding's matrix
    windows: list[Window] = Field(default_factory=list)
    latent: Latent | None = None
    experts: Experts | None = None
    encoder: list[Stage] = Field(default_factory=list)
    cross_attention: bool = False  # decoder layers attend to the encoder's last stage too

    @model_validator(mode="after")
    def _says_all_that_goes_together(self) -> Self:
        raise_all(self._missing() or self._contradictions())
        return self

    def _missing(self) -> list[Mistake]:
        """Return a mistake for each dimension that is not said."""
        needed = [] if self.encoder and not self.layers else ["dim", "layers", "heads", "kv_heads"]
        if needed and (not self.experts or self.experts.dense_layers):
            needed.append("ffn_dim")
        return [Mistake("missing", name) for name in needed if not getattr(self, name)]

    def _contradictions(self) -> list[Mistake]:
        """Return a mistake for each pair of dimensions that cannot both be."""
        mistakes = []
        if self.layers:
            mistakes = _head_mistakes(self.dim, self.heads, self.kv_heads, self.head_dim)
        windowed = sum(window.layers for window in self.windows)
        if windowed > self.layers:
            mistakes.append(Mistake(f"{windowed} of {self.layers} layers have windows", "windows"))
        if self.experts and self.experts.dense_layers > self.layers:
            what = f"{self.experts.dense_layers} of {self.layers} layers are dense"
            mistakes.append(Mistake(what, "experts.dense_layers"))
        if self.latent and self.kv_heads != self.heads:
            what = f"must be heads, {self.heads}, with latent attention, not {self.kv_heads}"
            mistakes.append(Mistake(what, "kv_heads"))
        if self.latent and self.latent.rope_dim >= self.key_dim:
            what = f"must be less than head_dim, {self.key_dim}, not {self.latent.rope_dim}"
            mistakes.append(Mistake(what, "latent.rope_dim"))
        if self.latent and self.windows:
            mistakes.append(Mistake("windows of latent attention are not modelled", "windows"))
        if self.cross_attention and not (self.encoder and self.layers):
            mistakes.append(Mistake("needs an encoder and decoder layers", "cross_attention"))
        return mistakes

    @property
    def depth(self) -> int:
        """Return the layers of encoder and decoder."""
        return self.layers + sum(stage.layers for stage in self.encoder)

    @property
    def chunk(self) -> int:
        """Return the smallest block that layers attend within; 0 if none is chunked."""
        return min((window.tokens for window in self.windows if window.chunked), default=0)

    @property
    def key_dim(self) -> int:
        """Return the size of a head's queries and keys."""
        return self.head_dim or self.dim // self.heads

    @property
    def values_dim(self) -> int:
        """Return the size of a head's values."""
        return self.value_dim or self.key_dim

    @property
    def parameters(self) -> int:
        """Return how many numbers all matrices have, embeddings and routers among them.

        Left out are biases, norms, positions, convolutions and vectors such as gates and sinks.
        """
        return self._parameters(self.experts.number if self.experts else 0)

    @property
    def multiplied_parameters(self) -> int:
        """Return `parameters` without an embedding of its own, in which rows are looked up."""
        looked_up = 0 if self.tied_output or not self.layers else self.dim * self.vocabulary
        return self.parameters - looked_up

    @property
    def cached_values(self) -> int:
        """Return how many keys and values decoder layers keep of a token that all of them see."""
        if self.latent:
            return self.layers * (self.latent.kv_rank + self.latent.rope_dim)
        return self.layers * self.kv_heads * (self.key_dim + self.values_dim) if self.layers else 0

    @property
    def active_parameters(self) -> int:
        """Return how many of `parameters` one token passes: all but the experts it skips."""
        return self._parameters(self.experts.active if self.experts else 0)

    def _parameters(self, running: int) -> int:
        """Return all parameters, with `running` experts a layer."""
        encoders = sum(stage.parameters for stage in self.encoder)
        if not self.layers:
            return encoders + self.encoder[-1].dim * self.vocabulary
        matrices = 3 if self.gated else 2
        dense, mixed = self.layers, 0
        if self.experts:
            dense = self.experts.dense_layers
            mixed = self.experts.parameters(self.dim, matrices, running)
        return (
            encoders
            + self.layers * self._attention_parameters()
            + dense * matrices * self.dim * self.ffn_dim
            + (self.layers - dense) * mixed
            + (1 if self.tied_output else 2) * self.dim * self.vocabulary
        )

    def _attention_parameters(self) -> int:
        """Return the parameters of a decoder layer's attention, to itself and to an encoder."""
        queries, values = self.heads * self.key_dim, self.heads * self.values_dim
        output = values * self.dim
        if self.latent:
            rank, kv_rank = self.latent.query_rank, self.latent.kv_rank
            inward = rank * (self.dim + queries) if rank else self.dim * queries
            inward += self.dim * (kv_rank + self.latent.rope_dim)
            return (
                inward + output + kv_rank * (queries - self.heads * self.latent.rope_dim + values)
            )
        kv = self.kv_heads * (self.key_dim + self.values_dim)
        crossing = 0
        if self.cross_attention:
            crossing = self.dim * queries + self.encoder[-1].dim * kv + output
        return self.dim * (queries + kv) + output + crossing


def _head_mistakes(dim: int, heads: int, kv_heads: int, head_dim: int) -> list[str]:
    mistakes = []
    if dim % heads and not head_dim:
        mistakes.append(f"dim {dim} does not divide by {heads} heads")
    if heads % kv_heads:
        mistakes.append(f"heads {heads} does not divide by {kv_heads} heads")
    return mistakes


def models() -> list[str]:
    """Return the names of the models that come with the package."""
    return library.names("model")


def load_model(name: str) -> Model:
    """Return a packaged model by name, or what a file describes.

    A file is a model's YAML or a Hugging Face config.json, by its path, that of its folder or its
    hub id in the local cache. Raises InputError for an unknown name, a missing, unknown or
    impossible field, and what a config.json has that cannot be costed.
    """
    return _checked(*_source(name))


def translation(name: str) -> Translation | None:
    """Return how the config.json that `name` leads to was read; None for a model's own YAML."""
    return _translated(*_source(name))


def own_file(name: str) -> str | None:
    """Return the path of the file that a model is read from, None for one of the package."""
    if name in models():
        return None
    return name if name.endswith(library.ENDINGS) else str(huggingface.config_path(name) or name)


def _source(name: str) -> tuple[str, str]:
    """Return the file name and the text of a model."""
    if name not in models() and not name.endswith(library.ENDINGS) and name.strip():
        path = huggingface.config_path(name)
        if path:
            return str(path), yaml_text(path)
    return library.source("model", name, models)


@cache
def _checked(name: str, text: str) -> Model:
    translation = _translated(name, text)
    if not translation:
        return validated(Model, library.parsed(name, text))
    return validated(Model, Document(name, translation.content, {}))


@cache
def _translated(name: str, text: str) -> Translation | None:
    is_json = name.endswith(".json")
    document = parse_json(name, text) if is_json else library.parsed(name, text)
    if not huggingface.is_config(document):
        return None
    model_type = document.content.get("model_type", "no model_type")
    source = document.content.get("source") or f"{name} ({model_type})"
    return huggingface.translated(document, str(source))
