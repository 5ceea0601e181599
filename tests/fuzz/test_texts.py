"""Text files: any bytes, read as documents, cut into windows of tokens."""

from pathlib import Path

from hypothesis import strategies as st

from mugi.accuracy.settings import TextSettings, check_corpus
from mugi.llm.texts import SEPARATOR, label, text
from tests.fuzz.harness import Parser
from tests.fuzz.inputs import TEXTS, damaged_bytes, written

PROSE = "\n\n".join(f"Paragraph {n}. Käse – 日本, €.\r\nMore of it." for n in range(20)).encode()
FILES = (PROSE, b"\xef\xbb\xbf" + PROSE, PROSE.decode().encode("utf-16"), b"a\0b" * 30)


def used(data: bytes, folder: Path) -> None:
    path = written(data, folder / "text.txt")
    check_corpus(f"{path}=3")
    read = text(path)
    assert label(path) == read.name == "text" and len(read.sha256) == 64
    joined = SEPARATOR.join(read.documents).encode()
    assert joined == data.removeprefix(b"\xef\xbb\xbf")
    TextSettings(name=path, windows=2, window_tokens=16, kl_context_tokens=4)


PARSER = Parser(
    "texts",
    st.one_of(st.binary(max_size=50), damaged_bytes(FILES), st.text(max_size=50).map(str.encode)),
    used,
    good=(PROSE,),
)


def test_texts(fuzzed):
    fuzzed(PARSER)


def names(name: str, folder: Path) -> None:
    """Take a text's name as the configuration and the command do."""
    check_corpus(name)


NAMES = Parser(
    "names of texts", st.sampled_from(TEXTS) | st.text(), names, good=("prose", "pydoc=3")
)


def test_names_of_texts(fuzzed):
    fuzzed(NAMES)
