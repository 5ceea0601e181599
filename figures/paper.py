"""Names, letters and constants of the paper."""

from pathlib import Path

COLUMN_IN = 3.3  # width of one column of the paper
# stacked events, told apart by lightness too: the large parts dark, the small ones light
EVENT_COLOURS = {
    "projection": "#5494D0",
    "attention": "#9C6370",
    "ffn": "#12344D",
    "nonlinear": "#F5A623",
    "output": "#6E1108",
    "embodied": "#DCDCDC",
}
LABELS = {
    "projection": "Projection",
    "attention": "Attention",
    "ffn": "FFN",
    "nonlinear": "Nonlinear",
    "output": "LM head",
    "embodied": "Embodied",
    "llama_2_7b": "7B",
    "llama_2_13b": "13B",
    "llama_2_70b": "70B",
    "llama_2_70b_GQA": "70B GQA",
}
# model -> KV heads in the paper's runs
MODELS = {"llama_2_7b": 32, "llama_2_13b": 40, "llama_2_70b": 64, "llama_2_70b_GQA": 8}
MHA_MODELS = [model for model in MODELS if not model.endswith("GQA")]
# models whose accuracy the paper measures
ACCURACY_MODELS = {
    "llama_2_7b": "Llama 2 7B",
    "llama_2_13b": "Llama 2 13B",
    "whisper_tiny": "Whisper tiny",
    "whisper_large": "Whisper large",
    "swinv2_tiny": "SwinV2 tiny",
    "swinv2_large": "SwinV2 large",
    "vivit_base": "ViViT base",
}
# the configuration of every table and figure here: paper §6.3, batch 8, sequence length 4096
PAPER_RUN = {"batch_size": 8, "seq_len": 4096}
# design, variant -> what the paper calls it; designs beyond these are the user's
DESIGNS = {
    ("mugi", "vlp"): "Mugi",
    ("mugi", "lut"): "Mugi-L",
    ("carat", ""): "Carat",
    ("systolic", "mac"): "SA",
    ("systolic", "figna"): "SA-F",
    ("systolic", "pwl"): "SA PWL",
    ("systolic", "taylor"): "SA Taylor",
    ("simd", "mac"): "SD",
    ("simd", "figna"): "SD-F",
    ("tensor", ""): "Tensor",
}
# letter under a bar -> design, variant, array height (Figs. 15 and 16)
BARS = {
    "M": ("mugi", "vlp", 256),
    "C": ("carat", "", 256),
    "S": ("systolic", "mac", 16),
    "D": ("simd", "mac", 16),
    "T": ("systolic", "taylor", 16),
    "P": ("systolic", "pwl", 16),
}
# function and method of the published Fig. 8 (nonlinear_data.py of the authors' program)
PUBLISHED_FIG08 = {
    ("exp", "vlp:lut=12,max_exp=3"),
    ("exp", "pwl:segments=22,range=15"),
    ("exp", "taylor:degree=9,center=-4.5"),
    ("silu", "vlp:lut=11,max_exp=1"),
    ("silu", "pwl:segments=22,range=5"),
    ("silu", "partial"),
    ("gelu", "vlp:lut=11,max_exp=1"),
    ("gelu", "pwl:segments=22,range=5"),
}
FUNCTIONS = {
    "exp": "exp (softmax)",
    "silu": "SiLU",
    "gelu": "GELU",
    "gelu_tanh": "GELU",
    "quick_gelu": "GELU (sigmoid)",
    "relu": "ReLU",
    "relu2": "ReLU²",
}
KINDS = {
    "pwl": "PWL",
    "taylor": "Taylor",
    "partial": "PA",
    "vlp": "Mugi (VLP)",
    "adaptive_vlp": "adaptive VLP",
}


def name_of(design: str, variant: str) -> str:
    """Return what a chip is called, a design from a user's file by the file's name."""
    return DESIGNS.get((design, variant)) or " ".join(filter(None, [Path(design).stem, variant]))


def chosen_by(function: str, method: str, selected: bool) -> str:
    """Return who chose a method of Fig. 8: the sweep of Fig. 6, the authors or the user."""
    published = (function, method) in PUBLISHED_FIG08
    if selected:
        return "Fig. 6 and published" if published else "Fig. 6"
    return "published" if published else "configured"


def in_order(names: object, known: object) -> list[str]:
    """Return the distinct names: those that are known in the known order, then all others."""
    distinct = list(dict.fromkeys(names))
    return [n for n in known if n in distinct] + [n for n in distinct if n not in known]
