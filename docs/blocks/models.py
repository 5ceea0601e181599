"""Families of models that the cost model reads, and public models."""

from pathlib import Path

import pandas as pd

from docs.blocks.text import to_markdown
from mugi.documents import Document, read_yaml
from mugi.hardware.families import known
from mugi.hardware.huggingface import translated
from mugi.hardware.model import Model
from mugi.schema import validated

PUBLIC = Path(__file__).parents[1] / "examples" / "public_models.yaml"
WINDOWS = {
    "": "",
    "all": "all layers, where there is one",
    "upper": "layers from max_window_layers on",
    "alternate": "every second layer before max_window_layers",
    "pattern": "all but every n-th layer",
    "with_rope": "chunks, in layers that have positions",
    "without_rope": "layers without positions",
    "attention_types": "layers said to be local",
}


def families() -> str:
    """Return a row a family of config.json that is read: what it may have, what is left out."""
    rows = []
    for name, family in known().families.items():
        reads = family.reads
        windows = WINDOWS[family.windows]
        if family.pattern or "sliding_window_pattern" in reads:
            nth = family.pattern or family.defaults.sliding_window_pattern
            windows = windows.replace("n-th", f"{nth}th").replace("2th", "second")
        latent = "latent" if "kv_lora_rank" in reads else ""
        grouped = "grouped" if {"num_key_value_heads", "multi_query"} & reads else "all heads"
        row = {"model_type": f"`{name}`", "class": family.config, "heads": latent or grouped}
        row |= {"FFN": "gated" if family.gated else "two matrices", "windows": windows}
        row |= {"experts": "yes" if "num_experts" in reads else ""}
        rows.append(row | {"also left out": ", ".join(family.left_out)})
    return to_markdown(pd.DataFrame(rows))


def composites() -> str:
    """Return a row a family that keeps its layers in text_config."""
    rows = [
        {"model_type": f"`{name}`", "read as": f"`{composite.text}`, or what text_config says"}
        for name, composite in known().composites.items()
    ]
    return to_markdown(pd.DataFrame(rows))


def refused() -> str:
    """Return a row a reason for which families cannot be costed."""
    rows = [
        {"what": refusal.what}
        | {"model_type": ", ".join(f"`{name}`" for name in refusal.types)}
        | {"nearest": f"`{refusal.nearest}`"}
        for refusal in known().refused
    ]
    return to_markdown(pd.DataFrame(rows))


def public_models() -> str:
    """Return parameters of public models, in billions, beside those that are published."""
    rows = []
    for entry in read_yaml(PUBLIC, list).content:
        document = Document(entry["name"], entry["config"], {})
        read = Document(entry["name"], translated(document, entry["name"]).content, {})
        model = validated(Model, read)
        active = model.active_parameters
        if entry.get("active_without_embedding"):
            active -= model.dim * model.vocabulary
        rows.append(
            {
                "model": entry["name"],
                "parameters": f"{model.parameters / 1e9:.4g}",
                "published": f"{entry['published_b']:g}",
                "for one token": f"{active / 1e9:.3g}" if model.experts else "",
                "published ": f"{entry['active_b']:g}" if "active_b" in entry else "",
                "source": entry["source"],
            }
        )
    return to_markdown(pd.DataFrame(rows))
