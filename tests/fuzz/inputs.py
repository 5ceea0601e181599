"""Inputs made from valid ones: values nobody meant, keys lost and moved, text and bytes damaged."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import date

import yaml
from hypothesis import strategies as st

DEEP = "(" * 3000 + "H" + ")" * 3000
TEXTS = (
    "",
    " ",
    "H",
    "H*'a'",
    "'%s' % H",
    "10**400",
    "9**9**9**9",
    "1/0",
    DEEP,
    "-" * 3000 + "H",
    "array_height",
    "nan",
    "inf",
    "-1",
    "1e999",
    "0x10",
    "٣",
    "1_000",
    "x" * 5000,
    "a\nb\tc\x1b[31m",
    "\x00",
    "ﬀ",
    "{0.__class__}",
    "%s%n",
    "../../etc/passwd",
    "~nobody/x",
    "a/" + "x" * 300,
    "²",
    "9" * 5000,
    "/dev/null",
    "~",
    ".",
    "*",
    "mugi",
    "45nm",
    "llama_2_7b",
    "null",
    "true",
    "2026-01-01",
    "1:30",
    "[..]",
    "None",
    "{model}",
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    64,
    100,
    2**31,
    2**40,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63),
    10**18,
    10**30,
    0.0,
    -0.0,
    0.5,
    1.5,
    -2.5,
    1e-320,
    1e-9,
    1e18,
    1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.integers(-10, 300),
    st.floats(),
    st.text(max_size=8),
)
ODD = (
    None,
    [],
    {},
    {1: 2},
    [None],
    [[]],
    "a",
    "",
    True,
    -1,
    2**31,
    2**40,
    2**70,
    0.5,
    1e17,
    1e300,
    float("nan"),
    float("inf"),
    "10**400",
    "'a'*9",
    {"a": None},
    [1, "a"],
)
KEYS = st.one_of(st.sampled_from(TEXTS), st.sampled_from((0, 1, -1.5, True, None)), st.text("ab."))


class Many(tuple):
    """A tuple that hypothesis does not print, all of it, beside an input that it made from it."""

    def __repr__(self) -> str:
        return f"{len(self)} of them"


def odd_values(words: Sequence[str] = ()) -> st.SearchStrategy:
    """Return values that a file may hold anywhere: scalars, `words` of its language, or nested."""
    scalars = st.one_of(SCALARS, st.sampled_from([*words, "?"]))
    nested = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=5,
    )
    rare = st.sampled_from([date(2026, 1, 1), b"bytes"]) | st.builds(deep_list, st.just(120))
    return st.one_of(scalars, scalars, nested, rare)


def deep_list(depth: int) -> list:
    """Return a list in a list in a list …"""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def places(value: object, key: tuple = ()) -> list[tuple]:
    """Return the way to everything inside a document, keys and places in lists."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [way for k, v in inner for way in ((*key, k), *places(v, (*key, k)))]


@st.composite
def changed(draw, documents: Sequence, words: Sequence[str] = (), most: int = 2):
    """Draw a document with up to `most` things in it replaced, deleted, renamed, moved or added."""
    document = deepcopy(draw(st.sampled_from(list(documents))))
    odd = odd_values(words)
    for _ in range(draw(st.integers(1, most))):
        ways = places(document)
        if not ways:
            return draw(odd)
        *parents, last = draw(st.sampled_from(ways))
        holder = document
        for step in parents:
            holder = holder[step]
        match draw(
            st.sampled_from(["replace", "replace", "delete", "rename", "move", "add", "whole"])
        ):
            case "replace":
                holder[last] = draw(odd)
            case "delete":
                del holder[last]
            case "rename" if isinstance(holder, dict):
                name = draw(KEYS | st.sampled_from([*words, "?"]))
                holder[name] = holder.pop(last)
            case "move":
                *_, step = draw(st.sampled_from(ways))
                value = deepcopy(holder[last])
                if isinstance(document, dict):
                    document[step] = value
            case "add" if isinstance(holder, dict):
                holder[draw(KEYS | st.sampled_from([*words, "?"]))] = draw(odd)
            case "add":
                holder.append(draw(odd))
            case "whole" if draw(st.integers(0, 9)) == 0:
                document = draw(odd)
    return document


@st.composite
def damaged(draw, texts: Sequence[str], tokens: Sequence[str], most: int = 2) -> str:
    """Draw a text with pieces cut out, doubled, or put in."""
    text = draw(st.sampled_from(list(texts)))
    for _ in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from([*tokens]) | st.text(max_size=3))
        put = draw(st.sampled_from([piece, piece, "", text[start:end] * 2]))
        text = text[:start] + put + text[end:]
    return text


@st.composite
def damaged_bytes(draw, files: Sequence[bytes], most: int = 4, head: int | None = None) -> bytes:
    """Draw bytes that were cut off, overwritten or grown, within the first `head` if given."""
    data = bytearray(draw(st.sampled_from(list(files))))
    for _ in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, min(len(data), head or len(data))))
        match draw(st.sampled_from(["cut", "write", "write", "zero", "ones", "grow"])):
            case "cut":
                del data[start:]
            case "write":
                data[start : start + 8] = draw(st.binary(min_size=1, max_size=8))
            case "zero":
                data[start : start + 8] = bytes(8)
            case "ones":
                data[start : start + 8] = b"\xff" * draw(st.sampled_from([1, 4, 8]))
            case "grow":
                data[start:start] = draw(st.binary(max_size=16))
    return bytes(data)


YAML_TOKENS = (
    ": ",
    "- ",
    "\n",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "!!python/object:os.system ",
    "!!binary ",
    "!!set ",
    "'",
    '"',
    "|\n",
    ">\n",
    "#",
    "? ",
    "---\n",
    "...\n",
    "%YAML 9.9\n",
    "\t",
    "\x00",
    "\ufeff",
    "~",
    "null",
    ".inf",
    ".nan",
    "0x1F",
    "0o7",
    "010",
    "1:30",
    "2026-01-01",
    "yes",
    "default_variant: [..]\n",
    "[" * 3000,
    "{a: " * 3000,
    "- " * 3000,
    "9" * 5000,
)


def yaml_of(document: object) -> str:
    """Return a document as YAML."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.CSafeDumper):
    """A dumper that writes everything out: no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def yaml_texts(
    documents: Sequence, words: Sequence[str] = (), most: int = 2
) -> st.SearchStrategy[str]:
    """Return YAML: documents that were changed, and texts of documents that were damaged."""
    texts = Many(yaml_of(document) for document in documents)
    structured = changed(Many(documents), Many(words), most).map(yaml_of)
    broken = damaged(texts, Many([*YAML_TOKENS, *words]))
    return st.one_of(structured, structured, structured, broken)


def written(text: str | bytes, path) -> str:
    """Write an input to a file, text with whatever it has, and return the path."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    path.write_bytes(data)
    return str(path)


def with_odd(
    document: dict, keys: Sequence, around: Callable[[dict], object] = lambda one: one
) -> st.SearchStrategy[str]:
    """Return YAML of a document in which one of `keys` is something that nobody meant."""
    return st.tuples(st.sampled_from(list(keys)), st.sampled_from(ODD)).map(
        lambda pair: yaml_of(around(document | {pair[0]: deepcopy(pair[1])}))
    )
