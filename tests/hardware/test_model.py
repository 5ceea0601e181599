"""Model files that say what cannot be: file, line and key of each mistake."""

from pathlib import Path

import pytest
import yaml

from mugi.errors import InputError
from mugi.hardware.model import load_model

MODELS = Path(__file__).parent / "data/models"
MISTAKES = [
    ("windows", {"windows": [{"layers": 6, "tokens": 5}]}, "windows: 6 of 5 layers have windows"),
    ("windows", {"windows": [{"layers": 1}]}, "windows.0.tokens: missing"),
    ("windows", {"cross_attention": True}, "cross_attention: needs an encoder and decoder layers"),
    ("windows", {"ffn_dim": None}, "ffn_dim: must be a valid integer (got None)"),
    ("latent", {"kv_heads": 2}, "kv_heads: must be heads, 6, with latent attention, not 2"),
    ("latent", {"head_dim": 6}, "latent.rope_dim: must be less than head_dim, 6, not 6"),
    ("latent", {"experts": {"number": 2, "active": 3, "dim": 5}}, "3 active of 2 experts"),
    (
        "latent",
        {"experts": {"number": 4, "active": 3, "dim": 5, "dense_layers": 6}},
        "experts.dense_layers: 6 of 5 layers are dense",
    ),
    ("latent", {"experts": {"number": 4, "activ": 3, "dim": 5}}, "(did you mean 'active'?)"),
    (
        "image",
        {"encoder": [{"layers": 1, "dim": 10, "heads": 3, "ffn_dim": 4, "tokens": 4}]},
        "dim 10 does not divide by 3 heads",
    ),
    ("image", {"encoder": []}, "layers: missing"),
]


@pytest.mark.parametrize(("name", "changes", "what"), MISTAKES)
def test_mistakes(tmp_path, name, changes, what):
    content = yaml.safe_load((MODELS / f"{name}.yaml").read_text()) | changes
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError) as error:
        load_model(str(path))
    assert any(what in str(one) and str(one).startswith(str(path)) for one in error.value.mistakes)


def test_a_mixture_without_dense_layers_needs_no_dense_width(tmp_path):
    content = yaml.safe_load((MODELS / "latent.yaml").read_text())
    content["experts"]["dense_layers"] = 0
    del content["ffn_dim"]
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(content))
    assert load_model(str(path)).ffn_dim == 0
