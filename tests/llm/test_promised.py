"""Checkpoints that promise more than they have are refused before anything of that size is made."""

import json

import gguf
import pytest

from mugi.errors import InputError
from mugi.llm.load import LOADERS, load
from mugi.llm.settings import ModelSettings
from tests.llm.test_stored import write_gguf


@pytest.fixture
def refusal(monkeypatch):
    """The one line that says why a model is refused, without being built for real."""

    def from_pretrained(*_, **__):
        raise AssertionError("loaded for all that")

    monkeypatch.setattr(LOADERS["text"][0], "from_pretrained", from_pretrained)

    def told(source) -> str:
        with pytest.raises(InputError) as error:
            load(ModelSettings(str(source)))
        [line] = str(error.value).splitlines()
        return line.removeprefix(f"cannot load model '{source}': ")

    return told


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"num_hidden_layers": 10**9}, "its config.json promises 1,000,000,000 layers, and the "),
        ({"vocab_size": 10**5}, "its config.json promises 6,423,264 weights, and the checkpoint "),
        ({"intermediate_size": 10**12}, "its config.json promises 288,000,000,025,888 weights, "),
        ({"intermediate_size": 2**61}, "Storage size calculation overflowed with sizes=[23058430"),
    ],
)
def test_a_config_that_promises_more_than_the_weights(checkpoint, refusal, changes, line):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert refusal(checkpoint).startswith(line)


def test_packed_weights_are_several_in_one(checkpoint, refusal):
    path = checkpoint / "config.json"
    changes = {"vocab_size": 8000, "quantization_config": {"quant_method": "fp8"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert "loaded for all that" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "llama.block_count",
            10**9,
            "its header promises 1,000,000,000 layers, and the checkpoint",
        ),
        ("llama.feed_forward_length", 10**9, "its header promises 288,000,025,888 weights, and"),
    ],
)
def test_a_gguf_header_that_promises_more(tiny_llama, tmp_path, refusal, key, value, line):
    path = tmp_path / "tiny.gguf"
    write_gguf(path, tiny_llama)
    [place] = gguf.GGUFReader(path, "r+").fields[key].parts[-1:]
    place[0] = value
    place.flush()
    assert refusal(path).startswith(line)
