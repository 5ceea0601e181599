"""Reading YAML and JSON: where each value stands, and clear mistakes."""

import time

import pytest
import yaml

from mugi import documents
from mugi.documents import parse_yaml, read_yaml
from mugi.errors import InputError


def test_places_are_file_line_and_key():
    document = parse_yaml("a.yaml", "one: 1\nlist:\n  - x\n  - {deep: 2}\n")
    assert document.content == {"one": 1, "list": ["x", {"deep": 2}]}
    assert document.where(("list", 1, "deep")) == "a.yaml:4: list.1.deep"
    assert document.where(("list", 1, "missing")) == "a.yaml:4: list.1.missing"
    assert document.where(("nothing",)) == "a.yaml: nothing"
    assert document.where() == "a.yaml"
    inner = document.part("list", 1)
    assert (inner.content, inner.where(("deep",))) == ({"deep": 2}, "a.yaml:4: deep")


def test_changes_keep_the_places_of_both_files():
    base = parse_yaml("base.yaml", "a: {x: 1, y: 2}\nb: [1]\n")
    both = base.updated(parse_yaml("mine.yaml", "\na:\n  y: 3\nb: [2, 3]\n"))
    assert both.content == {"a": {"x": 1, "y": 3}, "b": [2, 3]}
    assert both.where(("a", "x")) == "base.yaml:1: a.x"
    assert both.where(("a", "y")) == "mine.yaml:3: a.y"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: key 'a' is there twice, first in line 1"),
        ("- {x: 1}\n- y: {z: 1,\n   z: 2}\n", "f.yaml:3: key 'z' is there twice, first in line 2"),
        ("a: &a {x: 1}\nb: {<<: *a, x: 2, x: 3}\n", "f.yaml:2: key 'x' is there twice"),
        ("a: &a {x: 1}\nb: {<<: *a,\n <<: *a}\n", "f.yaml:3: key '<<' is there twice"),
        ("a: 1\n'a': 2\n", "f.yaml:2: key 'a' is there twice, first in line 1"),
        ("a: 1\n<<: {b: 1}\n<<: {c: 1}\n", "f.yaml:3: key '<<' is there twice, first in line 2"),
        ('{"a": 1,\n"b": {"c": 1, "c": 2}}', "f.yaml:2: key 'c' is there twice, first in line 2"),
    ],
)
def test_keys_that_stand_twice_are_refused(text, said):
    with pytest.raises(InputError) as error:
        parse_yaml("f.yaml", text, (dict, list))
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        *((key, f"key {key} is not text; write '{key}'") for key in ["1", "0x10", "1.5", ".nan"]),
        *((key, f"key {key} is not text; write '{key}'") for key in ["true", "yes", "~", "null"]),
        ("2020-01-01", "key 2020-01-01 is not text; write '2020-01-01'"),
        ("? [1, 2]\n", "a key must be text, not a list or keys and values"),
        ("? {a: b}\n", "a key must be text, not a list or keys and values"),
    ],
)
def test_keys_are_text(key, said):
    with pytest.raises(InputError) as error:
        parse_yaml("f.yaml", f"a: 1\n{key}: b\n")
    assert str(error.value) == f"f.yaml:2: {said}"
    if "?" not in key:
        assert parse_yaml("f.yaml", f"'{key}': b\n").content == {key: "b"}


def test_a_merge_may_be_overridden_and_knows_its_lines():
    document = parse_yaml("f.yaml", "a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\n")
    assert document.content["b"] == {"x": 1, "y": 3}
    assert document.where(("b", "x")) == "f.yaml:2: b.x"
    assert document.where(("b", "y")) == "f.yaml:6: b.y"


TAGS = ["!!python/object/apply:os.system", "!!python/name:os.system", "!!set", "!!omap", "!!binary"]
TAGS += ["!!int", "!!float", "!!bool", "!!timestamp", "!!str", "!", "!own", "!!merge"]
DATES = ["2020-01-01", "2020-99-99", "2020-01-01 10:00:00", "- 2020-01-01"]
HUGE = ["1" + "0" * 400, "9" * 5000, "-" + "9" * 400, "0x" + "f" * 5000, "0b" + "1" * 20000]
HUGE += ["1000000000000000001", "1.0e+400"]
ENDLESS = ["&a [*a]", "&a {b: *a}", "&a {<<: *a}", "&a [{b: [1, *a]}]"]
DEEP = [opening * times for times in (200, 300_000) for opening in ("[", "{a: ", "- ", "? ")]
DEEP += ["\n".join(f"{' ' * n}a:" for n in range(1000))]
LEVELS = {
    "lol": "[*, *, *, *, *, *, *, *, *]",
    "[lol]": "{a: *, b: *, c: *, d: *, e: *}",
    "{x: 1}": "{<<: [*, *, *, *, *, *, *, *, *], y: 1}",
    "{x: {z: 1}}": "{<<: *, y: *}",
    "[1]": "[*]",
}
"""The innermost value of a billion laughs, and each level around it: `*` is the one inside."""
BOMBS = [
    f"0: &a0 {base}\n"
    + "".join(f"{n + 1}: &a{n + 1} {level.replace('*', f'*a{n}')}\n" for n in range(300))
    for base, level in LEVELS.items()
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\n", "not YAML"),
        ("only text", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("a: 1\nb: 0100", "f.yaml:2: not YAML: 0100 is a number in base 8; write it in base 10"),
        ("a: 1:30", "1:30 is a number in base 60"),
        *((f"a:\n  b: {tag} x", r"f.yaml:2: not YAML: a tag, ") for tag in TAGS),
        *((f"a:\n  b: {tag} {{}}", r"f.yaml:2: not YAML: a tag, ") for tag in TAGS),
        *(
            (f"a:\n  {date}", r"f.yaml:2: not YAML: 2020.* is a date; write '2020")
            for date in DATES
        ),
        *((f"a:\n  - {number}", "f.yaml:2: not YAML: .* is no number up to ") for number in HUGE),
        *((f"a: {text}", "f.yaml:1: not YAML: made of aliases without end") for text in ENDLESS),
        *((deep, r"f.yaml:\d+: not YAML: nested too deeply") for deep in DEEP),
        *((bomb, r"f.yaml:\d+: not YAML: made of aliases without end") for bomb in BOMBS),
        ("a: " + "x" * documents.LARGEST_YAML, "longer than 2,000,000 characters"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_not_yaml_is_one_line(text, said, tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(InputError, match=said) as error:
        read_yaml(path)
    assert time.process_time() - began < 10  # of a busy machine: the counts are what bounds it
    assert str(error.value).startswith(str(path)) and len(str(error.value)) < 1300
    assert len(error.value.mistakes) == len(str(error.value).splitlines()) == 1


def test_many_values_belong_in_a_table(monkeypatch):
    monkeypatch.setattr(documents, "_MOST_VALUES", 100)
    with pytest.raises(InputError, match=r"f\.yaml:2: not YAML: more than 100 keys and"):
        parse_yaml("f.yaml", f"a:\n  [{'1,' * 200}]")


def test_files_without_end_are_not_read():
    with pytest.raises(InputError, match="/dev/zero: is a pipe or a device, not a file"):
        read_yaml("/dev/zero")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('m:\n  a: {source: "~a\\0b/c"}\n', "f.yaml:2: m.a.source: holds a NUL character"),
        ('m:\n- "\\0"\n', "f.yaml:2: m.0: holds a NUL character"),
        ('"\\0": 1\n', "f.yaml:1: holds a NUL character"),
        ("m: .nan\n", "f.yaml:1: m: must be a finite number (got nan)"),
        ("m: [-.inf]\n", "f.yaml:1: m.0: must be a finite number (got -inf)"),
    ],
)
def test_what_no_path_and_no_json_can_have_is_refused(text, said):
    with pytest.raises(InputError) as error:
        parse_yaml("f.yaml", text)
    assert str(error.value) == said


def test_an_alias_may_stand_for_a_value():
    document = parse_yaml("f.yaml", "a: &a [x, y]\nb: *a\nc: {d: *a}\n")
    assert document.content["b"] == document.content["c"]["d"] == ["x", "y"]
    assert document.where(("c", "d", 1)) == "f.yaml:1: c.d.1"


def test_what_json_cannot_hold_is_one_line():
    for text in (
        "[" * 100_000,
        '{"a": ' * 50_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 1e',
        "1",
        '{"a": ["\\ud800"]}',
    ):
        with pytest.raises(InputError) as error:
            documents.parse_json("f.json", text)
        assert len(str(error.value).splitlines()) == 1


def test_yaml_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.yaml: No such file"):
        read_yaml(tmp_path / "nothing.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff")
    with pytest.raises(InputError, match="not YAML"):
        read_yaml(tmp_path / "bytes.yaml")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mine.yaml", "sets/mine.yaml"),
        ("./mine.yaml", "sets/mine.yaml"),
        ("../top.txt=20", "top.txt=20"),
        ("deep/x", "sets/deep/x"),
        ("missing.yaml", "missing.yaml"),
        ("deep", "deep"),  # a name, whatever is called so
        ("org/name", "org/name"),
        ("softmax=vlp:lut=8", "softmax=vlp:lut=8"),
        ("H/8", "H/8"),
        ("~/missing.yaml", "/nowhere/missing.yaml"),
    ],
)
def test_a_path_is_found_beside_the_file_that_names_it(text, found, tmp_path, monkeypatch):
    (tmp_path / "sets" / "deep" / "x").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    for name in ("top.txt", "sets/mine.yaml", "sets/list.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump({"a": [{"b": text}]}))
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.chdir(tmp_path)
    for name in ("sets/list.yaml", str(tmp_path / "sets" / "list.yaml")):
        assert documents.beside(text, name) == found
    located = parse_yaml("sets/list.yaml", yaml.safe_dump({"a": [{"b": text}, 1]})).located()
    assert located.content == {"a": [{"b": found}, 1]}
    monkeypatch.chdir(tmp_path / "other")  # outside of which paths are absolute
    if (tmp_path / found.partition("=")[0]).exists() and found != text:
        assert documents.beside(text, str(tmp_path / "sets" / "list.yaml")) == str(tmp_path / found)
