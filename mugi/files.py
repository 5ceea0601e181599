"""The only reader of YAML and of tables, and the only writer: whole files or none, the same bytes.

Mistakes name the file, the line (of YAML and CSV) and the key or column.
"""

import csv
import io
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from yaml.composer import Composer

from mugi.errors import InputError, Mistake, closest, first_line, raise_all
from mugi.runs import publishing, temporary_prefix
from mugi.runs import sha256_of as sha256_of

Key = tuple[str | int, ...]  # the way to a value: keys of mappings, places in lists
TABLES = (".csv", ".parquet")
LARGEST_YAML = 2_000_000  # characters; what is longer belongs in a table
_DEEPEST = 100  # levels of YAML
_MOST_VALUES = 100_000  # and keys, as written: about 100 MB
_MOST_ALIASED = 100_000  # values that aliases (*name) add, all of them written out
_LARGEST_WHOLE = 10**18  # of YAML: larger ones do not fit into 64 bits
MOST_CELLS = 500_000_000  # of a Parquet table: 5 million runs with all columns
COMMAS = "cells must be separated by commas, and decimals by points"


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
    said = Path(os.path.expanduser(name))  # unlike Path's, it leaves ~ of nobody as it is
    path = Path(os.path.normpath(Path(os.path.expanduser(file)).parent / said))
    # os.path has False for what is too long to be a path, where Path raises
    if not (name.startswith("~") or os.path.exists(path)):
        return text
    here = Path.cwd()
    within = path.is_absolute() and not said.is_absolute() and path.is_relative_to(here)
    return f"{path.relative_to(here) if within else path}{equals}{windows}"


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
        if abs(number) > most and not re.match(r"[-+]?\.inf$", node.value, re.I):
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
    """Return the place and mistake of every key that is not text or stands twice, in order."""
    mistakes, waiting, seen = [], [((), root)] if root else [], set()
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:  # an alias of what was looked at
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*path, number), item) for number, item in enumerate(node.value)]
        first: dict[tuple[str, str], int] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            line, what = key.start_mark.line + 1, ""
            if not isinstance(key, yaml.ScalarNode):
                what = "a key must be text, not a list or keys and values"
            elif key.tag not in _TEXT_OR_MERGE:
                what = f"key {key.value} is not text; write '{key.value}'"
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


def read_table(path: str | Path, columns: Iterable[str] = (), numbers: Iterable[str] = (), **how):
    """Read a table from CSV or Parquet, by its ending; empty cells of text are empty text.

    Raises InputError if one of the `columns` or of `numbers` is missing, if a cell of `numbers` is
    not a finite number, if there are no rows, or if cells are not separated by commas. `how` goes
    to `pandas.read_csv`, such as `dtype=str`.
    """
    path, numbers = Path(path), list(numbers)
    try:
        path.open("rb").close()  # pyarrow would not say why a file cannot be read
        if path.suffix == ".parquet":
            table = _parquet(path)
            texts = table.select_dtypes(["object", "str"]).columns
            table[texts] = table[texts].fillna("")
        else:
            _check_heading(path, how.get("sep", ","))
            how |= {"keep_default_na": False, "low_memory": False, "compression": None}
            table = pd.read_csv(path, **how)  # compression: text whatever it is called
    except InputError:
        raise
    except (OSError, ValueError, NotImplementedError, csv.Error) as error:  # of libraries too
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        if cells := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason):
            reason = f"line {cells[2]} has {cells[3]} cells, the heading {cells[1]}; {COMMAS}"
        raise InputError(Mistake(reason, str(path))) from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much as an index
        raise InputError(Mistake(f"rows have more cells than the heading; {COMMAS}", str(path)))
    mistakes = [
        Mistake(f"missing column '{name}'", str(path), nearest=closest(name, table.columns))
        for name in dict.fromkeys([*columns, *numbers])
        if name not in table
    ]
    for name in [name for name in numbers if name in table]:
        values = pd.to_numeric(table[name], errors="coerce")  # what is none is refused here
        wrong = table.index[~np.isfinite(values)]
        if len(wrong):
            cell = str(table.loc[wrong[0], name])
            place = f"{path}: line {wrong[0] + 2}, {name}"
            what = (
                "is not finite" if values[wrong[0]] in (math.inf, -math.inf) else "is not a number"
            )
            mistakes.append(Mistake(f"'{cell}' {what}{comma_hint(cell)}", place))
    if not len(table) and not mistakes:
        mistakes.append(Mistake("no rows", str(path)))
    raise_all(mistakes)
    return table


def _parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet file's columns, whatever types pandas had stored them from.

    An index with a name is a column among them; one without is no more than numbers of rows.
    """
    import pyarrow
    from pyarrow import parquet

    said = parquet.read_metadata(path)
    if said.num_rows * max(1, said.num_columns) > MOST_CELLS:  # a few bytes may say a billion
        raise InputError(Mistake(f"more than {MOST_CELLS:,} cells", str(path)))
    stored = parquet.read_table(path, partitioning=None)
    unnamed = {name for name in stored.column_names if re.fullmatch(r"__index_level_\d+__", name)}
    named = [field for field in stored.schema if field.name not in unnamed]
    twice = {field.name for field in named if stored.column_names.count(field.name) > 1}
    raise_all([Mistake(f"column '{name}' is there twice", str(path)) for name in sorted(twice)])
    plain = {field.name: _plain(stored[field.name], f"{path}: {field.name}") for field in named}
    return pyarrow.table(plain).to_pandas(ignore_metadata=True)


def _plain(column, place: str):
    """Return a column of Parquet as numbers or text, as a CSV would have them.

    Raises InputError for cells that hold several values, or bytes.
    """
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if (
        types.is_nested(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
    ):
        raise InputError(Mistake(f"must hold numbers or text, not {kind}", place))
    if types.is_temporal(kind):
        kind = "string"
    elif types.is_decimal(kind) or types.is_float16(kind):
        kind = "float64"
    return column.cast(kind)


def _check_heading(path: Path, separator: str) -> None:
    """Raise InputError for a CSV with another separator or with a column that is there twice.

    The first row tells too: rows may have another separator than the heading.
    """
    if not path.is_file():  # a pipe is read once only
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = file.readline(), file.readline()
    for number, line in enumerate(lines, 1):
        others = [sign for sign in ";\t|" if sign != separator and sign in line]
        if others and separator not in line and (number == 1 or separator in lines[0]):
            sign = {"\t": "tabs"}.get(others[0], f"'{others[0]}'")
            what = f"columns are separated by {sign}; {COMMAS}"
            raise InputError(Mistake(what, f"{path}:{number}"))
    names = next(csv.reader([lines[0]], delimiter=separator), [])
    twice = [name for number, name in enumerate(names) if name and name in names[:number]]
    raise_all([Mistake(f"column '{name}' is there twice", f"{path}:1") for name in twice])


def comma_hint(cell: str) -> str:
    """Return what to say of a number with a comma, or nothing."""
    cell = cell.strip()
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+", cell):
        return " (a comma: use a point before decimals, and nothing between thousands)"
    return " (a decimal comma: use a point)" if re.fullmatch(r"[-+]?\d+,\d+", cell) else ""


def plain_frame(table: object, name: str) -> pd.DataFrame:
    """Return `table`, the argument `name` of a function, with numbers as numpy has them.

    pandas' own numbers (Int64, boolean, those of pyarrow) become these, missing ones NaN. Raises
    InputError for what is no pandas frame, and for names of columns that are no text or repeated.
    """
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{name} must be a pandas DataFrame, not {type(table).__name__}")
    odd = [repr(column) for column in table.columns if not isinstance(column, str)]
    twice = [repr(column) for column in table.columns[table.columns.duplicated()]]
    raise_all([f"{name}: a column's name must be text, not {column}" for column in odd])
    raise_all([f"{name}: column {column} is there twice" for column in twice])
    numbers = [
        column
        for column, dtype in table.dtypes.items()
        if pd.api.types.is_extension_array_dtype(dtype) and pd.api.types.is_numeric_dtype(dtype)
    ]
    return table.astype(dict.fromkeys(numbers, float)) if numbers else table


def check_writable(path: str | Path, endings: tuple[str, ...] = ()) -> None:
    """Make the folder of `path`; raises InputError if a file cannot be written there.

    `endings` are the allowed ones, any if there are none.
    """
    path = Path(path)
    if endings and path.suffix not in endings:
        raise InputError(Mistake(f"'{path}' must end in {' or '.join(endings)}"))
    place = f"cannot write {path}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Mistake(f"{path.parent}: {error.strerror}", place)) from None
    if path.is_dir():
        raise InputError(Mistake("it is a folder", place))
    if not os.access(path.parent, os.W_OK):
        raise InputError(Mistake(f"{path.parent} is not writable", place))


def write_whole(path: str | Path, write: Callable[[str], None]) -> None:
    """Let `write(temporary)` fill a file beside `path`, then move it there in one step.

    A reader sees the old file or the whole new one; nothing is left of a write that fails. Raises
    InputError if the disk is full or otherwise refuses.
    """
    path = Path(path)
    check_writable(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(path))
        try:
            write(temporary)
            os.fsync(handle)  # or the name might outlive a power cut, and its content not
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp lets only the owner read
            with publishing(Path(temporary), path):
                os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise InputError(Mistake(reason, f"cannot write {path}")) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data`, whole or not at all."""
    write_whole(path, lambda temporary: Path(temporary).write_bytes(data) and None)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table without its index as CSV or Parquet, by the ending; floats keep every digit."""
    write_tables([table], path)


def write_tables(tables: Iterable[pd.DataFrame], path: str | Path) -> None:
    """Write tables of the same columns below each other, one at a time, as `write_table` does."""
    check_writable(path, TABLES)
    append = _append_parquet if Path(path).suffix == ".parquet" else _append_csv
    write_whole(path, lambda temporary: append(tables, temporary))


def join_csv(paths: Iterable[str | Path], path: str | Path) -> int:
    """Write CSV tables below each other, whatever their size; return the number of rows.

    Lines are copied, so that no number changes. Raises InputError for a table that cannot be read,
    has no rows, or other columns than the first.
    """
    paths, rows = list(paths), 0

    def write(temporary: str) -> None:
        nonlocal rows
        heading = _columns(paths[0])
        with open(temporary, "w", encoding="utf-8", newline="") as joined:
            csv.writer(joined, lineterminator="\n").writerow(heading)
            for source in paths:
                if _columns(source) != heading:
                    what = f"its columns are not those of {paths[0]}"
                    raise InputError(Mistake(what, str(source)))
                with open(source, encoding="utf-8-sig") as file:
                    next(csv.reader(file))
                    before = rows
                    for line in file:
                        joined.write(line if line.endswith("\n") else f"{line}\n")
                        rows += 1
                if rows == before:
                    raise InputError(Mistake("no rows", str(source)))

    write_whole(path, write)
    return rows


def _columns(path: str | Path) -> list[str]:
    """Return the heading of a CSV table."""
    try:
        _check_heading(Path(path), ",")
        with open(path, encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Mistake(reason, str(path))) from None


def _append_csv(tables: Iterable[pd.DataFrame], path: str) -> None:
    for number, table in enumerate(tables):
        table.to_csv(path, index=False, header=not number, mode="a", lineterminator="\n")


def _append_parquet(tables: Iterable[pd.DataFrame], path: str) -> None:
    import pyarrow
    from pyarrow import parquet

    tables = iter(tables)
    first = pyarrow.Table.from_pandas(next(tables), preserve_index=False)
    texts = [field.name for field in first.schema if not pyarrow.types.is_floating(field.type)]
    with parquet.ParquetWriter(
        path, first.schema, use_dictionary=texts, compression="zstd"
    ) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(pyarrow.Table.from_pandas(table, first.schema, False))


def pictures(figure) -> dict[str, bytes]:
    """Return a matplotlib figure or seaborn grid by suffix, pdf and png, without dates."""
    drawn = {}
    for suffix, metadata in {"pdf": {"CreationDate": None}, "png": {"Software": None}}.items():
        content = io.BytesIO()
        figure.savefig(content, format=suffix, metadata=metadata)
        drawn[suffix] = content.getvalue()
    return drawn
