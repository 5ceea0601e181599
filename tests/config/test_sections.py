"""Sections `fit`, `lookup` and `judge` of the configuration."""

from pathlib import Path

import pytest

from mugi.config import check
from mugi.documents import Document, merge, read_yaml
from mugi.errors import InputError

ROOT = Path(__file__).parents[2]
DEFAULT = read_yaml(ROOT / "config.yaml").content
SMALL = {**DEFAULT, "hardware": DEFAULT["hardware"][:1], "figures": ["fig03"]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fit": {"softmax": ["vlp:luts=8..9,max_exp=1"]}}, ["fit.softmax.0", "'luts'", "'lut'?"]),
        ({"fit": {"activation": ["taylor:degree=5,center=-4"]}}, ["fit.activation.0", "cannot"]),
        ({"fit": {"models": ["smollm3"]}}, ["fit.models.0", "unknown model 'smollm3'"]),
        ({"fit": {"rows": 0}}, ["fit.rows", "greater than or equal to 1"]),
        ({"fit": {"shift": {"log2": [-1, 1]}}}, ["fit.shift", "must have 0"]),
        ({"fit": {"shift": {"log2": [0, 99]}}}, ["fit.shift.log2.1", "less than or equal to 16"]),
        ({"lookup": {"method": "pwl:segments=4,range=4"}}, ["lookup", "has no lookup table"]),
        ({"lookup": {"inputs": [1.0]}}, ["lookup", "takes 0 or less"]),
        ({"judge": {"where": {"array_height": [100]}}}, ["judge.where", "multiple of 8"]),
        ({"judge": {"where": {"model": ["llama_3_8c"]}}}, ["judge.where", "'llama_3_8b'?"]),
        ({"judge": {"where": {"batch_size": []}}}, ["judge.where.batch_size", "at least 1"]),
        ({"judge": {"where": {"batch_size": [*range(1, 30_000), 7]}}}, ["'7' is there twice"]),
        ({"fit": {"softmax": ["vlp:lut=8,leak=1..9000"] * 200}}, ["more than 10,000 methods"]),
        ({"accuracy": {"bos": [1]}}, ["accuracy.bos: '[1]' is not allowed", "auto, yes, no"]),
        ({"judge": {"costs": "nope.yaml"}}, ["judge.costs", "nope.yaml: No such file"]),
    ],
)
def test_a_mistake_in_the_configuration_gets_one_line(change, expected):
    with pytest.raises(InputError) as error:
        check(Document("config", merge(SMALL, change), {}))
    (line,) = str(error.value).splitlines()
    for part in expected:
        assert part in line
