"""config.yaml: changes on top of the default, as `mugi check` and Snakemake read them."""

from pathlib import Path

import yaml
from hypothesis import strategies as st

from mugi.config import Config, check
from mugi.documents import Document, read_yaml
from tests.docs.pages import ROOT
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import Many, changed, with_odd, written, yaml_of, yaml_texts
from tests.fuzz.test_hardware import keys_of
from tests.hardware.test_bad_input import RUN

DEFAULT = read_yaml(ROOT / "config.yaml")
# Without most runs, whose check takes most of the time
FEW = DEFAULT.updated(Document("few", {"hardware": [RUN], "figures": ["fig08"]}, {}))
TINY = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text(encoding="utf-8"))
CHANGES = [
    TINY,
    {"hardware": [RUN]},
    {"models": DEFAULT.content["models"]},
]
CHANGES += [{key: value} for key, value in FEW.content.items()]
WORDS = sorted(keys_of([*CHANGES]) | {"own_figures", "own_claims", "all", "native", "data"})


def used(text: str, folder: Path) -> None:
    """Check changes as the command does; the default is read once for all inputs."""
    path = written(text, folder / "changes.yaml")
    check(FEW.updated(read_yaml(path)).located())


PARSER = Parser(
    "configurations",
    st.one_of(
        yaml_texts(CHANGES, WORDS, most=3),
        with_odd({}, Config.model_fields),
        changed(Many(CHANGES), Many(WORDS)).map(yaml_of),
    ),
    used,
    good=(yaml_of(TINY),),
    quick=3,
)


def test_configurations(fuzzed):
    fuzzed(PARSER)
