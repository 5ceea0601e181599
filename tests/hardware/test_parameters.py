"""Parameters of a model's description are those of the real model: every family, small and odd."""

import json
import re

import pytest

from mugi.documents import read_yaml
from mugi.hardware.families import known
from mugi.hardware.model import load_model
from tests.docs.pages import ROOT
from tests.hardware.small_models import COMPOSITE, SMALL, built, small_config

# What a description leaves out, by the names that parameters have in transformers.
LEFT_OUT = re.compile(
    r"norm|bias|conv|sinks|position|wpe|embed_positions|relative|logit_scale|mask_token|cls_token"
    r"|distillation_token|patch_embed|shared_expert_gate|continuous"
    r"|vision|visual|image|connector|projector"  # beside the language model
)


def matrices(model) -> int:
    """Return how many numbers the matrices of a model have."""
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if p.dim() > 1 and not LEFT_OUT.search(name)
    )


@pytest.mark.parametrize("name", [*SMALL, *COMPOSITE])
def test_small_copies(name, tmp_path):
    torch = pytest.importorskip("torch")
    config = small_config(name)
    path = tmp_path / "config.json"
    config.to_json_file(path)
    with torch.device("meta"):
        expected = matrices(built(config))
    if config.model_type == "dinov2":  # the half of its head that reads the mean of all patches
        expected -= config.num_labels * config.hidden_size
    assert load_model(str(path)).parameters == expected
    # Neither do defaults of transformers 5 stand for what an older file leaves out.
    path.write_text(json.dumps(config.to_diff_dict() | {"model_type": config.model_type}))
    assert load_model(str(path)).parameters == expected


def test_every_family_has_a_small_copy():
    tested = {model_type for model_type, _ in SMALL.values()}
    texts = {known().composites[model_type].text for model_type, _ in COMPOSITE.values()}
    assert known().families.keys() == tested | texts
    assert known().composites.keys() == {model_type for model_type, _ in COMPOSITE.values()}


@pytest.mark.parametrize(
    "entry",
    read_yaml(ROOT / "docs" / "examples" / "public_models.yaml", list).content,
    ids=lambda entry: entry["name"],
)
def test_published(entry, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(entry["config"]))
    model = load_model(str(path))
    beside = entry.get("beside_b", 0)  # of a model of images that the figure includes
    assert model.parameters / 1e9 + beside == pytest.approx(entry["published_b"], rel=0.01)
    active = model.active_parameters
    if entry.get("active_without_embedding"):
        active -= model.dim * model.vocabulary
    if "active_b" in entry:  # printed with two digits, and counted in more ways than one
        assert active / 1e9 == pytest.approx(entry["active_b"], rel=0.025)
