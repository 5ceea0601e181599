"""Checkpoints with damaged heads: GGUF, safetensors, and the config.json beside the weights.

Whatever the libraries raise for them is one line; nothing they say is run.
"""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import strategies as st

from mugi.llm.load import load
from mugi.llm.settings import ModelSettings
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import Many, changed, damaged_bytes, written
from tests.llm.test_stored import write_gguf

HEAD = 600  # bytes: magic, version, counts, first keys


def loaded(path: Path) -> None:
    """Load a model as the commands do."""
    settings = ModelSettings(str(path))
    settings.check()
    load(settings)


@pytest.fixture
def gguf_file(tiny_llama, tmp_path) -> bytes:
    """A whole GGUF file of a tiny model."""
    write_gguf(tmp_path / "tiny.gguf", tiny_llama)
    return (tmp_path / "tiny.gguf").read_bytes()


def test_gguf(fuzzed, gguf_file):
    def used(data: bytes, folder: Path) -> None:
        written(data, folder / "tiny.gguf")
        loaded(folder / "tiny.gguf")

    fuzzed(
        Parser(
            "GGUF",
            damaged_bytes(Many([gguf_file]), head=HEAD)
            | st.binary(max_size=40).map(b"GGUF".__add__),
            used,
            good=(gguf_file,),
            quick=3,
        )
    )


def with_head(head: bytes, length: int | None = None) -> bytes:
    """Return safetensors with a head, and a length said of it."""
    return struct.pack("<Q", len(head) if length is None else length) + head


def test_safetensors(fuzzed, checkpoint):
    weights = checkpoint / "model.safetensors"
    whole = weights.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    head, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]

    def used(content: bytes, folder: Path) -> None:
        written(content, weights)
        loaded(checkpoint)

    heads = changed(
        Many([head]), Many(["F32", "BF16", "dtype", "shape", "data_offsets", *head][:40])
    )
    structured = heads.map(
        lambda one: with_head(json.dumps(one, default=str, skipkeys=True).encode()) + data
    )
    lengths = st.sampled_from([0, 1, 2**31, 2**63, 2**64 - 1]).map(
        lambda n: with_head(whole[8:], n)
    )
    fuzzed(
        Parser(
            "safetensors",
            st.one_of(structured, damaged_bytes(Many([whole]), head=HEAD), lengths),
            used,
            good=(whole,),
            quick=3,
        )
    )


def test_config_beside_weights(fuzzed, checkpoint):
    content = json.loads((checkpoint / "config.json").read_text())
    words = [
        "quantization_config",
        "auto_map",
        "quant_method",
        "gptq",
        "text_config",
        "rope_scaling",
    ]

    def used(text: str, folder: Path) -> None:
        written(text, checkpoint / "config.json")
        loaded(checkpoint)

    fuzzed(
        Parser(
            "config.json beside weights",
            changed(Many([content]), Many(words)).map(
                lambda one: json.dumps(one, default=str, skipkeys=True)
            ),
            used,
            good=(json.dumps(content),),
            seeds=tuple(json.dumps(content | {"architectures": odd}) for odd in (True, [[]])),
            quick=3,
        )
    )
