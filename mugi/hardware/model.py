"""A language model's dimensions in YAML: what its layers are, and what follows from that.

A decoder has layers of attention, each over all positions or a window of them, and layers of FFN,
dense or of experts; an encoder in front of it has stages of its own. Parameters are those of matrix
products and embeddings: biases, norms, positions and convolutions are left out, as their costs are.
"""

from functools import cache
from typing import Annotated, Self

from pydantic import Field, model_validator

from mugi.errors import Mistake, raise_all
from mugi.hardware import library
from mugi.schema import Section, validated

Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]  # 0 may be written for what there is not


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
    """Return a packaged model by name, or one from a YAML file by its path.

    Raises InputError for an unknown name, a missing, unknown or impossible field.
    """
    return _checked(*library.source("model", name, models))


@cache
def _checked(name: str, text: str) -> Model:
    return validated(Model, library.parsed(name, text))
