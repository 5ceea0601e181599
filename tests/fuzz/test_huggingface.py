"""config.json of Hugging Face: translated, and the translation read again."""

import json
from pathlib import Path

from hypothesis import strategies as st

from mugi.commands.models import as_yaml
from mugi.hardware.families import known
from mugi.hardware.model import load_model, translation
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import Many, changed, damaged, written
from tests.fuzz.test_hardware import keys_of
from tests.hardware.test_huggingface import LLAMA

CONFIGS = Many(
    {"model_type": name} | {k: v for k, v in family.defaults.model_dump().items() if v is not None}
    for name, family in sorted(known().families.items())
)
COMPOSITES = Many(
    {"model_type": name, "text_config": {"model_type": composite.text, "num_hidden_layers": 2}}
    for name, composite in sorted(known().composites.items())
)
WORDS = Many(sorted(keys_of([*CONFIGS, *COMPOSITES]) | {"architectures", "layer_types", "sparse"}))
TOKENS = (
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "NaN",
    "Infinity",
    "1e999",
    "\\ud800",
    "\\",
    "\t",
    "9" * 5000,
    "[" * 3000,
    '{"a":' * 3000,
    "\ufeff",
    "//",
    "'",
    "-",
    "0x1",
    "\x00",
    "true",
)


def json_of(document: object) -> str:
    """Return a document as JSON, what it cannot hold as text."""
    keyed = {str(k): v for k, v in document.items()} if isinstance(document, dict) else document
    return json.dumps(keyed, default=str, skipkeys=True)


def used(text: str, folder: Path) -> None:
    path = written(text, folder / "config.json")
    model, read = load_model(path), translation(path)
    assert load_model(written(as_yaml(read.content, read.notes), folder / "read.yaml")) == model
    assert model.parameters >= model.active_parameters > 0


STRUCTURED = changed(Many([LLAMA, *CONFIGS, *COMPOSITES]), WORDS).map(json_of)
PARSER = Parser(
    "config.json",
    st.one_of(STRUCTURED, STRUCTURED, damaged(Many(map(json_of, [LLAMA, *COMPOSITES])), TOKENS)),
    used,
    good=tuple(map(json_of, [LLAMA, *COMPOSITES])),
    seeds=tuple(json_of(LLAMA | {"word_embed_proj_dim": odd}) for odd in ("\ud800", "\x1b[31m")),
    command=lambda text, folder: ["models", "import", written(text, folder / "config.json")],
)


def test_configs_of_hugging_face(fuzzed):
    fuzzed(PARSER)
