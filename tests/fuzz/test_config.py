"""config.yaml: changes on top of the default, as `mugi check` and Snakemake read them."""

from pathlib import Path

import yaml
from hypothesis import strategies as st

from mugi.config import Config, check
from mugi.files import read_yaml
from tests.docs.pages import ROOT
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import Many, changed, with_odd, written, yaml_of, yaml_texts
from tests.fuzz.test_hardware import keys_of

DEFAULT = read_yaml(ROOT / "config.yaml")
TINY = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text(encoding="utf-8"))
CHANGES = [
    TINY,
    {"hardware": DEFAULT.content["hardware"][:1]},
    {"models": DEFAULT.content["models"]},
]
CHANGES += [{key: value} for key, value in DEFAULT.content.items()]
WORDS = sorted(keys_of([*CHANGES]) | {"own_figures", "own_claims", "all", "native", "data"})


def used(text: str, folder: Path) -> None:
    """Check changes as the command does; the default is read once for all inputs."""
    path = written(text, folder / "changes.yaml")
    check(DEFAULT.updated(read_yaml(path)).located())


PARSER = Parser(
    "configurations",
    st.one_of(
        yaml_texts(CHANGES, WORDS, most=3),
        with_odd({}, Config.model_fields),
        changed(Many(CHANGES), Many(WORDS)).map(yaml_of),
    ),
    used,
    good=(yaml_of(TINY),),
    quick=5,
)


def test_configurations(fuzzed):
    fuzzed(PARSER)
