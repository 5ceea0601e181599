"""The only reader of YAML and of JSON configurations: plain values, and where each of them stands.

Mistakes name the file, the line and the key.
"""

import json
import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from yaml.composer import Composer

from mugi.errors import InputError, Mistake, check_file, raise_all

Key = tuple[str | int, ...]  # the way to a value: keys of mappings, places in lists
LARGEST_YAML = 2_000_000  # characters; what is longer belongs in a table
_DEEPEST = 100  # levels of YAML
_MOST_VALUES = 100_000  # and keys, as written: about 100 MB
_MOST_ALIASED = 100_000  # values that aliases (*name) add, all of them written out
_LARGEST_WHOLE = 10**18  # of YAML: larger ones do not fit into 64 bits


@dataclass(frozen=True)
class Document:
    """What a YAML file holds, and where each key and item of it stands.

    name: the file; content: plain mappings, lists and values; places: `file:line` by key.
    """

    name: str
    content: dict | list
    places: Mapping[Key, str]

    def where(self, key: Key = ()) -> str:
        """Return `file:line: key`; the line of what a key that is not there would stand in."""
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.places), ())
        place = self.places.get(known, self.name)
        return f"{place}: {'.'.join(map(str, key))}" if key else place

    def located(self) -> "Document":
        """Return this document with every path in it as `beside` finds it, from its own file."""

        def found(value: object, key: Key) -> object:
            if isinstance(value, dict):
                return {name: found(inner, (*key, name)) for name, inner in value.items()}
            if isinstance(value, list):
                return [found(item, (*key, number)) for number, item in enumerate(value)]
            file = self.places.get(key, "").rpartition(":")[0]
            return beside(value, file or ".") if isinstance(value, str) else value

        return replace(self, content=found(self.content, ()))

    def part(self, *key: str | int) -> "Document":
        """Return the value under a key as a document of its own."""
        content = self.content
        for step in key:
            content = content[step]
        inner = {k[len(key) :]: v for k, v in self.places.items() if k[: len(key)] == key}
        return Document(self.name, content, inner)

    def updated(self, changes: "Document") -> "Document":
        """Return this document with changes on top, key by key as Snakemake's --configfile."""
        content = merge(self.content, changes.content)
        return Document(changes.name, content, {**self.places, **changes.places})


def beside(text: str, file: str) -> str:
    """Return a path that a file names as it is found from here: beside that file, `~` expanded.

    What is no path or not there stays as it is, such as names, hub ids and methods; a number of
    windows may follow (`text=windows`). What is found inside the working directory is relative.
    """
    name, equals, windows = text.rpartition("=") if re.search(r"=\d+$", text) else (text, "", "")
    if not re.search(r"^~|[/.]", name) or "\n" in name:
        return text
    said = Path(expanded(name))
    path = Path(os.path.normpath(Path(expanded(file)).parent / said))
    # os.path has False for what is too long to be a path, where Path raises
    if not (name.startswith("~") or os.path.exists(path)):
        return text
    here = Path.cwd()
    within = path.is_absolute() and not said.is_absolute() and path.is_relative_to(here)
    return f"{path.relative_to(here) if within else path}{equals}{windows}"


def expanded(path: str) -> str:
    """Return a path with `~` expanded; unlike Path's, it leaves ~ of nobody as it is."""
    return path if "\0" in path else os.path.expanduser(path)  # a cell of a table has what it has


def read_yaml(
    path: str | Path, kind: type = dict, repeats: list[tuple[Key, Mistake]] | None = None
) -> Document:
    """Return the mapping (or list, by `kind`) in a YAML file; raises InputError if there is none.

    Refused are keys that stand twice in a mapping, or told in `repeats` if there is one, where the
    last holds; `<<` merges below what the mapping itself says.
    """
    return parse_yaml(path, yaml_text(path), kind, repeats)


def yaml_text(path: str | Path) -> str:
    """Return the text of a YAML file; raises InputError if it is not there, no UTF-8 or endless."""
    check_file(path)
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(LARGEST_YAML + 1)
    except OSError as error:
        raise InputError(Mistake(error.strerror, str(path))) from None
    except UnicodeDecodeError as error:
        raise InputError(Mistake(f"not YAML: {error}", str(path))) from None
    if len(text) > LARGEST_YAML:
        raise InputError(Mistake(f"longer than {LARGEST_YAML:,} characters", str(path)))
    return text


# libyaml's parser, where PyYAML has it, without its composer, which dies of deep nesting
_BASES = (Composer, yaml.CSafeLoader) if yaml.__with_libyaml__ else (yaml.SafeLoader,)


class _Loader(*_BASES):
    """PyYAML's safe loader for text, numbers, truths, lists and mappings, each written plainly.

    Refused are tags (!!set), dates, endless aliases, deep nesting, numbers that are huge, and those
    that YAML 1.1 reads otherwise than anyone would: 010, which is 8 there, and 1:30, which is 90.
    """

    def __init__(self, text: str):
        super(Composer, self).__init__(text)
        Composer.__init__(self)
        self._depth, self._aliased = 0, 0
        # id of a node -> values and levels in it, aliases written out
        self._sizes: dict[int, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        """Return the next node: before anything is made of it, it is counted."""
        event = self.peek_event()
        if getattr(event, "tag", None):
            raise _refused(f"a tag, {event.tag.replace('tag:yaml.org,2002:', '!!')}", event)
        if self._depth == _DEEPEST:
            raise _refused("nested too deeply", event)
        if len(self._sizes) > _MOST_VALUES:
            raise _refused(f"more than {_MOST_VALUES:,} keys and values", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            values, levels = self._sizes.get(id(node), (math.inf, 0))  # an alias inside of itself
            self._aliased += values
            if self._aliased > _MOST_ALIASED or self._depth + levels > _DEEPEST:
                raise _refused("made of aliases without end", event)
            return node
        inner = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            inner = [one for pair in inner for one in pair]
        sizes = [self._sizes[id(one)] for one in inner]
        self._sizes[id(node)] = (
            1 + sum(values for values, _ in sizes),
            1 + max((levels for _, levels in sizes), default=0),
        )
        return node

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number, which PyYAML found to be one."""
        if re.match(r"[-+]?0[\d_]*\d$", node.value) or ":" in node.value:
            what = f"{node.value} is a number in base {'60' if ':' in node.value else '8'}"
            raise _refused(f"{what}; write it in base 10, or '{node.value}' for text", node)
        is_float = "float" in node.tag
        try:
            number = (self.construct_yaml_float if is_float else self.construct_yaml_int)(node)
        except ValueError:  # thousands of digits, or none
            number = math.inf
        most = sys.float_info.max if is_float else _LARGEST_WHOLE
        if abs(number) > most and not _is_not_finite(node):
            shown = node.value if len(node.value) <= 40 else f"{node.value[:40]}…"
            raise _refused(f"{shown} is no number up to {most:.0e}", node)
        return number

    def refuse_date(self, node: yaml.ScalarNode) -> None:
        """Raise the mistake of a date, which no key of ours can have."""
        raise _refused(f"{node.value} is a date; write '{node.value}' for text", node)


def _refused(what: str, at: yaml.Event | yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, what, at.start_mark)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.refuse_date)


def parse_yaml(
    name: str | Path,
    text: str,
    kind: type = dict,
    repeats: list[tuple[Key, Mistake]] | None = None,
) -> Document:
    """Return what YAML text holds, as `read_yaml` does for a file called `name`."""
    name = str(name)
    loader = _Loader(text)
    places: dict[Key, str] = {}
    try:
        node = loader.get_single_node()
        found = _key_mistakes(node, name)
        if repeats is None:
            raise_all([mistake for _, mistake in found])
        else:
            repeats += found
        content = loader.construct_document(node) if node else None
        _note_places(node, (), name, places)
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        reason = problem or " ".join(str(error).split())
        place = f"{name}:{mark.line + 1}" if mark else name
        raise InputError(Mistake(f"not YAML: {reason}", place)) from None
    finally:
        loader.dispose()
    if not isinstance(content, kind):
        what = "keys and values" if kind is dict else "a list"
        raise InputError(Mistake(f"must hold {what}", name))
    return Document(name, content, places)


def parse_json(name: str | Path, text: str) -> Document:
    """Return the object that JSON text holds, as `read_yaml` does for a file called `name`."""
    name, text = str(name), text.removeprefix("\ufeff")
    try:
        content = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError(Mistake("not JSON: half of a character, such as \\ud800", name)) from None
    except json.JSONDecodeError as error:
        raise InputError(Mistake(f"not JSON: {error.msg}", f"{name}:{error.lineno}")) from None
    except ValueError:  # of Python, for thousands of digits
        raise InputError(Mistake("not JSON of a configuration: a huge number", name)) from None
    except RecursionError:
        raise InputError(Mistake("not JSON of a configuration: nested too deeply", name)) from None
    if not isinstance(content, dict):
        raise InputError(Mistake("must hold keys and values", name))
    # JSON is YAML, whose reader knows lines, but for halves of characters and tabs.
    plain = re.sub(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", "\\\\u003f", text).replace("\t", " ")
    return Document(name, content, parse_yaml(name, plain).places)


def _key_mistakes(root: yaml.Node | None, name: str) -> list[tuple[Key, Mistake]]:
    """Return the place and mistake of every key that is not text or stands twice, in order.

    So for values that `_cannot_be`.
    """
    mistakes, waiting, seen = [], [((), root)] if root else [], set()
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:  # an alias of what was looked at
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*path, number), item) for number, item in enumerate(node.value)]
        elif path and isinstance(node, yaml.ScalarNode) and (what := _cannot_be(node)):
            line, key = node.start_mark.line + 1, ".".join(map(str, path))
            mistakes.append((line, path, Mistake(what, f"{name}:{line}: {key}")))
        first: dict[tuple[str, str], int] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            line, what = key.start_mark.line + 1, ""
            if not isinstance(key, yaml.ScalarNode):
                what = "a key must be text, not a list or keys and values"
            elif key.tag not in _TEXT_OR_MERGE:
                what = f"key {key.value} is not text; write '{key.value}'"
            elif "\0" in key.value:
                what = _NUL
            elif (key.tag, key.value) in first:
                before = first[key.tag, key.value]
                what = f"key '{key.value}' is there twice, first in line {before}"
            else:
                first[key.tag, key.value] = line
            step = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            waiting.append(((*path, step), value))
            if what:
                mistakes.append((line, (*path, step), Mistake(what, f"{name}:{line}")))
    return [(path, mistake) for _, path, mistake in sorted(mistakes, key=lambda entry: entry[0])]


def _cannot_be(value: yaml.ScalarNode) -> str:
    """Say what is wrong with text that no path can have, and with numbers that JSON has not."""
    if _is_not_finite(value):
        return f"must be a finite number (got {value.value.replace('.', '').lower()})"
    return _NUL if "\0" in value.value else ""


def _is_not_finite(value: yaml.ScalarNode) -> bool:
    return "float" in value.tag and bool(re.match(r"[-+]?\.(inf|nan)$", value.value, re.I))


_NUL = "holds a NUL character"
_TEXT_OR_MERGE = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


def _note_places(node: yaml.Node | None, key: Key, name: str, places: dict[Key, str]) -> None:
    """Write down the line of every key and item; construction has resolved merges by now."""
    if isinstance(node, yaml.MappingNode):
        inner = [(k.value, k, value) for k, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(number, item, item) for number, item in enumerate(node.value)]
    else:
        return
    for step, mark, value in inner:
        places[(*key, step)] = f"{name}:{mark.start_mark.line + 1}"
        _note_places(value, (*key, step), name, places)


def merge(base: dict, changes: dict) -> dict:
    """Return `base` with `changes`, merged key by key as Snakemake does with --configfile."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
