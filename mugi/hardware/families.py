"""What `families.yaml` says of the families of models that Hugging Face's config.json describes.

Every key that is read is a field of `Keys`, under the name that most families have for it.
"""

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field

from mugi.documents import Document, parse_yaml
from mugi.schema import Section, validated

Count = Annotated[int, Field(ge=1, le=2**40)]
CountOrNone = Annotated[int, Field(ge=0, le=2**40)]
Layers = Annotated[int, Field(ge=1, le=10_000)]  # which are looked at one by one
Side = Count | Annotated[list[Count], Field(min_length=2, max_length=2)]
Stages = Annotated[list[Count], Field(min_length=1, max_length=16)]


class Keys(Section):
    """The keys of config.json that sizes follow from; None where it has null or nothing."""

    vocab_size: Count | None = None
    hidden_size: Count | None = None
    num_hidden_layers: Layers | None = None
    num_attention_heads: Count | None = None
    num_key_value_heads: Count | None = None
    head_dim: Count | None = None
    intermediate_size: Count | None = None
    tie_word_embeddings: bool | None = None
    # Which layers see how much.
    use_sliding_window: bool | None = None
    sliding_window: CountOrNone | None = None
    sliding_window_pattern: CountOrNone | str | None = None
    max_window_layers: CountOrNone | None = None
    layer_types: list[str] | None = None
    no_rope_layers: list[int] | None = None
    no_rope_layer_interval: Count | None = None
    attention_chunk_size: Count | None = None
    attention_types: list[list] | None = None
    window_size: Count | None = None
    use_bidirectional_attention: bool | str | None = None
    # Heads and widths of single families.
    word_embed_proj_dim: Count | None = None
    multi_query: bool | None = None
    new_decoder_architecture: bool | None = None
    add_cross_attention: bool | None = None
    # Experts.
    num_experts: CountOrNone | None = None
    num_experts_per_tok: CountOrNone | None = None
    moe_intermediate_size: Count | None = None
    intermediate_size_mlp: Count | None = None
    shared_expert_intermediate_size: CountOrNone | None = None
    shared_intermediate_size: CountOrNone | None = None
    n_shared_experts: CountOrNone | None = None
    first_k_dense_replace: CountOrNone | None = None
    moe_layer_freq: Count | None = None
    moe_layers: list[CountOrNone] | None = None
    interleave_moe_layer_step: Count | None = None
    decoder_sparse_step: Count | None = None
    mlp_only_layers: list[CountOrNone] | None = None
    mlp_layer_types: list[Literal["dense", "sparse"]] | None = None
    moe_layer_start_index: CountOrNone | None = None
    moe_layer_end_index: Annotated[int, Field(ge=-1)] | None = None
    moe_layer_interval: Count | None = None
    # Latent attention.
    kv_lora_rank: Count | None = None
    q_lora_rank: Count | None = None
    qk_nope_head_dim: Count | None = None
    qk_rope_head_dim: Count | None = None
    v_head_dim: Count | None = None
    # Speech, images and video.
    d_model: Count | None = None
    encoder_layers: Count | None = None
    encoder_attention_heads: Count | None = None
    encoder_ffn_dim: Count | None = None
    decoder_layers: Count | None = None
    decoder_attention_heads: Count | None = None
    decoder_ffn_dim: Count | None = None
    max_source_positions: Count | None = None
    image_size: Side | None = None
    patch_size: Side | None = None
    num_frames: Count | None = None
    tubelet_size: Annotated[list[Count], Field(min_length=3, max_length=3)] | None = None
    mlp_ratio: Annotated[float, Field(gt=0, le=2**20, strict=False)] | None = None
    use_swiglu_ffn: bool | None = None
    embed_dim: Count | None = None
    depths: Stages | None = None
    num_heads: Stages | None = None


# Which layers have a window, where layer_types does not say: all; those from max_window_layers on;
# every second of those before; all but every nth; as no_rope_layers or attention_types say.
WindowRule = Literal[
    "", "all", "upper", "alternate", "pattern", "without_rope", "with_rope", "attention_types"
]


class Family(Section):
    """How config.json of one model_type is read."""

    config: str
    kind: Literal["decoder", "speech", "image", "video", "windowed_image"] = "decoder"
    gated: bool = True
    windows: WindowRule = ""
    pattern: int = 0  # every pattern-th layer sees all; 0: sliding_window_pattern says
    first_dense: int = 0  # layers without experts, where mlp_layer_types does not say
    extra_tokens: int = 1  # of an encoder: the class's
    left_out: list[str] = Field(default_factory=list)
    may_have: list[str] = Field(default_factory=list)  # keys that need not be read
    names: dict[str, str] = Field(default_factory=dict)
    defaults: Keys

    @property
    def reads(self) -> set[str]:
        """Return the keys that sizes follow from, by their common names."""
        return set(self.defaults.model_fields_set)

    @property
    def architecture(self) -> str:
        """Return what the names of the family's classes begin with, such as `Llama`."""
        return self.config.removesuffix("Config").removesuffix("Text")


class Composite(Section):
    """A config.json that keeps a language model's layers in text_config."""

    text: str
    tied: bool


class Refusal(Section):
    """Families that cannot be costed: why, and the nearest that can."""

    what: str
    types: list[str]
    nearest: str


class Families(Section):
    """All of families.yaml."""

    families: dict[str, Family]
    composites: dict[str, Composite]
    refused: list[Refusal]

    @property
    def keys(self) -> set[str]:
        """Return every key that sizes of some family follow from."""
        families = self.families.values()
        return set().union(*({*family.reads, *family.names.values()} for family in families))

    def refusal(self, model_type: str) -> Refusal | None:
        """Return why a family cannot be costed, if that is known."""
        return next((refusal for refusal in self.refused if model_type in refusal.types), None)


@cache
def known() -> Families:
    """Return what families.yaml says."""
    path = files("mugi.hardware").joinpath("families.yaml")
    return validated(Families, _parsed(path.read_text(encoding="utf-8")))


def _parsed(text: str) -> Document:
    return parse_yaml("families.yaml", text)
